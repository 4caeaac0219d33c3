package e2ee_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The world of the vectors: one tenant, one issuer, and those who are in room:1 or want to be.

const (
	tenantID = "acme"
	room1    = "room:1"
	issuerID = "https://backend.example"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// seed makes 32 bytes that are the same each time: those who hold the vectors of yesterday hold these keys.
func seed(of string) []byte {
	sum := sha256.Sum256([]byte("portcullis e2ee vectors: " + of))
	return sum[:]
}

// person is a user with private keys.
type person struct {
	user  string
	sign  ed25519.PrivateKey
	agree *ecdh.PrivateKey
}

func newPerson(user string) person {
	return person{user, ed25519.NewKeyFromSeed(seed(user + " sign")), must(ecdh.X25519().NewPrivateKey(seed(user + " agree")))}
}

var (
	ana = newPerson("ana") // the distributor
	ben = newPerson("ben") // a member
	cid = newPerson("cid") // a member, and who reads
	dan = newPerson("dan") // a member whose assertion ends in a minute
	eve = newPerson("eve") // known, and on no list
	mal = newPerson("mal") // a member who lets the issuer vouch for ben's public key as theirs
	pat = newPerson("pat") // not known
)

func (p person) public() ed25519.PublicKey { return p.sign.Public().(ed25519.PublicKey) }
func (p person) signID() string            { return okpID("Ed25519", p.public()) }
func (p person) agreeID() string           { return okpID("X25519", p.agree.PublicKey().Bytes()) }

func (p person) identity() string {
	return fmt.Sprintf(`{"sign":{"kty":"OKP","crv":"Ed25519","x":"%s","d":"%s"},"agree":{"kty":"OKP","crv":"X25519","x":"%s","d":"%s"}}`,
		b64(p.public()), b64(p.sign.Seed()), b64(p.agree.PublicKey().Bytes()), b64(p.agree.Bytes()))
}

func edJWK(p person) string {
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s"}`, b64(p.public()))
}

func xJWK(p person) string {
	return fmt.Sprintf(`{"kty":"OKP","crv":"X25519","x":"%s"}`, b64(p.agree.PublicKey().Bytes()))
}

// quote is text as a JSON string.
func quote(text string) string { return string(must(json.Marshal(text))) }

// statement is a message before it is signed and encrypted. Its headers may be changed in any way.
type statement struct {
	outer, inner string
	plaintext    []byte
	sign         func([]byte) []byte
	key, nonce   []byte
}

// said is what p says to room:1 in its session, under key.
func said(p person, key []byte, counter uint64, plaintext string) *statement {
	return saidIn(p, room1, "session", key, counter, plaintext)
}

func saidIn(p person, channel, session string, key []byte, counter uint64, plaintext string) *statement {
	kid := kidOf(key)
	return &statement{
		outer: fmt.Sprintf(`{"alg":"dir","enc":"A256GCM","kid":%q,"tenant":%q,"channel":%q,"cty":"JWS"}`, kid, tenantID, channel),
		inner: fmt.Sprintf(`{"alg":"EdDSA","typ":"portcullis-message+jws","kid":%q,"tenant":%q,"channel":%q,"user":%q,"key":%q,"session":%q,"counter":%d}`,
			p.signID(), tenantID, channel, p.user, kid, b64(seed(session + p.user)[:16]), counter),
		plaintext: []byte(plaintext),
		sign:      byEdDSA(p.sign),
		key:       key,
		nonce:     seed(plaintext + strconv.FormatUint(counter, 10))[:12],
	}
}

func (s *statement) jws() string  { return writeJWS(s.inner, s.plaintext, s.sign) }
func (s *statement) text() string { return writeJWE(s.outer, s.key, s.nonce, []byte(s.jws())) }

// but changes a statement: old must be there.
func (s *statement) but(old, with string) *statement {
	if !strings.Contains(s.inner, old) {
		panic(old + " is not in " + s.inner)
	}
	s.inner = strings.Replace(s.inner, old, with, 1)
	return s
}

func (s *statement) outside(old, with string) *statement {
	if !strings.Contains(s.outer, old) {
		panic(old + " is not in " + s.outer)
	}
	s.outer = strings.Replace(s.outer, old, with, 1)
	return s
}

// grantText is a grant before it is signed.
type grantText struct {
	header, payload string
	sign            func([]byte) []byte
}

// wrap is a channel key for one member (RFC 9180), bound to what the format says.
func wrap(key []byte, channel, kid string, generation uint64, user string, to person) (info []byte, wrapped string) {
	for _, field := range []string{"portcullis-e2ee/1 wrap", tenantID, channel, kid, strconv.FormatUint(generation, 10), user, to.agreeID()} {
		info = binary.BigEndian.AppendUint32(info, uint32(len(field)))
		info = append(info, field...)
	}
	public := must(hpke.NewDHKEMPublicKey(to.agree.PublicKey()))
	return info, b64(must(hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), info, key)))
}

// gives is what ana gives to members.
func gives(key []byte, generation uint64, created time.Time, members ...person) *grantText {
	return givesIn(ana, room1, key, generation, created, members...)
}

func givesIn(by person, channel string, key []byte, generation uint64, created time.Time, members ...person) *grantText {
	kid := kidOf(key)
	var list []string
	for _, m := range members {
		_, wrapped := wrap(key, channel, kid, generation, m.user, m)
		list = append(list, entryOf(m, wrapped))
	}
	return &grantText{
		header: fmt.Sprintf(`{"alg":"EdDSA","typ":"portcullis-grant+jws","kid":%q}`, by.signID()),
		payload: fmt.Sprintf(`{"tenant":%q,"channel":%q,"key":%q,"generation":%d,"created":%d,"members":[%s]}`,
			tenantID, channel, kid, generation, created.Unix(), strings.Join(list, ",")),
		sign: byEdDSA(by.sign),
	}
}

func entryOf(p person, wrapped string) string {
	return fmt.Sprintf(`{"user":%q,"sign":%q,"to":%q,"wrapped":%q}`, p.user, p.signID(), p.agreeID(), wrapped)
}

func (g *grantText) text() string { return writeJWS(g.header, []byte(g.payload), g.sign) }

func (g *grantText) but(old, with string) *grantText {
	if !strings.Contains(g.payload, old) {
		panic(old + " is not in " + g.payload)
	}
	g.payload = strings.Replace(g.payload, old, with, 1)
	return g
}

func (g *grantText) head(old, with string) *grantText {
	if !strings.Contains(g.header, old) {
		panic(old + " is not in " + g.header)
	}
	g.header = strings.Replace(g.header, old, with, 1)
	return g
}

// vouches is an assertion before it is signed.
type vouches struct {
	header, claims string
	sign           func([]byte) []byte
}

func vouch(p person, life time.Duration) *vouches {
	return &vouches{
		header: `{"alg":"EdDSA","typ":"e2ee-key+jwt","kid":"ed"}`,
		claims: fmt.Sprintf(`{"iss":%q,"sub":%q,"tenant":%q,"iat":%d,"exp":%d,"keys":[%s,%s]}`,
			issuerID, p.user, tenantID, noon.Unix()-3600, noon.Add(life).Unix(), edJWK(p), xJWK(p)),
		sign: byEdDSA(issuerEd),
	}
}

func (v *vouches) text() string { return writeJWS(v.header, []byte(v.claims), v.sign) }

func (v *vouches) but(old, with string) *vouches {
	if !strings.Contains(v.claims, old) {
		panic(old + " is not in " + v.claims)
	}
	v.claims = strings.Replace(v.claims, old, with, 1)
	return v
}

func (v *vouches) head(old, with string) *vouches {
	if !strings.Contains(v.header, old) {
		panic(old + " is not in " + v.header)
	}
	v.header = strings.Replace(v.header, old, with, 1)
	return v
}

var issuerEd = ed25519.NewKeyFromSeed(seed("issuer"))

// at runs a test at a moment.
func at(t *testing.T, unix int64, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(unix, 0)))
		f(t)
	})
}

// until lets time pass inside at.
func until(unix int64) { time.Sleep(time.Until(time.Unix(unix, 0))) }
