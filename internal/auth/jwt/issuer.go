package jwt

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/tenant"
)

// Defaults of an [Issuer].
const (
	DefaultMaxLifetime = 24 * time.Hour
	DefaultLeeway      = 30 * time.Second
	DefaultAudience    = "aud"
	DefaultRoles       = "roles"
)

// Unlimited is the MaxLifetime that takes a token of any lifetime.
const Unlimited time.Duration = -1

// Issuer says whose tokens a tenant takes, and how they are read. What is left zero has the default that its comment names.
type Issuer struct {
	Tenant tenant.ID

	// Issuer is the token's iss, to the letter. Several tenants may share one, told apart by Audience.
	Issuer string
	// Audience must stand in the claim that AudienceClaim names (aud). It is required: without it a token for any other service
	// of the issuer would open this one.
	Audience      string
	AudienceClaim string

	// TenantClaim tells tenants apart that share issuer and audience: its claim must be this text. The zero TenantClaim asks for none. All entries of one issuer and audience name
	// the same claim, with different values.
	TenantClaim Required

	// LogoutAudience is the aud of the issuer's logout tokens, most often a client id; EventsAudience that of its security event tokens. Without them it cannot report
	// such things to this tenant. Two tenants of one issuer have different ones.
	LogoutAudience, EventsAudience string

	// Algorithms are some of [Algorithms]; by default [DefaultAlgorithms].
	Algorithms []string
	// Types are the media types that the header's typ may name, in any case; "" stands for a token without typ. By default they are
	// "", JWT and at+jwt.
	Types []string

	// RolesClaim (roles) holds one role as text or a list of them: the name of one claim as it stands, or a JSON Pointer.
	RolesClaim string
	// PresenceClaim holds what others may see of a user, found like the roles; "" for nothing.
	PresenceClaim string
	// Prefix stands before the subjects of this issuer. A tenant's second issuer needs one, so that its users are not the first's.
	Prefix string

	// MaxLifetime (24 h) bounds exp - iat, or what is left until exp for a token without iat. [Unlimited] is a value.
	MaxLifetime time.Duration
	// Leeway (30 s) is how far the issuer's clock may be off.
	Leeway time.Duration

	// Keys are the issuer's. Entries for one issuer must read theirs from one place.
	Keys *jwks.Source
}

// Required is a claim that a token must have, as text.
type Required struct{ Name, Value string }

// methods are the algorithms that can be configured, all asymmetric. ES512 is not among them: one core verifies 200 of its signatures a
// second, against 10,000 of ES256.
var methods = map[string]gojwt.SigningMethod{
	"ES256":   gojwt.SigningMethodES256,
	"ES384":   gojwt.SigningMethodES384,
	"RS256":   gojwt.SigningMethodRS256,
	"PS256":   gojwt.SigningMethodPS256,
	"EdDSA":   gojwt.SigningMethodEdDSA,
	"Ed25519": gojwt.SigningMethodEdDSA, // the newer name (RFC 9864)
}

// Algorithms returns the names that can be configured.
func Algorithms() []string { return slices.Sorted(maps.Keys(methods)) }

// DefaultAlgorithms returns the names that an issuer takes when its settings do not say.
func DefaultAlgorithms() []string { return []string{"ES256", "RS256", "PS256", "EdDSA"} }

// withDefaults fills in what was left zero, and puts types into the form that mediaType gives them.
func (i Issuer) withDefaults() Issuer {
	i.AudienceClaim = cmp.Or(i.AudienceClaim, DefaultAudience)
	i.RolesClaim = cmp.Or(i.RolesClaim, DefaultRoles)
	i.MaxLifetime = cmp.Or(i.MaxLifetime, DefaultMaxLifetime)
	i.Leeway = cmp.Or(i.Leeway, DefaultLeeway)
	if len(i.Algorithms) == 0 {
		i.Algorithms = DefaultAlgorithms()
	}
	if len(i.Types) == 0 {
		i.Types = []string{"", "JWT", "at+jwt"}
	}
	types := make([]string, len(i.Types))
	for n, t := range i.Types {
		types[n] = mediaType(t)
	}
	i.Types = types
	return i
}

// mediaType spells a typ so that equal types are equal texts: lower case, and without the application/ that a name without a slash
// stands for (RFC 7515, section 4.1.9).
func mediaType(typ string) string {
	lower := strings.ToLower(typ)
	if short, ok := strings.CutPrefix(lower, "application/"); ok && short != "" && !strings.Contains(short, "/") {
		return short
	}
	return lower
}
