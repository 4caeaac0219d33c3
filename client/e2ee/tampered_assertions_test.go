package e2ee_test

import (
	"fmt"
	"strings"
	"time"
)

func assertionRow(name, reason, text string) tamperedRow {
	return tamperedRow{Name: name, Reason: reason, step: step{Kind: "assertion", Text: text}.at(0)}
}

const day = 24 * time.Hour

// anas is the assertion that is tampered with.
func anas() *vouches { return vouch(ana, 365*day-2*time.Hour) }

func tamperedAssertions() (rows []tamperedRow) {
	for _, claim := range []string{"iss", "sub", "tenant", "iat", "exp", "keys"} {
		reason := "assertion"
		if claim == "tenant" {
			reason = "tenant"
		}
		rows = append(rows,
			assertionRow("no "+claim, reason, anas().but(fmt.Sprintf("%q:", claim), fmt.Sprintf(`"was-%s":`, claim)).text()),
			assertionRow("two "+claim, "assertion", anas().but("{", fmt.Sprintf(`{"%s":1,`, claim)).text()),
		)
	}
	signedBy := func(v *vouches, sign func([]byte) []byte) string { v.sign = sign; return v.text() }
	keys := func(list string) string { return anas().but(edJWK(ana)+","+xJWK(ana), list).text() }
	private := strings.Replace(edJWK(ana), "}", `,"d":"`+b64(ana.sign.Seed())+`"}`, 1)
	exp := fmt.Sprintf(`"exp":%d`, noon.Add(365*day-2*time.Hour).Unix())
	iat := fmt.Sprintf(`"iat":%d`, noon.Unix()-3600)
	return append(rows,
		assertionRow("it ended", "expired", vouch(ana, -30*time.Second).text()),
		assertionRow("of another issuer", "assertion", anas().but(issuerID, "https://other.example").text()),
		assertionRow("of the issuer with a slash", "assertion", anas().but(issuerID, issuerID+"/").text()),
		assertionRow("of another tenant", "tenant", anas().but("acme", "globex").text()),
		assertionRow("a token of another type", "assertion", anas().head("e2ee-key+jwt", "JWT").text()),
		assertionRow("a token without a type", "assertion", anas().head(`"typ":"e2ee-key+jwt",`, "").text()),
		assertionRow("alg none", "assertion", signedBy(anas().head("EdDSA", "none"), byNobody)),
		assertionRow("HS256 with the public key as secret", "assertion", signedBy(anas().head("EdDSA", "HS256"), byHS256(issuerEd[32:]))),
		assertionRow("an algorithm that is not the key's", "assertion", anas().head("EdDSA", "ES256").text()),
		assertionRow("an unknown kid", "assertion", anas().head(`"ed"`, `"other"`).text()),
		assertionRow("no kid", "assertion", anas().head(`,"kid":"ed"`, "").text()),
		assertionRow("its own key beside it", "assertion", signedBy(anas().head(`"ed"`, `"other","jwk":`+edJWK(mal)), byEdDSA(mal.sign))),
		assertionRow("crit", "assertion", anas().head(`"alg"`, `"crit":["exp"],"alg"`).text()),
		assertionRow("alg twice", "assertion", anas().head(`"alg"`, `"alg":"RS256","alg"`).text()),
		assertionRow("signed by somebody else", "assertion", signedBy(anas(), byEdDSA(mal.sign))),
		assertionRow("signature flipped", "assertion", flip(anas().text(), 2)),
		assertionRow("signature with spare bits", "assertion", part(anas().text(), 2, spare)),
		assertionRow("subject changed", "assertion", part(anas().text(), 1, func(string) string { return b64([]byte(anas().but(`"ana"`, `"eve"`).claims)) })),
		assertionRow("four parts", "assertion", anas().text()+".AAAA"),
		assertionRow("longer than 16 KiB", "assertion", anas().but(`"sub"`, `"x":"`+strings.Repeat("x", 16<<10)+`","sub"`).text()),
		assertionRow("a life of more than 366 days", "assertion", anas().but(exp, fmt.Sprintf(`"exp":%d`, noon.Unix()-3600+366*86400+1)).text()),
		assertionRow("an end before its beginning", "assertion", anas().but(iat, fmt.Sprintf(`"iat":%d`, noon.Unix()+10)).but(exp, fmt.Sprintf(`"exp":%d`, noon.Unix()+10)).text()),
		assertionRow("it begins in the future", "assertion", anas().but(iat, fmt.Sprintf(`"iat":%d`, noon.Unix()+31)).text()),
		assertionRow("it is not to be used yet", "assertion", anas().but(`"iat"`, fmt.Sprintf(`"nbf":%d,"iat"`, noon.Unix()+31)).text()),
		assertionRow("an end with a fraction", "assertion", anas().but(exp, exp+".5").text()),
		assertionRow("an end as text", "assertion", anas().but(exp, fmt.Sprintf(`"exp":"%d"`, noon.Add(day).Unix())).text()),
		assertionRow("an empty subject", "assertion", anas().but(`"ana"`, `""`).text()),
		assertionRow("a subject with a control character", "assertion", anas().but(`"ana"`, `"an\u0000a"`).text()),
		assertionRow("a subject with half a surrogate pair", "assertion", anas().but(`"ana"`, `"ana\udc00"`).text()),
		assertionRow("a private key inside", "assertion", keys(private+","+xJWK(ana))),
		assertionRow("one key missing", "assertion", keys(edJWK(ana))),
		assertionRow("three keys", "assertion", keys(edJWK(ana)+","+xJWK(ana)+","+xJWK(ben))),
		assertionRow("two keys to sign", "assertion", keys(edJWK(ana)+","+edJWK(ben))),
		assertionRow("a key of another kind", "assertion", keys(edJWK(ana)+`,{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`)),
		assertionRow("a key of 31 bytes", "assertion", keys(edJWK(ana)+`,{"kty":"OKP","crv":"X25519","x":"`+b64(make([]byte, 31))+`"}`)),
		assertionRow("a key with spare bits", "assertion", keys(edJWK(ana)+`,{"kty":"OKP","crv":"X25519","x":"`+spare(b64(ana.agree.PublicKey().Bytes()))+`"}`)),
		assertionRow("an Ed25519 key of small order", "assertion", keys(`{"kty":"OKP","crv":"Ed25519","x":"`+b64(append([]byte{1}, make([]byte, 31)...))+`"},`+xJWK(ana))),
		assertionRow("a key of low order", "assertion", keys(edJWK(ana)+`,{"kty":"OKP","crv":"X25519","x":"`+b64(make([]byte, 32))+`"}`)),
	)
}
