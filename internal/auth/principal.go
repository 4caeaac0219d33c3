package auth

import (
	"crypto/sha256"
	"log/slog"
	"time"

	"portcullis/internal/tenant"
)

// CertificateUsers stands before the users that certificates name, so that no issuer's user can be one of them.
const CertificateUsers = "cert|"

// MaxInfo bounds a principal's info, in bytes: a thousand members of a channel, each with the largest, are half of what a slow reader may leave unread.
const MaxInfo = 512

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
	// Info is what others on a channel may see of the user, as a JSON text of at most [MaxInfo] bytes; empty where there is nothing.
	Info string
	// Grants are what the token was narrowed to, nil where it was not.
	Grants *Grants

	Issuer  string // empty for a certificate
	KeyID   string // of the issuer's key that signed, as its set calls it; empty where it calls it nothing, and for a certificate
	TokenID string // jti (RFC 7519, section 4.1.7); empty where there is none
	Session string // sid, the session at the identity service (OpenID Connect Front-Channel Logout, section 3); empty where there is none
	Method  Method
	// Certificate is the certificate of the tenant's authorities that was shown, alone or beside a token; nil where none was.
	Certificate *Certificate
	Issued      time.Time // iat, or when the certificate begins; zero where the token does not say
	Expires     time.Time // when the credential's right ends, leeway included

	// Terms are the settings that the credential was believed under. Algorithm and Type are the token's own, as its issuer's settings spell them.
	Terms           *Terms
	Algorithm, Type string
}

// Terms are what a tenant's settings say of a credential: what it must name, and how it is read. While they are the tenant's still, it is the same user's.
// All principals of one issuer or authority share them, and nobody changes them.
type Terms struct {
	Audience, AudienceClaim string
	TenantClaim, Value      string // the claim that tells tenants apart, and what it must be
	RolesClaim              string
	Prefix                  string
	Leeway                  time.Duration // that is in Expires; another one gives nobody another user

	// Of a certificate without a token.
	Identity, TrustDomain string
}

// Same reports whether other settings read the same user out of a credential.
func (t Terms) Same(other *Terms) bool {
	if other == nil {
		return false
	}
	t.Leeway = other.Leeway
	return t == *other
}

// Certificate is what is remembered of a client certificate that was verified: enough to ask about it again, and a fraction of its size.
type Certificate struct {
	Fingerprint [sha256.Size]byte // of the leaf, as x5t#S256 has it (RFC 8705, section 3.1)
	Links       []Link            // the certificates of the verified chain, the leaf first, without the root
	Expires     time.Time         // when the first of them ends, leeway included
}

// Link is one certificate by the name that its authority gave it, as revocation lists do (RFC 5280, section 5).
type Link struct {
	Authority [sha256.Size]byte // SHA-256 of the authority's public key (SubjectPublicKeyInfo)
	Serial    string            // the bytes of the serial number, big-endian
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
