package e2ee_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		writeVectors()
	}
	os.Exit(m.Run())
}

func writeVectors() {
	must(0, os.MkdirAll(vectors, 0o755))
	grants := theGrantsOnce()
	save("identities.json", theIdentities())
	save("kid.json", theKids())
	save("grants.json", grants)
	save("messages.json", theMessages())
	save("tampered.json", theTampered())
}

// save writes a file: of a list each row on a line of its own, so that a change of one is seen as that.
func save(name string, v any) {
	text := must(json.Marshal(v))
	var out bytes.Buffer
	var rows []json.RawMessage
	if json.Unmarshal(text, &rows) == nil {
		out.WriteString("[\n")
		for i, row := range rows {
			out.Write(row)
			if i < len(rows)-1 {
				out.WriteString(",\n")
			}
		}
		out.WriteString("\n]")
	} else {
		must(0, json.Indent(&out, text, "", "  "))
	}
	out.WriteByte('\n')
	must(0, os.WriteFile(filepath.Join(vectors, name), out.Bytes(), 0o644))
}

func theIdentities() identitiesFile {
	f := identitiesFile{
		Now: noon.Unix(), Tenant: tenantID, Issuer: issuerID, Members: make(map[string]identityVector),
		Private: json.RawMessage(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s","d":"%s","kid":"ed","alg":"EdDSA"}`, b64(issuerEd[32:]), b64(issuerEd.Seed()))),
	}
	for _, p := range []person{ana, ben, cid, eve, pat} {
		f.Members[p.user] = identityOf(p, vouch(p, 365*24*time.Hour).text())
	}
	f.Members[dan.user] = identityOf(dan, vouch(dan, time.Minute).text())
	f.Members[mal.user] = identityOf(mal, vouch(mal, 365*24*time.Hour).but(edJWK(mal), edJWK(ben)).text())

	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	f.Keys = json.RawMessage(fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"%s","kid":"ed","alg":"EdDSA","use":"sig"},%s,%s,%s,{"kty":"RSA","kid":"enc","use":"enc","n":"AQAB","e":"AQAB"}]}`,
		b64(issuerEd[32:]), rsaJWK(rsaKey), ecJWK(p256, "P-256", "p256"), ecJWK(p384, "P-384", "p384")))

	year := 365 * 24 * time.Hour
	ends := noon.Add(year).Unix()
	signedBy := func(alg, kid string, sign func([]byte) []byte) string {
		v := vouch(ana, year).head(`"EdDSA"`, quote(alg)).head(`"ed"`, quote(kid))
		v.sign = sign
		return v.text()
	}
	f.Assertions = []assertionVector{
		{"RS256", signedBy("RS256", "rsa", byRSA(rsaKey, "RS256")), "", "ana", ends},
		{"PS256", signedBy("PS256", "rsa", byRSA(rsaKey, "PS256")), "", "ana", ends},
		{"ES256", signedBy("ES256", "p256", byECDSA(p256)), "", "ana", ends},
		{"ES384", signedBy("ES384", "p384", byECDSA(p384)), "", "ana", ends},
		{"EdDSA", vouch(ana, year).text(), "", "ana", ends},
		{"a prefix", vouch(ana, year).text(), "crew/", "crew/ana", ends},
		{"another case of the type", vouch(ana, year).head("e2ee-key+jwt", "E2EE-Key+JWT").text(), "", "ana", ends},
		{"the keys the other way round", vouch(ana, year).but(edJWK(ana)+","+xJWK(ana), xJWK(ana)+","+edJWK(ana)).text(), "", "ana", ends},
		{"more that a backend says", vouch(ana, year).but(`"iat"`, `"email":{"of":["ana"]},"jti":"7","iat"`).head(`"alg"`, `"x5t":"abc","alg"`).text(), "", "ana", ends},
		{"keys with kid and use", vouch(ana, year).but(`"crv":"Ed25519"`, `"kid":"1","use":"sig","crv":"Ed25519"`).text(), "", "ana", ends},
		{"it ended 29 seconds ago", vouch(ana, -29*time.Second).text(), "", "ana", noon.Unix() - 29},
	}
	return f
}

func identityOf(p person, assertion string) identityVector {
	return identityVector{p.user, json.RawMessage(p.identity()), p.signID(), p.agreeID(), assertion}
}

func rsaJWK(key *rsa.PrivateKey) string {
	return fmt.Sprintf(`{"kty":"RSA","kid":"rsa","n":"%s","e":"%s"}`, b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes()))
}

func ecJWK(key *ecdsa.PrivateKey, curve, kid string) string {
	point := must(key.PublicKey.Bytes())
	half := (len(point) - 1) / 2
	return fmt.Sprintf(`{"kty":"EC","crv":%q,"kid":%q,"x":"%s","y":"%s"}`, curve, kid, b64(point[1:1+half]), b64(point[1+half:]))
}

func theKids() (list []kidVector) {
	for _, of := range []string{"first key", "second key", "third key"} {
		list = append(list, kidVector{b64(seed(of)), kidOf(seed(of))})
	}
	return append(list, kidVector{b64(make([]byte, 32)), kidOf(make([]byte, 32))})
}

// The channel keys of room:1.
var key1, key2, key3 = seed("first key"), seed("second key"), seed("third key")

// theRoom is cid's view of room:1.
func theRoom() roomVector {
	return roomVector{tenantID, room1, "cid", []string{"ana"}, []string{"ana", "ben", "cid", "dan", "eve", "mal"}}
}

// theGrants are made once: messages and tampered rows name them.
func theGrants() []grantVector {
	return []grantVector{
		aGrant("first", key1, 1, ana, ben, cid, dan, mal),
		aGrant("second", key2, 2, ana, cid), // ben, dan and mal were removed
		aGrant("third", key3, 3, ana, ben, cid),
	}
}

func aGrant(name string, key []byte, generation uint64, members ...person) grantVector {
	v := grantVector{Name: name, Room: theRoom(), Key: b64(key), Kid: kidOf(key), Generation: generation, Created: noon.Unix()}
	g := gives(key, generation, noon, members...)
	v.Text = g.text()
	var payload struct {
		Members []struct{ User, Wrapped string } `json:"members"`
	}
	must(0, json.Unmarshal([]byte(g.payload), &payload))
	for i, m := range payload.Members {
		info, _ := wrap(key, room1, v.Kid, generation, m.User, members[i])
		v.Wraps = append(v.Wraps, wrapVector{m.User, b64(info), m.Wrapped})
	}
	v.Message = opens(said(ana, key, 1, "welcome to generation "+name), ana)
	return v
}

var jwe = "jwe"

// sealed is a message that comes to a room.
func sealed(text, user string) step {
	return step{Kind: "message", Now: noon.Unix(), Data: json.RawMessage(quote(text)), Encryption: &jwe, User: user}
}

// opens is one that is right, with what it says.
func opens(s *statement, from person) step {
	made := sealed(s.text(), from.user)
	text := b64(s.plaintext)
	made.Plaintext = &text
	return made
}

func theMessages() messagesFile {
	history := func(s step) step { s.Kind = "history"; return s }
	later := func(s step, d time.Duration) step { s.Now += int64(d / time.Second); return s }
	grant := func(name string, d time.Duration) step {
		for _, v := range theGrantsOnce() {
			if v.Name == name {
				return later(step{Kind: "grant", Now: noon.Unix(), Text: v.Text}, d)
			}
		}
		panic(name)
	}
	first := opens(said(ben, key1, 1, "hello"), ben)
	reordered := said(ben, key1, 2, "members in another order")
	reordered.inner = fmt.Sprintf(` { "counter" : 2 , "session":%q,"key":%q,"user":"ben","channel":"room:1","tenant":"acme","kid":%q,"typ":"portcullis-message+jws","alg":"EdDSA"} `,
		b64(seed("sessionben")[:16]), kidOf(key1), ben.signID())
	reordered.outer = fmt.Sprintf("{\n\"cty\":\"JWS\",\"channel\":\"room\\u003a1\",\"tenant\":\"acme\",\"kid\":%q,\"enc\":\"A256GCM\",\"alg\":\"dir\"}", kidOf(key1))
	return messagesFile{Room: theRoom(), Grants: []string{"first"}, Messages: []messageStep{
		{"the first", first},
		{"members of the headers in another order, with spaces and escapes", opens(reordered, ben)},
		{"nothing but a signature", opens(said(ben, key1, 3, ""), ben)},
		{"bytes that are no text", opens(said(ben, key1, 4, "\x00\xff\xfe"), ben)},
		{"characters of other planes", opens(said(ben, key1, 5, "grüß \U0001f511"), ben)},
		{"one's own, which comes back", opens(said(cid, key1, 1, "mine"), cid)},
		{"a session may begin anywhere", opens(saidIn(ana, room1, "high", key1, 65, "high"), ana)},
		{"64 behind the highest", opens(saidIn(ana, room1, "high", key1, 1, "low"), ana)},
		{"out of order", opens(saidIn(ana, room1, "high", key1, 33, "between"), ana)},
		{"the highest counter", opens(saidIn(ana, room1, "high", key1, 1<<53-1, "the last"), ana)},
		{"whose assertion ended 29 seconds ago", later(opens(said(dan, key1, 1, "just in time"), dan), 89*time.Second)},
		{"a reading of history has what was opened before", history(later(first, 89*time.Second))},
		{"the third grant", grant("third", 100*time.Second)},
		{"the new generation", later(opens(said(ben, key3, 6, "new"), ben), 100*time.Second)},
		{"a counter that other keys know", later(opens(said(ben, key3, 1, "new"), ben), 100*time.Second)},
		{"the generation before, after 59 seconds", later(opens(said(ben, key1, 7, "late"), ben), 159*time.Second)},
		{"the second grant comes late, for reading", grant("second", 160*time.Second)},
		{"history of a generation that was never live", history(later(opens(said(ana, key2, 1, "between"), ana), 160*time.Second))},
		{"history of the first generation", history(later(opens(said(ben, key1, 8, "old"), ben), 200*time.Second))},
		{"the same grant again", grant("third", 200*time.Second)},
		{"who was removed is read in history", history(later(opens(said(ben, key1, 9, "older"), ben), 200*time.Second))},
	}}
}

var made []grantVector

func theGrantsOnce() []grantVector {
	if made == nil {
		made = theGrants()
	}
	return made
}
