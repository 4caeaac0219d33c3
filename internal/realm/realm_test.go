package realm_test

import (
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/config"
	"portcullis/internal/listen/authority"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

const (
	acmeURL   = "https://id.acme.example"
	globexURL = "https://id.globex.example"
)

// world is a folder of configuration, with two tenants' identity services and authorities.
type world struct {
	t            testing.TB
	dir          string
	acme, globex *authtest.Issuer
	acmeCA       *authority.Authority
	globexCA     *authority.Authority
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, dir: t.TempDir(), acme: authtest.New(acmeURL), globex: authtest.New(globexURL)}
	for name, ca := range map[string]**authority.Authority{"acme": &w.acmeCA, "globex": &w.globexCA} {
		made, err := authority.New(name)
		if err != nil {
			t.Fatal(err)
		}
		*ca = made
		w.write(name+"-ca.pem", string(made.PEM()))
	}
	w.write("acme-jwks.json", string(w.acme.JWKS()))
	w.write("globex-jwks.json", string(w.globex.JWKS()))
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// build loads tenants written as YAML and compiles them.
func (w *world) build(tenants string) (*realm.Snapshot, []config.Problem) {
	w.t.Helper()
	w.write("portcullis.yaml", "listen: {plaintext: true}\ntenants:\n"+tenants)
	c, problems := config.Load(filepath.Join(w.dir, "portcullis.yaml"))
	if config.Failed(problems) {
		w.t.Fatal(problems)
	}
	return realm.Build(c, realm.Options{Log: slog.New(slog.DiscardHandler), Gate: auth.NewSlots(2)})
}

const both = `
  - id: acme
    origins: ["https://app.acme.example"]
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: acme-jwks.json}]
    certificates: {authorities_file: acme-ca.pem}
    rules: [{name: all, allow: [echo], channels: ["**"]}]
  - id: globex
    issuers: [{issuer: "https://id.globex.example", audience: portcullis, jwks_file: globex-jwks.json}]
    certificates: {authorities_file: globex-ca.pem}
    rules: [{name: all, allow: [echo], channels: ["**"]}]
`

func (w *world) snapshot() *realm.Snapshot {
	w.t.Helper()
	s, problems := w.build(both)
	if config.Failed(problems) {
		w.t.Fatal(problems)
	}
	return s
}

// chain is a client certificate of an authority.
func (w *world) chain(ca *authority.Authority, notAfter time.Time) []*x509.Certificate {
	w.t.Helper()
	pair, err := ca.Issue(authority.Leaf{Client: true, URIs: []string{"spiffe://acme/device/7"}, NotAfter: notAfter})
	if err != nil {
		w.t.Fatal(err)
	}
	block, _ := pem.Decode(pair.Certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	return []*x509.Certificate{cert}
}

func TestACredentialChoosesItsTenant(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot()
	now := time.Now()
	tests := []struct {
		name         string
		credential   auth.Credential
		tenant, user string
		refused      auth.Reason
	}{
		{"acme's token", auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana")}, "acme", "ana", ""},
		{"globex's token", auth.Credential{Method: auth.Bearer, Token: w.globex.Token("ana")}, "globex", "ana", ""},
		{"acme's certificate", auth.Credential{Method: auth.MutualTLS, Chain: w.chain(w.acmeCA, now.Add(time.Hour))}, "acme", "cert|spiffe://acme/device/7", ""},
		{"acme's token over acme's certificate", auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana"), Chain: w.chain(w.acmeCA, now.Add(time.Hour))}, "acme", "ana", ""},
		{"acme's token over globex's certificate", auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana"), Chain: w.chain(w.globexCA, now.Add(time.Hour))}, "", "", auth.CertificateTenant},
		{"acme's token over a certificate that ended", auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana"), Chain: w.chain(w.acmeCA, now.Add(-time.Minute))}, "", "", auth.CertificateExpired},
		{"a token of nobody's issuer", auth.Credential{Method: auth.Bearer, Token: authtest.New("https://evil.example").Token("ana")}, "", "", auth.BadIssuer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, r, err := s.Authenticate(t.Context(), tt.credential, now)
			if got := auth.ReasonOf(err); got != tt.refused {
				t.Fatalf("got %v, want reason %q", err, tt.refused)
			}
			if err != nil {
				return
			}
			if r.ID.String() != tt.tenant || p.Tenant != r.ID || p.User != tt.user {
				t.Errorf("got user %s of %s, want %s of %s", p.User, r.ID, tt.user, tt.tenant)
			}
			if (p.Certificate != nil) != (len(tt.credential.Chain) > 0) {
				t.Errorf("got certificate %v", p.Certificate)
			}
		})
	}
}

// Authorities that could stand in for each other make crypto/x509 verify in every order of them: a stranger's chain would cost as much as 30 tokens.
func TestAChainOfTwinsIsRefusedBeforeItCosts(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot()
	block, _ := pem.Decode(w.acmeCA.PEM())
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	chain := append(w.chain(w.acmeCA, time.Now().Add(time.Hour)), ca)
	if _, _, err := s.Authenticate(t.Context(), auth.Credential{Method: auth.MutualTLS, Chain: chain}, time.Now()); err != nil {
		t.Fatalf("a chain with its root: %v", err)
	}
	_, _, err = s.Authenticate(t.Context(), auth.Credential{Method: auth.MutualTLS, Chain: append(chain, ca)}, time.Now())
	if auth.ReasonOf(err) != auth.CertificateUntrusted {
		t.Errorf("got %v, want reason %s", err, auth.CertificateUntrusted)
	}
}

func TestARightOverACertificateEndsWithTheFirstOfTheTwo(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot()
	now := time.Now()
	soon := now.Add(time.Minute).Truncate(time.Second)
	c := auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana"), Chain: w.chain(w.acmeCA, soon)}
	p, _, err := s.Authenticate(t.Context(), c, now)
	if err != nil {
		t.Fatal(err)
	}
	if want := soon.Add(30 * time.Second); !p.Expires.Equal(want) {
		t.Errorf("got %v, want the certificate's end and leeway, %v", p.Expires, want)
	}
}

// A revocation is forgotten when nothing that it could end counts any more: no token may be there for longer, also not one of a clock that is ahead.
func TestARevokedTokenOfAClockThatIsAhead(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot()
	now := time.Now()
	made := now.Add(30 * time.Second).Truncate(time.Second)
	token := w.acme.Token("ana", authtest.Claims{"iat": made.Unix(), "exp": made.Add(24 * time.Hour).Unix()})
	p, tenant, err := s.Authenticate(t.Context(), auth.Credential{Method: auth.Bearer, Token: token}, now)
	if err != nil {
		t.Fatal(err)
	}
	if forgotten := now.Add(tenant.TokenLife); forgotten.Before(p.Expires) {
		t.Errorf("a revocation of now is forgotten at %v, and the token counts until %v", forgotten, p.Expires)
	}
}

func TestOriginsAreExactAndTheTenantsOwn(t *testing.T) {
	s := newWorld(t).snapshot()
	acme, globex := s.Tenant(tenant.MustParse("acme")), s.Tenant(tenant.MustParse("globex"))
	for origin, want := range map[string]bool{
		"https://app.acme.example": true, "http://app.acme.example": false, "https://app.acme.example:443": false, "https://App.acme.example": false,
		"https://app.acme.example.evil.example": false, "null": false, "": false,
	} {
		if got := acme.AllowsOrigin(origin); got != want {
			t.Errorf("%q: got %v, want %v", origin, got, want)
		}
	}
	if globex.AllowsOrigin("https://app.acme.example") {
		t.Error("globex takes acme's origin")
	}
}

func TestWhatCannotBeBuiltSaysWhereAndWhy(t *testing.T) {
	tests := []struct {
		name, tenants string
		line          string
		says          string
	}{
		{"a bad id", strings.Replace(both, "id: acme", "id: Acme_", 1), ":4:", "tenant id"},
		{"a bad pattern", strings.Replace(both, `"**"`, `"a:**:b"`, 1), ":8:", "**"},
		{"a test that fails", strings.Replace(both, "  - id: globex", "    tests: [{as: {user: ana}, deny: [\"echo lab:1\"]}]\n  - id: globex", 1), ":9:", "tests[0].deny[0]"},
		{"a candidate's bad pattern", strings.Replace(both, "  - id: globex", "    candidate: {rules: [{name: n, allow: [echo], channels: [\"a:**:b\"]}]}\n  - id: globex", 1), ":9:", "candidate.rules[0].channels[0]"},
		{"a candidate's test that fails", strings.Replace(both, "  - id: globex", "    candidate: {rules: [{name: n, allow: [echo], channels: [\"a:*\"]}], tests: [{as: {user: ana}, allow: [\"echo b:1\"]}]}\n  - id: globex", 1), ":9:", "candidate.tests[0].allow[0]"},
		{"a setting's bad pattern", strings.Replace(both, "  - id: globex", "    channels: [{match: \"a:**:b\", history: {messages: 1}}]\n  - id: globex", 1), ":9:", "channels[0].match"},
		{"a setting with a template", strings.Replace(both, "  - id: globex", "    channels: [{match: \"a:{user}\", history: {messages: 1}}]\n  - id: globex", 1), ":9:", "channels[0].match"},
		{"no key file", strings.Replace(both, "acme-jwks.json", "none.json", 1), ":6:", "none.json"},
		{"a key file that is none", strings.Replace(both, "acme-jwks.json", "acme-ca.pem", 1), ":6:", "acme-ca.pem"},
		{"no authorities", strings.Replace(both, "acme-ca.pem", "none.pem", 1), ":7:", "none.pem"},
		{"one authority for two tenants", strings.Replace(both, "globex-ca.pem", "acme-ca.pem", 1), "", "acme"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, problems := newWorld(t).build(tt.tenants)
			if s != nil || !config.Failed(problems) {
				t.Fatalf("it was built, with %v", problems)
			}
			all := ""
			for _, p := range problems {
				all += p.String() + "\n"
			}
			if !strings.Contains(all, tt.line) || !strings.Contains(all, tt.says) {
				t.Errorf("got %s\nwant ...%s...%s...", all, tt.line, tt.says)
			}
		})
	}
}

func TestTenantsOfOneIssuerShareItsKeys(t *testing.T) {
	w := newWorld(t)
	s, problems := w.build(`
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: acme, jwks_file: acme-jwks.json}]
    rules: [{name: all, allow: [echo], channels: ["**"]}]
  - id: globex
    issuers: [{issuer: "https://id.acme.example", audience: globex, jwks_file: acme-jwks.json}]
    rules: [{name: all, allow: [echo], channels: ["**"]}]
`)
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	for _, audience := range []string{"acme", "globex"} {
		_, r, err := s.Authenticate(t.Context(), auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana", authtest.Claims{"aud": audience})}, time.Now())
		if err != nil || r.ID.String() != audience {
			t.Errorf("audience %s: got %v, %v", audience, r, err)
		}
	}
	_, _, err := s.Authenticate(t.Context(), auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana", authtest.Claims{"aud": []string{"acme", "globex"}})}, time.Now())
	if auth.ReasonOf(err) != auth.BadAudience {
		t.Errorf("a token for both: got %v, want %s", err, auth.BadAudience)
	}
}
