// Package realm holds all that a tenant is right now: whom it believes, what its rules allow, what it may use and which pages may speak
// for it, in one immutable snapshot that is swapped at once.
package realm

import (
	"context"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/auth/mtls/crl"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

// Tenant is one tenant's part of a snapshot. It is immutable but for its account and its counts.
type Tenant struct {
	ID      tenant.ID
	Policy  *acl.Policy
	Account *limit.Tenant
	Counts  *Counts // nil for a tenant that is in no snapshot
	// Channels are what its channels do beside passing on what is said.
	Channels *channel.Settings
	// Choices are the channels that its users are subscribed to without asking; nil where there are none.
	Choices *acl.Choices
	// TokenLife is how long a token of its issuers may count from now on, leeway included; 0 without an issuer.
	TokenLife time.Duration
	origins   map[string]struct{}
	candidate *candidate // of the policy; nil for most tenants

	// What the next snapshot is compared with, and what the account is set to when this one becomes the current one.
	config      *config.Tenant
	limits      limit.Limits
	authorities []*x509.Certificate
	lists       *crl.Lists // nil without
}

// AllowsOrigin reports whether pages of an origin may connect: it must stand in the tenant's list, to the byte (RFC 6454, section 6.2).
func (t *Tenant) AllowsOrigin(origin string) bool {
	_, ok := t.origins[origin]
	return ok
}

// Snapshot is every tenant at one moment.
type Snapshot struct {
	options      Options
	tenants      map[tenant.ID]*Tenant
	sorted       []*Tenant      // by their ids
	tokens       *jwt.Verifier  // nil without an issuer
	certificates *mtls.Verifier // nil without an authority
	sources      map[origin]*jwks.Source
	fresh        []*jwks.Source      // of them, those whose keys were never read
	origins      map[string]struct{} // of all tenants
}

// KnowsOrigin reports whether any tenant's list has an origin. It says nothing about whose pages may do what.
func (s *Snapshot) KnowsOrigin(origin string) bool {
	_, ok := s.origins[origin]
	return ok
}

// Belongs returns the tenant of somebody who was believed earlier, nil when it is gone, and says why they would not be believed again: their time is over, the
// tenant's issuers or authorities are not those that believed them, or the certificate that they showed was revoked. It verifies no signature.
func (s *Snapshot) Belongs(p *auth.Principal, now time.Time) (*Tenant, error) {
	t := s.tenants[p.Tenant]
	if t == nil {
		return nil, auth.Refuse(auth.BadIssuer, "tenant %s is not configured", p.Tenant)
	}
	if !now.Before(p.Expires) {
		return t, auth.Refuse(auth.TokenExpired, "the credential ended at %s", p.Expires.UTC().Format(time.RFC3339))
	}
	if p.Issuer != "" {
		if s.tokens == nil {
			return t, auth.Refuse(auth.BadIssuer, "no tenant has an issuer of tokens any more")
		}
		if err := s.tokens.Again(p, now); err != nil {
			return t, err
		}
	}
	return t, s.CheckCertificate(p, now)
}

// Logout verifies a logout token, and says whom it ends. Errors wrap an [*auth.Refusal].
func (s *Snapshot) Logout(ctx context.Context, token string, now time.Time) (*jwt.Ended, error) {
	if s.tokens == nil {
		return nil, auth.Refuse(auth.BadIssuer, "no tenant has an issuer of tokens")
	}
	return s.tokens.Logout(ctx, token, now)
}

// SecurityEvent verifies a security event token, and says whom it ends. Errors wrap an [*auth.Refusal].
func (s *Snapshot) SecurityEvent(ctx context.Context, token string, now time.Time) (*jwt.Ended, error) {
	if s.tokens == nil {
		return nil, auth.Refuse(auth.BadIssuer, "no tenant has an issuer of tokens")
	}
	return s.tokens.SecurityEvent(ctx, token, now)
}

// CheckCertificate asks again about the certificate that p showed, if any.
func (s *Snapshot) CheckCertificate(p *auth.Principal, now time.Time) error {
	if p.Certificate == nil {
		return nil
	}
	if s.certificates == nil {
		return auth.Refuse(auth.CertificateUntrusted, "no tenant has authorities for certificates any more")
	}
	return s.certificates.Check(p, now)
}

// Tenants returns all tenants by their ids. The list is everybody's: nobody changes it.
func (s *Snapshot) Tenants() []*Tenant { return s.sorted }

func (s *Snapshot) sort() {
	s.sorted = slices.SortedFunc(maps.Values(s.tenants), func(a, b *Tenant) int { return strings.Compare(a.ID.String(), b.ID.String()) })
}

// Tenant returns a tenant, nil when there is none of this id.
func (s *Snapshot) Tenant(id tenant.ID) *Tenant { return s.tenants[id] }

// Authenticate decides whom a credential speaks for. Errors wrap an [*auth.Refusal]. A certificate beside a token must be of the token's tenant, and the
// principal's right then ends with the first of the two.
func (s *Snapshot) Authenticate(ctx context.Context, c auth.Credential, now time.Time) (*auth.Principal, *Tenant, error) {
	p, err := s.verify(ctx, c, now)
	if err != nil {
		return nil, nil, err
	}
	t := s.tenants[p.Tenant]
	if t == nil {
		return nil, nil, auth.Refuse(auth.BadIssuer, "tenant %s is not configured", p.Tenant)
	}
	return p, t, nil
}

func (s *Snapshot) verify(ctx context.Context, c auth.Credential, now time.Time) (*auth.Principal, error) {
	if c.Method == auth.MutualTLS {
		if s.certificates == nil {
			return nil, auth.Refuse(auth.CertificateUntrusted, "no tenant has authorities for certificates")
		}
		return s.certificates.Verify(ctx, c, now)
	}
	if s.tokens == nil {
		return nil, auth.Refuse(auth.BadIssuer, "no tenant has an issuer of tokens")
	}
	p, err := s.tokens.Verify(ctx, c, now)
	switch {
	case err != nil:
		return nil, err
	case len(c.Chain) > 0:
		return s.beside(ctx, p, c.Chain, now)
	case c.Shown != nil:
		return s.above(p, c.Shown, now)
	}
	return p, nil
}
