package jwt_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/tenant"
)

// turns counts verifications.
type turns struct{ n atomic.Int32 }

func (t *turns) Acquire(context.Context) error { t.n.Add(1); return nil }
func (t *turns) Release()                      {}

func verifierOf(t testing.TB, gate auth.Gate, issuers ...jwt.Issuer) *jwt.Verifier {
	t.Helper()
	v, err := jwt.NewVerifier(issuers, gate)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func reason(t *testing.T, v *jwt.Verifier, token string) auth.Reason {
	t.Helper()
	p, err := v.Verify(t.Context(), auth.Credential{Method: auth.Bearer, Token: token}, time.Now())
	if (p == nil) != (err != nil) {
		t.Errorf("got %v and %v", p, err)
	}
	return auth.ReasonOf(err)
}

func TestOneTokenCostsOneVerification(t *testing.T) {
	i, gate := authtest.New("https://id.acme.example"), new(turns)
	v := verifierOf(t, gate, i.Settings(t, "acme"))
	token := i.Token("ana")
	for range 10_000 {
		if got := reason(t, v, token); got != "" {
			t.Fatal(got)
		}
	}
	if got := gate.n.Load(); got != 1 {
		t.Errorf("10,000 times one token cost %d verifications, want 1", got)
	}
	if got := reason(t, v, i.Token("ana", authtest.Claims{"jti": "another"})); got != "" || gate.n.Load() != 2 {
		t.Errorf("another token of the user: %q after %d verifications, want 2", got, gate.n.Load())
	}
}

// Nothing but the signature is remembered.
func TestARememberedTokenIsAskedEverythingElseAgain(t *testing.T) {
	i := authtest.New("https://id.acme.example")
	path := i.WriteJWKS(t)
	keys, err := jwks.File(path, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	settings := jwt.Issuer{Tenant: tenant.MustParse("acme"), Issuer: i.URL, Audience: authtest.Audience, Keys: keys}
	v := verifierOf(t, auth.NewSlots(1), settings)
	token := i.Token("ana")
	if got := reason(t, v, token); got != "" {
		t.Fatal(got)
	}
	later := func(at time.Time) auth.Reason {
		_, err := v.Verify(t.Context(), auth.Credential{Method: auth.Bearer, Token: token}, at)
		return auth.ReasonOf(err)
	}
	if got := later(time.Now().Add(2 * time.Hour)); got != auth.TokenExpired {
		t.Errorf("after its end: got %q, want token_expired", got)
	}
	for _, forged := range []string{
		token[:len(token)-4] + strings.Map(func(r rune) rune { return map[bool]rune{true: 'B', false: 'A'}[r == 'A'] }, token[len(token)-4:len(token)-1]) + token[len(token)-1:],
		strings.Replace(token, ".", ".e", 1),
	} {
		if got := reason(t, v, forged); got == "" {
			t.Errorf("a changed token got in")
		}
	}
	// The same key id with another key: what the old one signed is signed by nobody.
	other := authtest.New(i.URL)
	jwk := other.JWK()
	jwk["kid"] = i.KeyID
	time.Sleep(10 * time.Millisecond)
	if err := os.WriteFile(path, authtest.KeySet(jwk), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keys.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := reason(t, v, token); got != auth.BadSignature {
		t.Errorf("after its key was replaced: got %q, want bad_signature", got)
	}
	if err := os.WriteFile(path, other.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keys.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := reason(t, v, token); got != auth.UnknownKey {
		t.Errorf("after its key was taken out: got %q, want unknown_key", got)
	}
}

// A bad signature is no work for the issuer's service, and is not remembered as good.
func TestBadSignaturesFetchNothing(t *testing.T) {
	i, eve := authtest.New("https://id.acme.example"), authtest.New("https://id.acme.example")
	v := verifierOf(t, auth.NewSlots(1), i.Settings(t, "acme"))
	for range 50 {
		if got := reason(t, v, eve.Sign(authtest.Claims{"kid": i.KeyID}, authtest.Claims{"iss": i.URL, "sub": "ana", "aud": authtest.Audience, "exp": time.Now().Unix() + 60})); got != auth.BadSignature {
			t.Errorf("got %q, want bad_signature", got)
		}
	}
}

func TestAClaimTellsTenantsApart(t *testing.T) {
	i := authtest.New("https://id.example")
	acme := i.Settings(t, "acme")
	globex := acme
	globex.Tenant = tenant.MustParse("globex")
	acme.TenantClaim, globex.TenantClaim = jwt.Required{Name: "org_id", Value: "org_a"}, jwt.Required{Name: "org_id", Value: "org_g"}
	v := verifierOf(t, auth.NewSlots(1), acme, globex)
	tests := []struct {
		name   string
		claims authtest.Claims
		tenant string
	}{
		{"acme's", authtest.Claims{"org_id": "org_a"}, "acme"},
		{"globex's", authtest.Claims{"org_id": "org_g"}, "globex"},
		{"nobody's", authtest.Claims{"org_id": "org_x"}, ""},
		{"without the claim", nil, ""},
		{"with both", authtest.Claims{"org_id": []string{"org_a", "org_g"}}, ""},
		{"with a list of one", authtest.Claims{"org_id": []string{"org_a"}}, ""},
		{"with a number", authtest.Claims{"org_id": 1}, ""},
		{"with an empty text", authtest.Claims{"org_id": ""}, ""},
	}
	for _, tt := range tests {
		p, err := v.Verify(t.Context(), auth.Credential{Method: auth.Bearer, Token: i.Token("ana", tt.claims)}, time.Now())
		switch {
		case tt.tenant == "" && auth.ReasonOf(err) != auth.BadAudience:
			t.Errorf("%s: got %v, %v; want bad_audience", tt.name, p, err)
		case tt.tenant != "" && (err != nil || p.Tenant.String() != tt.tenant):
			t.Errorf("%s: got %v, %v; want %s", tt.name, p, err, tt.tenant)
		}
	}
	for name, conflict := range map[string]jwt.Required{
		"no claim": {}, "another claim": {Name: "tid", Value: "x"}, "the same value": acme.TenantClaim, "a name alone": {Name: "org_id"},
	} {
		globex.TenantClaim = conflict
		if _, err := jwt.NewVerifier([]jwt.Issuer{acme, globex}, auth.NewSlots(1)); err == nil || !strings.Contains(err.Error(), "tenant_claim") {
			t.Errorf("%s: got %v, want the conflict", name, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	i := authtest.New("https://id.acme.example")
	v := verifierOf(b, auth.NewSlots(1), i.Settings(b, "acme"))
	run := func(name string, token func(int) string) {
		b.Run(name, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				if _, err := v.Verify(context.Background(), auth.Credential{Method: auth.Bearer, Token: token(n)}, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	tokens := make([]string, 20_000)
	for n := range tokens {
		tokens[n] = i.Token("ana", authtest.Claims{"jti": fmt.Sprint(n)})
	}
	run("new", func(n int) string { return tokens[n%len(tokens)] })
	run("seen", func(int) string { return tokens[0] })
}
