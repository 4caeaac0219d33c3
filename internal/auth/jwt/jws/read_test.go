package jws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/jws"
)

const (
	header = `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`
	claims = `{"iss":"https://id.example","sub":"ana","aud":"portcullis","iat":1767222000,"exp":1767225600}`
)

// token makes a token of two texts; its signature is three bytes that nobody checks.
func token(header, claims string) string {
	return authtest.Segment(header) + "." + authtest.Segment(claims) + ".c2ln"
}

// with returns the claims with more in front of them, or another claim in place of the one called sub, exp and so on.
func with(more string) string { return "{" + more + "," + claims[1:] }

func instead(name, value string) string {
	old := map[string]string{"iss": `"https://id.example"`, "sub": `"ana"`, "aud": `"portcullis"`, "iat": `1767222000`, "exp": `1767225600`}[name]
	return strings.Replace(claims, `"`+name+`":`+old, `"`+name+`":`+value, 1)
}

func TestRead(t *testing.T) {
	got, err := jws.Read(token(header, claims))
	if err != nil {
		t.Fatal(err)
	}
	if want := (jws.Header{Algorithm: "ES256", Type: "at+jwt", KeyID: "k1"}); got.Header != want {
		t.Errorf("got header %+v, want %+v", got.Header, want)
	}
	c := got.Claims
	if c.Issuer != "https://id.example" || c.Subject != "ana" || c.Bound.There || len(c.All) != 5 {
		t.Errorf("got claims %+v", c)
	}
	if want := time.Unix(1767225600, 0); !c.Expires.Equal(want) || !c.NotBefore.IsZero() || !c.IssuedAt.Equal(want.Add(-time.Hour)) {
		t.Errorf("got exp %v, nbf %v, iat %v", c.Expires, c.NotBefore, c.IssuedAt)
	}
	if string(got.Signature) != "sig" || got.Signed+".c2ln" != token(header, claims) {
		t.Errorf("got signature %q over %q", got.Signature, got.Signed)
	}
}

func TestReadRefusesAHeader(t *testing.T) {
	tests := []struct {
		name, header string
		want         auth.Reason
	}{
		{"no alg", `{"typ":"JWT"}`, auth.TokenMalformed},
		{"alg is a list", `{"alg":["ES256"]}`, auth.TokenMalformed},
		{"alg is null", `{"alg":null}`, auth.TokenMalformed},
		{"alg twice", `{"alg":"ES256","alg":"none"}`, auth.DuplicateMember},
		{"alg twice, once escaped", `{"alg":"ES256","\u0061lg":"none"}`, auth.DuplicateMember},
		{"alg and ALG", `{"alg":"ES256","ALG":"none"}`, auth.DuplicateMember},
		{"kid and a Kelvin sign", `{"alg":"ES256","kid":"a","` + "\u212a" + `id":"b"}`, auth.DuplicateMember},
		{"kid and an escaped Kelvin sign", `{"alg":"ES256","kid":"a","\u212aid":"b"}`, auth.DuplicateMember},
		{"crit", `{"alg":"ES256","crit":["exp"]}`, auth.CriticalHeader},
		{"crit is empty", `{"alg":"ES256","crit":[]}`, auth.CriticalHeader},
		{"crit is null", `{"alg":"ES256","crit":null}`, auth.CriticalHeader},
		{"b64 false", `{"alg":"ES256","b64":false}`, auth.CriticalHeader},
		{"b64 false, told by crit", `{"alg":"ES256","b64":false,"crit":["b64"]}`, auth.CriticalHeader},
		{"zip", `{"alg":"ES256","zip":"DEF"}`, auth.TokenMalformed},
		{"jwk", `{"alg":"ES256","jwk":{"kty":"EC"}}`, auth.EmbeddedKey},
		{"jku", `{"alg":"ES256","jku":"https://evil.example/jwks.json"}`, auth.EmbeddedKey},
		{"x5c", `{"alg":"ES256","x5c":["MIIB"]}`, auth.EmbeddedKey},
		{"x5u", `{"alg":"ES256","x5u":"https://evil.example/c.pem"}`, auth.EmbeddedKey},
		{"x5u is null", `{"alg":"ES256","x5u":null}`, auth.EmbeddedKey},
		{"typ is a number", `{"alg":"ES256","typ":1}`, auth.TokenMalformed},
		{"typ is empty", `{"alg":"ES256","typ":""}`, auth.TokenMalformed},
		{"kid is a number", `{"alg":"ES256","kid":7}`, auth.TokenMalformed},
		{"kid is empty", `{"alg":"ES256","kid":""}`, auth.TokenMalformed},
		{"kid leaves a string", `{"alg":"ES256","kid":"a' OR '1'='1"}`, auth.TokenMalformed},
		{"kid forges a log line", `{"alg":"ES256","kid":"a\n{\"level\":\"INFO\"}"}`, auth.TokenMalformed},
		{"kid ends a path early", `{"alg":"ES256","kid":"../../dev/null\u0000"}`, auth.TokenMalformed},
		{"kid is long", `{"alg":"ES256","kid":"` + strings.Repeat("k", 129) + `"}`, auth.TokenMalformed},
		{"a list", `["alg"]`, auth.TokenMalformed},
		{"a text", `"alg"`, auth.TokenMalformed},
		{"nothing", ``, auth.TokenMalformed},
		{"a second object", `{"alg":"ES256"}{"alg":"none"}`, auth.TokenMalformed},
		{"a comma too many", `{"alg":"ES256",}`, auth.TokenMalformed},
		{"not UTF-8", "{\"alg\":\"ES256\",\"x\":\"\xff\"}", auth.TokenMalformed},
		{"a byte order mark", "\ufeff" + `{"alg":"ES256"}`, auth.TokenMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, token(tt.header, claims), tt.want) })
	}
}

func TestReadRefusesClaims(t *testing.T) {
	tests := []struct {
		name, claims string
		want         auth.Reason
	}{
		{"sub twice", with(`"sub":"root"`), auth.DuplicateMember},
		{"sub twice, once escaped", with(`"s\u0075b":"root"`), auth.DuplicateMember},
		{"SUB", with(`"SUB":"root"`), auth.DuplicateMember},
		{"sub with a long s", with(`"` + "\u017f" + `ub":"root"`), auth.DuplicateMember},
		{"tenant and TENANT", with(`"tenant":"acme","TENANT":"globex"`), auth.DuplicateMember},
		{"EXP", with(`"EXP":9999999999`), auth.DuplicateMember},
		{"twice, one level down", with(`"realm_access":{"roles":["user"],"roles":["admin"]}`), auth.DuplicateMember},
		{"twice, in a list", with(`"x":[{"a":1,"a":2}]`), auth.DuplicateMember},
		{"no iss", strings.Replace(claims, "iss", "xss", 1), auth.BadIssuer},
		{"iss is empty", instead("iss", `""`), auth.BadIssuer},
		{"iss is a list", instead("iss", `["https://id.example"]`), auth.TokenMalformed},
		{"no sub", strings.Replace(claims, "sub", "xub", 1), auth.BadSubject},
		{"sub is empty", instead("sub", `""`), auth.BadSubject},
		{"sub is null", instead("sub", `null`), auth.TokenMalformed},
		{"sub is a number", instead("sub", `1`), auth.TokenMalformed},
		{"sub has a NUL", instead("sub", `"ana\u0000"`), auth.BadSubject},
		{"sub has a line break", instead("sub", `"ana\n"`), auth.BadSubject},
		{"sub has DEL", instead("sub", "\"ana\x7f\""), auth.BadSubject},
		{"sub has a C1 control", instead("sub", `"ana\u0085"`), auth.BadSubject},
		{"sub is not UTF-8", instead("sub", "\"ana\xff\""), auth.TokenMalformed},
		{"sub has half a surrogate pair", instead("sub", `"ana\ud800"`), auth.TokenMalformed},
		{"sub has the other half", instead("sub", `"ana\udc00"`), auth.TokenMalformed},
		{"sub has two other halves", instead("sub", `"\udc00\udc00"`), auth.TokenMalformed},
		{"sub has two first halves", instead("sub", `"\ud800\ud800"`), auth.TokenMalformed},
		{"sub has half a pair and an escape", instead("sub", `"\ud800\n000000"`), auth.TokenMalformed},
		{"a name has half a surrogate pair", with(`"\ud800":1`), auth.TokenMalformed},
		{"a nested text has half a surrogate pair", with(`"x":{"y":["\udfff"]}`), auth.TokenMalformed},
		{"sub is long", instead("sub", `"`+strings.Repeat("a", 1025)+`"`), auth.BadSubject},
		{"aud is a number", instead("aud", `1`), auth.TokenMalformed},
		{"aud holds a number", instead("aud", `["portcullis",1]`), auth.TokenMalformed},
		{"no exp", strings.Replace(claims, "exp", "xxp", 1), auth.TokenMalformed},
		{"exp is text", instead("exp", `"1767225600"`), auth.TokenMalformed},
		{"exp is null", instead("exp", `null`), auth.TokenMalformed},
		{"exp is negative", instead("exp", `-1`), auth.TokenMalformed},
		{"exp is after the year 9999", instead("exp", `253402300800`), auth.TokenMalformed},
		{"exp is 9e18", instead("exp", `9e18`), auth.TokenMalformed},
		{"exp is 1e999", instead("exp", `1e999`), auth.TokenMalformed},
		{"exp has a thousand digits", instead("exp", `1.`+strings.Repeat("0", 1000)), auth.TokenMalformed},
		{"nbf is 1e300", with(`"nbf":1e300`), auth.TokenMalformed},
		{"iat is 1e300", instead("iat", `1e300`), auth.TokenMalformed},
		{"iat is true", instead("iat", `true`), auth.TokenMalformed},
		{"a second object", claims + `{"sub":"root"}`, auth.TokenMalformed},
		{"a second value", claims + ` null`, auth.TokenMalformed},
		{"a list", `[` + claims + `]`, auth.TokenMalformed},
		{"nothing", ``, auth.TokenMalformed},
		{"a nested token", token(header, claims), auth.TokenMalformed},
		{"nine deep", with(`"x":` + strings.Repeat("[", 8) + strings.Repeat("]", 8)), auth.TokenMalformed},
		{"two thousand deep", with(`"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000)), auth.TokenMalformed},
		{"257 members", members(257), auth.TokenMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, token(header, tt.claims), tt.want) })
	}
}

// members returns claims with n members in all.
func members(n int) string {
	var more strings.Builder
	for i := range n - 5 {
		fmt.Fprintf(&more, `"m%d":0,`, i)
	}
	return "{" + more.String() + claims[1:]
}

func TestReadRefusesAShape(t *testing.T) {
	good := token(header, claims)
	tests := []struct {
		name, token string
		want        auth.Reason
	}{
		{"empty", "", auth.TokenMalformed},
		{"one segment", "e30", auth.TokenMalformed},
		{"two segments", good[:strings.LastIndex(good, ".")], auth.TokenMalformed},
		{"four segments", good + ".", auth.TokenMalformed},
		{"encrypted, five segments", token(`{"alg":"dir","enc":"A256GCM"}`, "x") + ".a.b", auth.TokenMalformed},
		{"as JSON", `{"payload":"e30","protected":"e30","signature":"c2ln"}`, auth.TokenMalformed},
		{"as JSON, with two dots", `{"payload":"e30","protected":"e30","header":"a.b.c"}`, auth.TokenMalformed},
		{"eight kilobytes of dots", strings.Repeat(".", jws.MaxSize), auth.TokenMalformed},
		{"one byte too long", strings.Repeat("a", jws.MaxSize+1), auth.TokenTooLarge},
		{"padding", good + "=", auth.TokenMalformed},
		{"a line feed in the signature", strings.Replace(good, ".c2ln", ".c2\nln", 1), auth.TokenMalformed},
		{"CR LF after the signature", good + "\r\n", auth.TokenMalformed},
		{"a line feed in the header", good[:4] + "\n" + good[4:], auth.TokenMalformed},
		{"a space in the claims", strings.Replace(good, ".", ". ", 1), auth.TokenMalformed},
		{"trailing bits in the signature", good[:len(good)-4] + "c2l", auth.TokenMalformed}, // elsewhere c2l decodes as c2k does
		{"the standard alphabet", good[:len(good)-4] + "c2+/", auth.TokenMalformed},
		{"bearer in front", "Bearer " + good, auth.TokenMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, tt.token, tt.want) })
	}
}

func refused(t *testing.T, token string, want auth.Reason) {
	t.Helper()
	_, err := jws.Read(token)
	if got := auth.ReasonOf(err); got != want {
		t.Errorf("got %v, want reason %q", err, want)
	}
	if err != nil && len(err.Error()) > 400 {
		t.Errorf("the error has %d bytes; it repeats the token", len(err.Error()))
	}
}

func TestReadTakes(t *testing.T) {
	tests := []struct{ name, header, claims string }{
		{"a kid in base64, of Cognito", `{"kid":"6AzBVPvWnTpAYxpi+9Hq/7vAJ3vYl8Zz+aBc0d1eF2g=","alg":"RS256"}`, claims},
		{"a kid in base64url, of Entra ID, with its x5t",
			`{"typ":"JWT","alg":"RS256","x5t":"nOo3ZDrODXEK1jKWhXslHR_KXEg","kid":"nOo3ZDrODXEK1jKWhXslHR_KXEg"}`, claims},
		{"a kid with colons, of Hydra", `{"alg":"RS256","kid":"public:hydra.jwt.access-token","typ":"JWT"}`, claims},
		{"x5t#S256", `{"alg":"RS256","x5t#S256":"` + strings.Repeat("A", 43) + `"}`, claims},
		{"a kid that looks like a path", `{"alg":"ES256","kid":"../../etc/passwd"}`, claims}, // it opens nothing: it is compared
		{"no signature", `{"alg":"none"}`, claims},                                           // alg is the verifier's to refuse
		{"spaces", " {\n\t\"alg\" : \"ES256\" } \r\n", strings.ReplaceAll(claims, ",", " ,\n\t")},
		{"escapes", header, with(`"a\"\\\/\b\f\n\r\t\u00e9":"\ud83d\ude00"`)},
		{"names that differ in case, one level down", header, with(`"resource_access":{"App":{},"app":{}}`)},
		{"fractions of a second", header, instead("exp", `1767225600.5`)},
		{"exp in the year 9999", header, instead("exp", `253402300799`)},
		{"exp 0", header, instead("exp", `0`)},
		{"256 members", header, members(256)},
		{"eight deep", header, with(`"x":` + strings.Repeat("[", 7) + strings.Repeat("]", 7))},
		{"one sub inside another object", header, with(`"act":{"sub":"service"}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := jws.Read(token(tt.header, tt.claims)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A flood of garbage must cost no more than its bytes (CVE-2025-30204).
func TestDotsAreCheap(t *testing.T) {
	dots := strings.Repeat(".", jws.MaxSize)
	if got := testing.AllocsPerRun(100, func() { _, _ = jws.Read(dots) }); got > 10 {
		t.Errorf("got %v allocations for a token of dots, want at most 10", got)
	}
}

// What is worst for the reader: many members with names of one length that differ in their last characters.
func BenchmarkReadHostile(b *testing.B) {
	hostile := token(header, members(256))
	for b.Loop() {
		if _, err := jws.Read(hostile); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	issuer := authtest.New("https://id.example")
	typical := issuer.Token("ana", authtest.Claims{
		"jti": "0c9be1f2-63c5-4a3e-9d5c-8b1c6f8a7e11", "client_id": "web", "scope": "openid profile chat", "roles": []string{"member", "editor"},
	})
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jws.Read(typical); err != nil {
			b.Fatal(err)
		}
	}
}
