package jwt_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
)

func TestAPrincipalHoldsWhatRulesMayName(t *testing.T) {
	acme := authtest.New(url)
	token := acme.SignText(`{"alg":"ES256","kid":"`+acme.KeyID+`"}`, `{"iss":"`+url+`","sub":"ana:lima","aud":"portcullis","exp":4102444800,
		"nbf":0,"jti":"x","zone":"eu","age":1.50e1,"big":12345678901234567890,"admin":false,"nothing":null,"nested":{"deep":"x"},"roles":"member",
		"groups":["b","a",1,null,"c \u00e9"],"empty":[],"blank":"","scope":"  read   write ","scp":["write","own"]}`)
	settings := acme.Settings(t, "acme")
	settings.MaxLifetime = 100 * 365 * 24 * time.Hour
	v := verifier(t, settings)
	p, err := v.Verify(t.Context(), auth.Credential{Method: auth.Subprotocol, Token: token}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p.Tenant.String() != "acme" || p.User != "ana:lima" || p.Segment != "ana%3Alima" || p.Issuer != url ||
		p.Method != auth.Subprotocol || p.Certificate != nil || !p.Expires.Equal(time.Unix(4102444800+30, 0)) {
		t.Errorf("got %+v", p)
	}
	if want := []string{"member"}; !slices.Equal(p.Roles, want) {
		t.Errorf("got roles %q, want %q", p.Roles, want)
	}
	if want := []string{"read", "write", "write", "own"}; !slices.Equal(p.Scopes, want) {
		t.Errorf("got scopes %q, want %q", p.Scopes, want)
	}
	want := []auth.Claim{
		{Name: "admin", Value: "false"}, {Name: "age", Value: "1.50e1"}, {Name: "big", Value: "12345678901234567890"}, {Name: "blank", Value: ""},
		{Name: "groups", Value: "b"}, {Name: "groups", Value: "a"}, {Name: "groups", Value: "c é"}, {Name: "roles", Value: "member"},
		{Name: "scope", Value: "  read   write "}, {Name: "scp", Value: "write"}, {Name: "scp", Value: "own"}, {Name: "zone", Value: "eu"},
	}
	if !slices.Equal(p.Claims, want) {
		t.Errorf("got claims\n%v, want\n%v", p.Claims, want)
	}
}

// A key that was revoked is found by its name, also in tokens that do not say it.
func TestAPrincipalNamesTheKeyThatSigned(t *testing.T) {
	acme := authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	for name, kid := range map[string]any{"named": acme.KeyID, "not named": authtest.Absent} {
		for range 2 { // the second time the signature is remembered
			p, err := verify(v, acme.Sign(authtest.Claims{"kid": kid}, claims(nil)))
			if err != nil || p.KeyID != acme.KeyID {
				t.Errorf("%s: got %v, %v; want the key %s", name, p, err, acme.KeyID)
			}
		}
	}
}

func TestAUserTooLongForASegmentIsStillAUser(t *testing.T) {
	acme := authtest.New(url)
	user := strings.Repeat("é", 500)
	p, err := verify(verifier(t, acme.Settings(t, "acme")), acme.Token(user))
	if err != nil || p.User != user || p.Segment != "" {
		t.Errorf("got %v, %v; want the user and no segment", p, err)
	}
}

// Ten thousand principals live at once: each must cost what its own texts do, not its token.
func TestAPrincipalDoesNotKeepItsTokenAlive(t *testing.T) {
	acme := authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	token := acme.Token("ana", authtest.Claims{
		"roles": []string{"member", "editor"}, "scope": "openid chat", "zone": "eu", "nested": map[string]any{"x": strings.Repeat("x", 5000)},
	})
	const n = 500
	principals := make([]*auth.Principal, n)
	before := heap()
	for i := range principals {
		var err error
		if principals[i], err = verify(v, token); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap() - before) / n
	t.Logf("%d bytes each", each)
	if each > 1024 {
		t.Errorf("a principal costs %d bytes, want at most 1024; its token has %d", each, len(token))
	}
	runtime.KeepAlive(principals)
}

// What a user says keeps their name for as long as a channel keeps it, and each request has a principal of its own. A name that keeps the rest alive is memory that nobody counts: gigabytes, by one user, of messages that count as 64 MiB.
func TestANameDoesNotKeepItsPrincipalAlive(t *testing.T) {
	acme := authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	token := acme.Token("ana", authtest.Claims{"roles": []string{"member"}, "zone": strings.Repeat("x", 5000)})
	const n = 500
	names := make([]string, n)
	before := heap()
	for i := range names {
		p, err := verify(v, token)
		if err != nil {
			t.Fatal(err)
		}
		names[i] = p.User
	}
	if each := (heap() - before) / n; each > 256 {
		t.Errorf("a name costs %d bytes, want at most 256", each)
	}
	runtime.KeepAlive(names)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // a pool lets go at the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func benchmarkVerify(b *testing.B, algorithm string) {
	acme := authtest.NewWith(url, algorithm)
	v := verifier(b, acme.Settings(b, "acme"))
	c := auth.Credential{Method: auth.Bearer, Token: acme.Token("ana", authtest.Claims{
		"jti": "0c9be1f2-63c5-4a3e-9d5c-8b1c6f8a7e11", "client_id": "web", "scope": "openid profile chat", "roles": []string{"member", "editor"},
	})}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(context.Background(), c, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyES256(b *testing.B) { benchmarkVerify(b, "ES256") }
func BenchmarkVerifyRS256(b *testing.B) { benchmarkVerify(b, "RS256") }
func BenchmarkVerifyPS256(b *testing.B) { benchmarkVerify(b, "PS256") }
func BenchmarkVerifyEdDSA(b *testing.B) { benchmarkVerify(b, "EdDSA") }

// What a token that is refused before its signature costs.
func BenchmarkRefuseUnknownKey(b *testing.B) {
	acme := authtest.New(url)
	v := verifier(b, acme.Settings(b, "acme"))
	c := auth.Credential{Token: authtest.New(url).Token("ana")}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(context.Background(), c, now); auth.ReasonOf(err) != auth.UnknownKey {
			b.Fatal(err)
		}
	}
}
