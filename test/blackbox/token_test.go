package blackbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth/authtest"
)

// forged returns a token of acme's whose signature is somebody else's.
func forged(more ...claims) string {
	token := acme.signed(nil, more...)
	last := strings.LastIndex(token, ".")
	return secret(token[:last+1] + authtest.Segment(strings.Repeat("x", 64)))
}

func TestAnExpiredToken(t *testing.T) {
	old := claims{"iat": now() - 7200, "exp": now() - 3600}
	plain(t).withstands(t, []attack{
		{"an hour ago", expired, []string{bearer(acme.signed(nil, old))}},
		{"just now, beyond the leeway", expired, []string{bearer(acme.signed(nil, claims{"exp": now() - 2}))}},
		{"in 1970", expired, []string{bearer(acme.signed(nil, claims{"iat": 1, "exp": 1}))}},
		{"as a subprotocol", expired, []string{inProtocol(acme.signed(nil, old), dialectEntry)}},
		{"of a later issuer", expired, []string{bearer(acme.tokenOf(acme.partner, "ana", old))}},
	})
}

// Only the holder of a real token may learn that its time is over (golang-jwt CVE-2024-51744).
func TestAnExpiredTokenThatIsAlsoForged(t *testing.T) {
	old := claims{"iat": now() - 7200, "exp": now() - 3600}
	plain(t).withstands(t, []attack{
		{"by another signature", unbelieved("bad_signature"), []string{bearer(forged(old))}},
		{"by another key", unbelieved("bad_signature"), []string{bearer(impostor(acme.issuer).token(acme, old))}},
		{"without a signature", unbelieved("bad_signature"), []string{bearer(secret(unsigned(acme.signed(nil, old))))}},
		{"for another audience", unbelieved("bad_audience"), []string{bearer(acme.signed(nil, old, claims{"aud": "another"}))}},
		{"for an unknown key", unbelieved("unknown_key"), []string{bearer(acme.signed(claims{"kid": "gone"}, old))}},
	})
}

// unsigned is a token without the last of its three parts.
func unsigned(token string) string { return token[:strings.LastIndex(token, ".")+1] }

// imposture is an issuer's name and key id with a key of the attacker's.
type imposture struct{ issuer *authtest.Issuer }

func impostor(i *authtest.Issuer) imposture {
	fake := *authtest.New(i.URL)
	fake.KeyID = i.KeyID
	return imposture{&fake}
}

func (i imposture) token(p *party, more ...claims) string {
	return secret(i.issuer.Sign(nil, p.claims(append([]claims{{"iss": i.issuer.URL}}, more...)...)))
}

func TestATokenThatIsNotYetValid(t *testing.T) {
	early := unbelieved("token_not_yet_valid")
	plain(t).withstands(t, []attack{
		{"nbf in a minute", early, []string{bearer(acme.signed(nil, claims{"nbf": now() + 60}))}},
		{"nbf in the year 9999", early, []string{bearer(acme.signed(nil, claims{"nbf": 253402300799}))}},
		{"iat in a minute", early, []string{bearer(acme.signed(nil, claims{"iat": now() + 60}))}},
		{"iat behind exp", early, []string{bearer(acme.signed(nil, claims{"iat": now() + 7200}))}},
	})
}

func TestATokenThatLivesTooLong(t *testing.T) {
	const day = 24 * 3600
	plain(t).withstands(t, []attack{
		{"a second more than a day", unbelieved("token_too_long_lived"), []string{bearer(acme.signed(nil, claims{"exp": now() + day + 1, "iat": now()}))}},
		{"a year", unbelieved("token_too_long_lived"), []string{bearer(acme.signed(nil, claims{"exp": now() + 365*day}))}},
		{"two days, issued yesterday", unbelieved("token_too_long_lived"), []string{bearer(acme.signed(nil, claims{"iat": now() - day, "exp": now() + day}))}},
		{"two days, it does not say from when", unbelieved("token_too_long_lived"), []string{bearer(acme.signed(nil, claims{"iat": absent, "exp": now() + 2*day}))}},
	})
}

func TestAWrongAudience(t *testing.T) {
	wrong := unbelieved("bad_audience")
	plain(t).withstands(t, []attack{
		{"another", wrong, []string{bearer(acme.signed(nil, claims{"aud": "another"}))}},
		{"none", wrong, []string{bearer(acme.signed(nil, claims{"aud": absent}))}},
		{"an empty one", wrong, []string{bearer(acme.signed(nil, claims{"aud": ""}))}},
		{"an empty list", wrong, []string{bearer(acme.signed(nil, claims{"aud": []string{}}))}},
		{"a list of others", wrong, []string{bearer(acme.signed(nil, claims{"aud": []string{"a", "b"}}))}},
		{"another case", wrong, []string{bearer(acme.signed(nil, claims{"aud": strings.ToUpper(acme.audience)}))}},
		{"the beginning of it", wrong, []string{bearer(acme.signed(nil, claims{"aud": acme.audience[:5]}))}},
		{"in another claim", wrong, []string{bearer(acme.signed(nil, claims{"aud": absent, "client_id": acme.audience, "azp": acme.audience}))}},
	})
}

func TestAWrongIssuer(t *testing.T) {
	wrong := unbelieved("bad_issuer")
	plain(t).withstands(t, []attack{
		{"a stranger", wrong, []string{bearer(acme.tokenOf(stranger, "ana"))}},
		{"none", wrong, []string{bearer(acme.signed(nil, claims{"iss": absent}))}},
		{"an empty one", wrong, []string{bearer(acme.signed(nil, claims{"iss": ""}))}},
		{"a slash more", wrong, []string{bearer(acme.signed(nil, claims{"iss": acme.issuer.URL + "/"}))}},
		{"another case", wrong, []string{bearer(acme.signed(nil, claims{"iss": strings.ToUpper(acme.issuer.URL)}))}},
		{"a list of the right one", unbelieved("token_malformed"), []string{bearer(acme.signed(nil, claims{"iss": []string{acme.issuer.URL}}))}},
		{"a stranger with the right kid", wrong, []string{bearer(acme.signed(nil, claims{"iss": stranger.URL}))}},
	})
}

func TestATokenOfAnotherTenant(t *testing.T) {
	g := plain(t)
	g.withstands(t, []attack{
		{"acme's key signs globex's iss", unbelieved("unknown_key"), []string{bearer(acme.signed(nil, claims{"iss": globex.issuer.URL, "aud": globex.audience}))}},
		{"and names globex's kid", unbelieved("bad_signature"), []string{bearer(acme.signed(claims{"kid": globex.issuer.KeyID},
			claims{"iss": globex.issuer.URL, "aud": globex.audience}))}},
		{"and names no kid", unbelieved("bad_signature"), []string{bearer(acme.signed(claims{"kid": absent},
			claims{"iss": globex.issuer.URL, "aud": globex.audience}))}},
		{"acme's token for globex's audience", unbelieved("bad_audience"), []string{bearer(acme.signed(nil, claims{"aud": globex.audience}))}},
		{"one for both audiences", unbelieved("bad_audience"), []string{bearer(secret(broker.Token("ana", claims{"aud": []string{acme.audience, globex.audience}})))}},
		{"the other way round", unbelieved("bad_audience"), []string{bearer(secret(broker.Token("ana", claims{"aud": []string{globex.audience, acme.audience}})))}},
		{"one key of a tenant's issuers for the other", unbelieved("unknown_key"), []string{bearer(acme.signed(nil, claims{"iss": acme.partner.URL}))}},
	})
	// An audience chooses only among the tenants of its issuer, and a claim called tenant chooses nothing.
	for _, a := range []struct{ name, token, tenant, user string }{
		{"acme's issuer, both audiences", acme.token("ana", claims{"aud": []string{globex.audience, acme.audience}}), "acme", "ana"},
		{"the broker's, for acme", acme.tokenOf(broker, "ana"), "acme", "broker|ana"},
		{"the broker's, for globex", globex.tokenOf(broker, "ana"), "globex", "broker|ana"},
		{"a claim that says otherwise", acme.token("ana", claims{"tenant": "globex", "tid": "globex", "org": "globex"}), "acme", "ana"},
	} {
		t.Run(a.name, func(t *testing.T) {
			c := g.dial(t, a.token)
			if c.welcome["tenant"] != a.tenant || c.welcome["user"] != a.user {
				t.Errorf("got %v, want %s of %s", c.welcome, a.user, a.tenant)
			}
		})
	}
}

func TestAlgNone(t *testing.T) {
	var attacks []attack
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "none ", "NULL", "HS0"} {
		token := acme.signed(claims{"alg": alg})
		attacks = append(attacks,
			attack{alg + ", without a signature", unbelieved("alg_not_allowed"), []string{bearer(secret(unsigned(token)))}},
			attack{alg + ", over a good signature", unbelieved("alg_not_allowed"), []string{bearer(token)}},
			attack{alg + ", without a kid", unbelieved("alg_not_allowed"), []string{bearer(secret(unsigned(acme.signed(claims{"alg": alg, "kid": absent}))))}},
		)
	}
	for name, header := range map[string]claims{
		"an empty one": {"alg": ""}, "absent": {"alg": absent}, "null": {"alg": nil}, "a list": {"alg": []string{"ES256"}}, "a number": {"alg": 0},
	} {
		attacks = append(attacks, attack{name, unbelieved("token_malformed"), []string{bearer(acme.signed(header))}})
	}
	attacks = append(attacks, attack{"ES256, without a signature", unbelieved("bad_signature"), []string{bearer(secret(unsigned(acme.signed(nil))))}})
	plain(t).withstands(t, attacks)
}

// Whoever takes the published key for a shared secret can sign for everybody.
func TestHS256WithThePublicKey(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(acme.issuer.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(acme.issuer.JWK())
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Split(acme.signed(nil), ".")[1]
	for name, key := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der, "JWK": jwk, "JWKS": acme.issuer.JWKS(), "empty": nil,
	} {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			signed := authtest.Segment(fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, alg, acme.issuer.KeyID)) + "." + body
			sum := hmac.New(sha256.New, key)
			sum.Write([]byte(signed))
			token := secret(signed + "." + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)))
			plain(t).withstands(t, []attack{{alg + " with the " + name, unbelieved("alg_not_allowed"), []string{bearer(token)}}})
		}
	}
}

// The list of algorithms also bounds what a signature may cost.
func TestAnAlgorithmThatIsNotListed(t *testing.T) {
	other := authtest.NewWith(acme.issuer.URL, "ES512")
	other.KeyID = acme.issuer.KeyID
	plain(t).withstands(t, []attack{
		{"ES512, well signed", unbelieved("alg_not_allowed"), []string{bearer(secret(other.Sign(nil, acme.claims())))}},
		{"ES512 over an ES256 signature", unbelieved("alg_not_allowed"), []string{bearer(acme.signed(claims{"alg": "ES512"}))}},
		{"ES384, which is not among the four", unbelieved("alg_not_allowed"), []string{bearer(acme.signed(claims{"alg": "ES384"}))}},
		{"in lower case", unbelieved("alg_not_allowed"), []string{bearer(acme.signed(claims{"alg": "es256"}))}},
		{"RS256 with the id of a P-256 key", unbelieved("alg_key_mismatch"), []string{bearer(acme.signed(claims{"alg": "RS256"}))}},
		{"EdDSA with the id of a P-256 key", unbelieved("alg_key_mismatch"), []string{bearer(acme.signed(claims{"alg": "EdDSA"}))}},
	})
}

func TestAClaimThatStandsTwice(t *testing.T) {
	header, body := `{"alg":"ES256","kid":"`+acme.issuer.KeyID+`"}`, mustJSON(acme.claims())
	in := func(text, member string) string { return strings.TrimSuffix(text, "}") + "," + member + "}" }
	var attacks []attack
	for _, member := range []string{
		`"sub":"bob"`, `"SUB":"bob"`, `"Sub":"bob"`, `"\u0073ub":"bob"`, `"ſub":"bob"`, `"iss":"x"`, `"Iss":"x"`, `"AUD":"x"`, `"Exp":4102444800`,
		`"exp":4102444800`, `"roles":[],"ROLES":["operator"]`, `"roles":[],"roles":["operator"]`, `"deep":{"a":1,"a":2}`, `"deep":[{"a":1,"\u0061":2}]`,
	} {
		attacks = append(attacks, attack{"claims " + member, unbelieved("duplicate_member"), []string{bearer(secret(acme.issuer.SignText(header, in(body, member))))}})
	}
	for _, member := range []string{`"alg":"none"`, `"ALG":"none"`, `"Kid":"x"`, `"typ":"JWT","TYP":"logout+jwt"`} {
		attacks = append(attacks, attack{"header " + member, unbelieved("duplicate_member"), []string{bearer(secret(acme.issuer.SignText(in(header, member), body)))}})
	}
	plain(t).withstands(t, attacks)
}

func mustJSON(v any) string { return string(must(json.Marshal(v))) }

func TestAnUnknownCrit(t *testing.T) {
	var attacks []attack
	for name, header := range map[string]claims{
		"an extension":     {"crit": []string{"http://x.example/ext"}, "http://x.example/ext": true},
		"an empty list":    {"crit": []string{}},
		"text":             {"crit": "exp"},
		"null":             {"crit": nil},
		"b64":              {"crit": []string{"b64"}, "b64": false},
		"b64 without crit": {"b64": false},
		"a known header":   {"crit": []string{"alg"}},
	} {
		attacks = append(attacks, attack{name, unbelieved("critical_header"), []string{bearer(acme.signed(header))}})
	}
	plain(t).withstands(t, attacks)
}

// canary is a listener that must never be connected to.
func canary(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			t.Errorf("the gateway connected to an address out of a token")
		}
	}()
	t.Cleanup(func() { time.Sleep(50 * time.Millisecond) }) // runs first: a fetch in the background needs its moment
	return "http://" + l.Addr().String()
}

func TestATokenThatBringsItsOwnKey(t *testing.T) {
	trap := canary(t)
	own := impostor(acme.issuer).issuer
	der, err := x509.MarshalPKIXPublicKey(own.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var attacks []attack
	for name, header := range map[string]claims{
		"jwk": {"jwk": own.JWK()}, "jwk that is null": {"jwk": nil}, "jku": {"jku": trap + "/jwks.json"},
		"x5c": {"x5c": []string{base64.StdEncoding.EncodeToString(der)}}, "x5u": {"x5u": trap + "/chain.pem"},
		"jwk and no kid": {"jwk": own.JWK(), "kid": absent},
	} {
		attacks = append(attacks,
			attack{name + ", signed with it", unbelieved("embedded_key"), []string{bearer(secret(own.Sign(header, acme.claims())))}},
			attack{name + ", signed well", unbelieved("embedded_key"), []string{bearer(acme.signed(header))}},
		)
	}
	attacks = append(attacks,
		attack{"an iss that is an address", unbelieved("bad_issuer"), []string{bearer(secret(own.Sign(nil, acme.claims(claims{"iss": trap}))))}},
		attack{"a kid that is an address", unbelieved("unknown_key"), []string{bearer(secret(own.Sign(claims{"kid": trap}, acme.claims())))}},
		attack{"another's key by its own id", unbelieved("unknown_key"), []string{bearer(secret(own.Sign(claims{"kid": stranger.KeyID}, acme.claims())))}},
		attack{"another's key by the issuer's id", unbelieved("bad_signature"), []string{bearer(secret(own.Sign(nil, acme.claims())))}},
	)
	plain(t).withstands(t, attacks)
}

// A bound token without its proof is a stolen one, as far as the gateway can tell.
func TestABoundTokenWithoutItsProof(t *testing.T) {
	var attacks []attack
	for name, cnf := range map[string]any{
		"jkt": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, "x5t#S256": claims{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"},
		"jwk": claims{"jwk": stranger.JWK()}, "kid": claims{"kid": "k"}, "an unknown one": claims{"osc": claims{}}, "an empty one": claims{}, "null": nil, "text": "",
	} {
		attacks = append(attacks, attack{name, unbelieved("token_bound"), []string{bearer(acme.signed(nil, claims{"cnf": cnf}))}})
	}
	plain(t).withstands(t, attacks)
}

func TestATokenForAnotherPurpose(t *testing.T) {
	logout := claims{"events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}}}
	var attacks []attack
	for _, typ := range []string{"logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "secevent+jwt", "dpop+jwt", "e2ee-key+jwt", "JWE", "at+jwt;x", " at+jwt"} {
		attacks = append(attacks, attack{"typ " + typ, unbelieved("token_type"), []string{bearer(acme.signed(claims{"typ": typ}))}})
	}
	attacks = append(attacks,
		attack{"a logout token", unbelieved("token_type"), []string{bearer(acme.signed(claims{"typ": "logout+jwt"}, logout))}},
		attack{"a logout token that says JWT", unbelieved("token_type"), []string{bearer(acme.signed(claims{"typ": "JWT"}, logout))}},
		attack{"a typ that is no text", unbelieved("token_malformed"), []string{bearer(acme.signed(claims{"typ": []string{"JWT"}}))}},
	)
	plain(t).withstands(t, attacks)
}
