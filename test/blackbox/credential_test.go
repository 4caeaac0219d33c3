package blackbox_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const (
	dialectEntry = "portcullis.v1.json"
	protocol     = "Sec-WebSocket-Protocol: "
)

func TestNoToken(t *testing.T) {
	plain(t).withstands(t, []attack{
		{"nothing at all", noCredentials, nil},
		{"only a subprotocol", noCredentials, []string{protocol + dialectEntry}},
		{"only an origin", noCredentials, []string{"Origin: " + acme.origin}},
		{"a cookie", noCredentials, []string{"Cookie: token=" + acme.token("ana")}},
		{"the scheme alone", noCredentials, []string{"Authorization: Bearer"}},
		{"the token's entry without a token", noCredentials, []string{protocol + dialectEntry + ", bearer."}},
	})
}

func TestTwoTokens(t *testing.T) {
	one, other := acme.token("ana"), globex.token("bob")
	two := badHandshake("ambiguous_credentials")
	plain(t).withstands(t, []attack{
		{"header and subprotocol", two, []string{bearer(one), inProtocol(other, dialectEntry)}},
		{"the same token in both", two, []string{bearer(one), inProtocol(one, dialectEntry)}},
		{"two Authorization headers", two, []string{bearer(one), bearer(other)}},
		{"an empty one behind a good one", two, []string{bearer(one), "Authorization: Bearer"}},
		{"a good one behind an empty one", two, []string{"Authorization: Bearer", bearer(one)}},
		{"two entries", two, []string{inProtocol(one, dialectEntry, "bearer."+other)}},
		{"an empty entry and a good one", two, []string{inProtocol(one, dialectEntry, "bearer.")}},
		{"two subprotocol headers", two, []string{inProtocol(one, dialectEntry), inProtocol(other)}},
		{"two in one Authorization", unbelieved("token_malformed"), []string{bearer(one + ", Bearer " + other)}},
		{"another scheme before it", unbelieved("token_malformed"), []string{"Authorization: Basic " + secret("YW5hOm15IHBhc3N3b3Jk"), bearer(one)}},
		{"another scheme behind it", unbelieved("token_malformed"), []string{bearer(one), "Authorization: Basic YW5hOm15IHBhc3N3b3Jk"}},
	})
}

func TestAMalformedToken(t *testing.T) {
	good := acme.token("ana")
	header, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	std := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	var attacks []attack
	for _, a := range []struct{ name, token string }{
		{"garbage", "this-is-no-token-at-all"},
		{"only dots", ".."},
		{"8 KiB of dots", strings.Repeat(".", 8<<10)},
		{"one segment", body},
		{"two segments", header + "." + body},
		{"four segments", good + "." + signature},
		{"JWE, five segments", header + "." + body + "." + signature + "." + body + "." + signature},
		{"JSON-serialized", fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, body, header, signature)},
		{"JSON-serialized, flattened", fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, body, header, signature)},
		{"padding", header + "." + body + "." + signature + "=="},
		{"the other base64", std(`{"alg":"ES256","typ":"??>>"}`) + "." + std(`{"sub":"??>>"}`) + "." + signature},
		{"a space inside", header + ". " + body + "." + signature},
		{"a percent-encoded line break", good + "%0d%0a"},
		{"quoted", `"` + good + `"`},
		{"no JSON in its header", acme.issuer.SignText("ES256", "{}")},
		{"no JSON in its claims", acme.issuer.SignText(`{"alg":"ES256"}`, "sub=ana")},
		{"a list as claims", acme.issuer.SignText(`{"alg":"ES256"}`, "[]")},
		{"two JSON values", acme.issuer.SignText(`{"alg":"ES256"}`, "{}{}")},
		{"no UTF-8", acme.issuer.SignText(`{"alg":"ES256"}`, "{\"sub\":\"\xff\"}")},
		{"a byte order mark", acme.issuer.SignText("\uFEFF"+`{"alg":"ES256"}`, "{}")},
		{"half a surrogate", acme.issuer.SignText(`{"alg":"ES256"}`, `{"sub":"\ud800"}`)},
		{"a hundred levels", acme.issuer.SignText(`{"alg":"ES256"}`, `{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+"}")},
		{"no exp", acme.signed(nil, claims{"exp": absent})},
		{"exp as text", acme.signed(nil, claims{"exp": "4102444800"})},
		{"exp beyond all years", acme.signed(nil, claims{"exp": 9e18})},
		{"nbf beyond all floats", acme.issuer.SignText(`{"alg":"ES256"}`, fmt.Sprintf(`{"iss":%q,"sub":"ana","exp":4102444800,"nbf":1e999}`, acme.issuer.URL))},
		{"a negative exp", acme.signed(nil, claims{"exp": -1})},
		{"a number as sub", acme.signed(nil, claims{"sub": 7})},
		{"an object as aud", acme.signed(nil, claims{"aud": claims{"portcullis-acme": true}})},
		{"roles that are no texts", acme.signed(nil, claims{"roles": []int{1}})},
		{"an empty kid", acme.signed(claims{"kid": ""})},
		{"a path as kid", acme.signed(claims{"kid": "../../../../etc/passwd\x00"})},
		{"SQL as kid", acme.signed(claims{"kid": "x' UNION SELECT 'key'--"})},
		{"zip", acme.signed(claims{"zip": "DEF"})},
	} {
		attacks = append(attacks, attack{a.name, unbelieved("token_malformed"), []string{bearer(secret(a.token))}})
	}
	large := acme.token("ana", claims{"fill": strings.Repeat("x", 9<<10)})
	attacks = append(attacks,
		attack{"Basic", unbelieved("token_malformed"), []string{"Authorization: Basic " + secret("YW5hOmFub3RoZXIgcGFzc3dvcmQ=")}},
		attack{"Digest", unbelieved("token_malformed"), []string{`Authorization: Digest username="ana"`}},
		attack{"no scheme", unbelieved("token_malformed"), []string{"Authorization: " + good}},
		attack{"a folded line inside", unbelieved("token_malformed"), []string{"Authorization: Bearer " + header + ".\r\n " + body + "." + signature}},
		attack{"12 KiB, well signed", unbelieved("token_too_large"), []string{bearer(large)}},
		attack{"12 KiB as a subprotocol", unbelieved("token_too_large"), []string{inProtocol(large, dialectEntry)}},
		attack{"no sub", unbelieved("bad_subject"), []string{bearer(acme.signed(nil, claims{"sub": absent}))}},
		attack{"an empty sub", unbelieved("bad_subject"), []string{bearer(acme.signed(nil, claims{"sub": ""}))}},
		attack{"a line break in sub", unbelieved("bad_subject"), []string{bearer(acme.signed(nil, claims{"sub": "ana\nlevel=ERROR"}))}},
		attack{"NUL in sub", unbelieved("bad_subject"), []string{bearer(acme.signed(nil, claims{"sub": "ana\x00bob"}))}},
		attack{"a sub of 1,025 bytes", unbelieved("bad_subject"), []string{bearer(acme.signed(nil, claims{"sub": strings.Repeat("a", 1025)}))}},
	)
	plain(t).withstands(t, attacks)
}

// A bare line break in a header never reaches the gateway's own code.
func TestALineBreakInsideAToken(t *testing.T) {
	g := plain(t)
	token := acme.token("ana")
	for _, separator := range []string{"\r", "\n\r", "\x00", "\x0b"} {
		g.uncounted(t, func() {
			a, err := g.connect(t).request(g.upgrade("Authorization: Bearer " + token[:40] + separator + token[40:]))
			if err != nil || a.status != 400 {
				t.Errorf("%q: got %v, %v, want 400", separator, a, err)
			}
		})
	}
}

func TestATokenInTheQuery(t *testing.T) {
	g := plain(t)
	token := acme.token("ana")
	inURL := badHandshake("credential_in_url")
	for _, query := range []string{
		"access_token=" + token, "token=" + token, "ticket=" + token, "jwt=" + token, "id_token=" + token, "authorization=Bearer%20" + token,
		token, "anything=" + secret("anything-that-is-secret"), "",
	} {
		name, _, _ := strings.Cut(query, "=")
		for beside, headers := range map[string][]string{"alone": nil, "beside a good one": {bearer(token)}} {
			t.Run(name[:min(len(name), 16)]+" "+beside, func(t *testing.T) {
				g.refuses(t, inURL, func() *answer {
					return g.tell(t, g.connect(t), g.get("/v1/ws?"+query, append(upgradeHeaders(), headers...)...))
				})
			})
		}
	}
}

// What a well-behaved client does is let in, so that the refusals above are not those of a gateway that refuses everything.
func TestAGoodTokenIsLetIn(t *testing.T) {
	g := plain(t)
	token := acme.token("ana")
	for _, a := range []struct {
		name    string
		headers []string
	}{
		{"in the header", []string{bearer(token)}},
		{"with the scheme in lower case", []string{"authorization: bearer " + token}},
		{"as a subprotocol", []string{inProtocol(token, dialectEntry)}},
		{"as a subprotocol in a header of its own", []string{protocol + dialectEntry, inProtocol(token)}},
		{"as a subprotocol, first", []string{protocol + "bearer." + token + "," + dialectEntry}},
		{"with every type that there is", []string{bearer(acme.signed(claims{"typ": "application/AT+JWT"}))}},
		{"without a type", []string{bearer(acme.signed(claims{"typ": absent}))}},
		{"without a kid, where there is one key", []string{bearer(acme.signed(claims{"kid": absent}))}},
		{"with its audience in a list", []string{bearer(acme.token("ana", claims{"aud": []string{"other", acme.audience}}))}},
	} {
		t.Run(a.name, func(t *testing.T) {
			c := g.admits(t, func() *answer { return g.handshake(t, a.headers...) })
			if c.welcome["tenant"] != "acme" || c.welcome["user"] != "ana" {
				t.Errorf("got %v, want ana of acme", c.welcome)
			}
		})
	}
}

// The entry that carries a token is never answered: proxies log the answer's headers.
func TestTheTokenIsNeverAnswered(t *testing.T) {
	g := plain(t)
	token := acme.token("ana", roles("prober"))
	for _, offered := range []string{dialectEntry, "portcullis.echo.v1"} {
		a := g.handshake(t, inProtocol(token, offered))
		if got := a.header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != offered {
			t.Errorf("got %q, want %q", got, offered)
		}
		for name, values := range a.header {
			if strings.Contains(strings.Join(values, " "), token[:20]) {
				t.Errorf("the answer's %s has the token", name)
			}
		}
		accepted(t, a)
	}
}
