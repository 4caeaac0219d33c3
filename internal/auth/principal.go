package auth

import (
	"log/slog"
	"time"

	"portcullis/internal/tenant"
)

// Principal is who a verified credential speaks for. A session keeps one for its whole life and shares it with
// the policy; nobody changes it after the verifier returned it.
type Principal struct {
	Tenant tenant.ID
	// User is the one string that rules, templates, quotas and senders use: the first issuer's subject, a further
	// issuer's behind its prefix, a certificate's identity behind "cert|".
	User string
	// Segment is User as one channel segment, percent-encoded; empty when User is too long to be one.
	Segment string

	Roles  []string
	Scopes []string
	// Claims are the credential's scalar claims, and one entry for each text in a claim that is a list of texts.
	// Sorted by name. Registered claims (RFC 7519, section 4.1) are not among them.
	Claims []Claim

	Issuer      string // empty for a certificate
	Method      Method
	Certificate bool      // a certificate of the tenant's authorities was shown, alone or beside a token
	Expires     time.Time // when the credential's right ends, leeway included
}

// Claim is one value of a credential's claim, as text: a number or boolean as it stood in the token.
type Claim struct{ Name, Value string }

// Claim returns the values of the claim called name, in the credential's order.
func (p *Principal) Claim(name string) []Claim {
	from := 0
	for from < len(p.Claims) && p.Claims[from].Name != name {
		from++
	}
	to := from
	for to < len(p.Claims) && p.Claims[to].Name == name {
		to++
	}
	return p.Claims[from:to]
}

// LogValue says who it is and leaves roles and claims out: they are the identity service's to show.
func (p *Principal) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("tenant", p.Tenant.String()),
		slog.String("user", p.User),
		slog.String("method", string(p.Method)),
	)
}
