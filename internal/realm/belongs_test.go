package realm_test

import (
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/config"
	"portcullis/internal/listen/authority"
)

// Whoever is in stays in where their credential would let them in again, as the same user; a snapshot knows that without seeing it again. Each change of acme is
// asked about three connections: by a token, by a certificate, and by a token over a certificate.
func TestAChangedTenantKeepsThoseWhomItWouldLetInAgain(t *testing.T) {
	const issuer = `{issuer: "https://id.acme.example", audience: portcullis, jwks_file: acme-jwks.json}`
	settings := func(more string) string {
		return strings.Replace(both, issuer, strings.Replace(issuer, "}", ", "+more+"}", 1), 1)
	}
	tests := []struct {
		name, tenants                 string
		token, certificate, overBoth  auth.Reason
		anotherUser                   bool // by a token: it would be let in, as somebody else
		anotherUserByCertificateAlone bool
	}{
		{name: "nothing", tenants: both},
		{name: "other rules", tenants: strings.Replace(both, "allow: [echo]", "deny: [echo]", 1)},
		{name: "the tenant is gone", tenants: both[strings.Index(both, "  - id: globex"):], token: auth.BadIssuer, certificate: auth.BadIssuer, overBoth: auth.BadIssuer},
		{name: "another issuer", tenants: strings.Replace(both, "https://id.acme.example", "https://id2.acme.example", 1), token: auth.BadIssuer, overBoth: auth.BadIssuer},
		{name: "another audience", tenants: strings.Replace(both, "audience: portcullis", "audience: chat", 1), token: auth.BadAudience, overBoth: auth.BadAudience},
		{name: "the audience in another claim", tenants: settings("audience_claim: client_id"), token: auth.BadAudience, overBoth: auth.BadAudience},
		{name: "a claim that tells tenants apart", tenants: settings("tenant_claim: {name: org, value: acme}"), token: auth.BadAudience, overBoth: auth.BadAudience},
		{name: "algorithms, this one among them", tenants: settings("algorithms: [ES256, RS256]")},
		{name: "algorithms without this one", tenants: settings("algorithms: [RS256]"), token: auth.AlgNotAllowed, overBoth: auth.AlgNotAllowed},
		{name: "types without this one", tenants: settings("types: [absent]"), token: auth.TokenType, overBoth: auth.TokenType},
		{name: "a shorter lifetime, which it keeps", tenants: settings("max_lifetime: 1h")},
		{name: "a shorter lifetime", tenants: settings("max_lifetime: 1m"), token: auth.TokenTooLongLived, overBoth: auth.TokenTooLongLived},
		{name: "more leeway", tenants: settings("leeway: 2m")},
		{name: "a prefix", tenants: strings.Replace(both, issuer, `{issuer: "https://staff.example", audience: portcullis, jwks_file: globex-jwks.json}, `+
			strings.Replace(issuer, "}", `, prefix: "agency|"}`, 1), 1), token: auth.BadAudience, overBoth: auth.BadAudience, anotherUser: true},
		{name: "roles out of another claim", tenants: settings("roles_claim: groups"), token: auth.BadAudience, overBoth: auth.BadAudience, anotherUser: true},
		{name: "another issuer whose prefix the user has", tenants: strings.Replace(both, issuer, issuer+
			`, {issuer: "https://partner.example", audience: portcullis, prefix: "partner|", jwks_file: globex-jwks.json}`, 1), token: auth.BadSubject, overBoth: auth.BadSubject},
		{name: "authorities are gone", tenants: strings.Replace(both, "    certificates: {authorities_file: acme-ca.pem}\n", "", 1),
			certificate: auth.CertificateUntrusted, overBoth: auth.CertificateUntrusted},
		{name: "another authority", tenants: strings.Replace(both, "acme-ca.pem", "other-ca.pem", 1), certificate: auth.CertificateUntrusted, overBoth: auth.CertificateUntrusted},
		{name: "one authority more", tenants: strings.Replace(both, "acme-ca.pem", "two-ca.pem", 1)},
		{name: "users are read out of another name", tenants: strings.Replace(both, "authorities_file: acme-ca.pem", "authorities_file: acme-ca.pem, identity: fingerprint", 1),
			certificate: auth.CertificateIdentity, anotherUserByCertificateAlone: true},
	}
	w := newWorld(t)
	other, err := authority.New("other")
	if err != nil {
		t.Fatal(err)
	}
	w.write("other-ca.pem", string(other.PEM()))
	w.write("two-ca.pem", string(other.PEM())+string(w.acmeCA.PEM()))
	before, now := w.snapshot(), time.Now()
	chain, token := w.chain(w.acmeCA, now.Add(time.Hour)), w.acme.Token("partner|ana", authtest.Claims{"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			after, problems := w.build(tt.tenants)
			if config.Failed(problems) {
				t.Fatal(problems)
			}
			for _, c := range []struct {
				name       string
				credential auth.Credential
				want       auth.Reason
				another    bool
			}{
				{"a token", auth.Credential{Method: auth.Bearer, Token: token}, tt.token, tt.anotherUser},
				{"a certificate", auth.Credential{Method: auth.MutualTLS, Chain: chain}, tt.certificate, tt.anotherUserByCertificateAlone},
				{"a token over a certificate", auth.Credential{Method: auth.Bearer, Token: token, Chain: chain}, tt.overBoth, tt.anotherUser},
			} {
				p, _, err := before.Authenticate(t.Context(), c.credential, now)
				if err != nil {
					t.Fatal(err)
				}
				_, err = after.Belongs(p, now)
				if got := auth.ReasonOf(err); got != c.want {
					t.Errorf("%s: got %v, want %q", c.name, err, c.want)
				}
				if _, _, again := after.Authenticate(t.Context(), c.credential, now); (again == nil) != (err == nil || c.another) {
					t.Errorf("%s: who is in hears %v; who comes again hears %v", c.name, err, again)
				}
			}
		})
	}
}

// A key that left the set stops handshakes; live sessions run to their end.
func TestAKeyThatLeftItsSetEndsNoSession(t *testing.T) {
	w := newWorld(t)
	c := auth.Credential{Method: auth.Bearer, Token: w.acme.Token("ana")}
	p, _, err := w.snapshot().Authenticate(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.write("acme-jwks.json", string(authtest.New(acmeURL).JWKS()))
	after := w.snapshot()
	if _, err := after.Belongs(p, time.Now()); err != nil {
		t.Errorf("who is in: got %v", err)
	}
	if _, _, err := after.Authenticate(t.Context(), c, time.Now()); auth.ReasonOf(err) != auth.UnknownKey {
		t.Errorf("who comes: got %v, want %s", err, auth.UnknownKey)
	}
}
