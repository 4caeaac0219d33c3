package jwt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
	"portcullis/internal/tenant"
)

// certificatePrefix stands before the users that certificates name. No issuer's users may look like them.
const certificatePrefix = auth.CertificateUsers

const maxPrefix = 64

// entry is an [Issuer] as the verifier uses it.
type entry struct {
	Issuer
	order int // among all; of one tenant's two entries for a token the earlier one counts
	roles jws.Path
	info  *jws.Path // nil where others see nothing of a user
	terms *auth.Terms
	// foreign are the beginnings that this issuer's subjects must not have, because they mark another issuer's users or
	// certificates. An issuer with a prefix has none: its own stands in front.
	foreign []string
}

// compile checks all settings, each alone and against the others. It reports every problem.
func compile(issuers []Issuer) ([]*entry, error) {
	entries := make([]*entry, 0, len(issuers))
	var problems []error
	for n, i := range issuers {
		e, err := compileOne(i.withDefaults())
		if err != nil {
			problems = append(problems, fmt.Errorf("issuers[%d] (%s, %q): %w", n, i.Tenant, i.Issuer, err))
			continue
		}
		e.order = n
		entries = append(entries, e)
	}
	problems = append(problems, distinct(entries)...)
	for _, own := range byTenant(entries) {
		problems = append(problems, separate(own)...)
	}
	return entries, errors.Join(problems...)
}

func compileOne(i Issuer) (*entry, error) {
	switch {
	case i.Tenant.IsZero():
		return nil, errors.New("it has no tenant")
	case i.Issuer == "":
		return nil, errors.New("issuer is empty; it must be the iss of the tokens, to the letter")
	case i.Audience == "":
		return nil, errors.New("audience is empty; without it tokens for any other service of the issuer would be taken")
	case (i.TenantClaim.Name == "") != (i.TenantClaim.Value == ""):
		return nil, fmt.Errorf("tenant_claim has name %q and value %q; it needs both", i.TenantClaim.Name, i.TenantClaim.Value)
	case i.Keys == nil:
		return nil, errors.New("it has no keys")
	case i.MaxLifetime < 0 && i.MaxLifetime != Unlimited:
		return nil, fmt.Errorf("the longest lifetime is %v; it must be positive or unlimited", i.MaxLifetime)
	case i.Leeway < 0:
		return nil, fmt.Errorf("leeway is %v; it must not be negative", i.Leeway)
	}
	for _, algorithm := range i.Algorithms {
		if methods[algorithm] == nil {
			return nil, fmt.Errorf("algorithm %q cannot be used; use some of %s", algorithm, strings.Join(Algorithms(), ", "))
		}
	}
	if err := checkPrefix(i.Prefix); err != nil {
		return nil, err
	}
	roles, err := jws.ParsePath(i.RolesClaim)
	if err != nil {
		return nil, fmt.Errorf("roles_claim: %w", err)
	}
	var info *jws.Path
	if i.PresenceClaim != "" {
		at, err := jws.ParsePath(i.PresenceClaim)
		if err != nil {
			return nil, fmt.Errorf("presence_claim: %w", err)
		}
		info = &at
	}
	terms := &auth.Terms{
		Audience: i.Audience, AudienceClaim: i.AudienceClaim, TenantClaim: i.TenantClaim.Name, Value: i.TenantClaim.Value,
		RolesClaim: i.RolesClaim, Prefix: i.Prefix, Leeway: i.Leeway,
	}
	return &entry{Issuer: i, roles: roles, info: info, terms: terms}, nil
}

func checkPrefix(prefix string) error {
	switch {
	case len(prefix) > maxPrefix:
		return fmt.Errorf("prefix has %d bytes; the limit is %d", len(prefix), maxPrefix)
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		return fmt.Errorf("prefix %q has a control character or is not UTF-8", prefix)
	case prefix != "" && overlap(prefix, certificatePrefix):
		return fmt.Errorf("prefix %q could be taken for %q, which marks the users of certificates; choose another", prefix, certificatePrefix)
	}
	return nil
}

// overlap reports whether a text can begin with both.
func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// distinct finds entries between which a token could not choose, and entries of one issuer that would disagree on its keys.
func distinct(entries []*entry) []error {
	type choice struct{ issuer, audience, claim string }
	type claimed struct {
		choice
		value string
	}
	byClaim := make(map[claimed]*entry)
	chosen, reports := make(map[choice]*entry), make(map[choice]*entry)
	first := make(map[string]*entry)
	var problems []error
	for _, e := range entries {
		c := choice{e.Issuer.Issuer, e.Audience, e.AudienceClaim}
		other := chosen[c]
		if other != nil && (e.TenantClaim.Name == "" || e.TenantClaim.Name != other.TenantClaim.Name || byClaim[claimed{c, e.TenantClaim.Value}] != nil) {
			problems = append(problems, fmt.Errorf("tenants %s and %s both take issuer %q with %s %q; a token must choose one tenant: give them different audiences, or a tenant_claim "+
				"of one name with different values", other.Tenant, e.Tenant, c.issuer, c.claim, c.audience))
		}
		chosen[c], byClaim[claimed{c, e.TenantClaim.Value}] = e, e
		for _, report := range []struct{ setting, audience string }{{"logout_audience", e.LogoutAudience}, {"events_audience", e.EventsAudience}} {
			r := choice{e.Issuer.Issuer, report.audience, report.setting}
			if other := reports[r]; other != nil && report.audience != "" && other.Tenant != e.Tenant {
				problems = append(problems, fmt.Errorf("tenants %s and %s both have %s %q for issuer %q; a report must choose one tenant",
					other.Tenant, e.Tenant, report.setting, report.audience, r.issuer))
			}
			reports[r] = e
		}
		if other := first[c.issuer]; other == nil {
			first[c.issuer] = e
		} else if other.Keys.Location() != e.Keys.Location() {
			problems = append(problems, fmt.Errorf("tenants %s and %s read the keys of issuer %q from different places; an issuer has one set of keys",
				other.Tenant, e.Tenant, c.issuer))
		}
	}
	return problems
}

// byTenant returns the entries of each tenant, in the order in which they were given.
func byTenant(entries []*entry) [][]*entry {
	place := make(map[tenant.ID]int)
	var all [][]*entry
	for _, e := range entries {
		n, ok := place[e.Tenant]
		if !ok {
			n = len(all)
			place[e.Tenant], all = n, append(all, nil)
		}
		all[n] = append(all[n], e)
	}
	return all
}

// separate makes sure that no two issuers of one tenant can name the same user. No prefix is the beginning of another, so two prefixed
// users are different; and an issuer without one must not issue subjects that begin with any of them.
func separate(own []*entry) []error {
	var problems []error
	prefixes := []string{certificatePrefix}
	for n, e := range own {
		for _, other := range own[:n] {
			if err := apart(other, e); err != nil {
				problems = append(problems, fmt.Errorf("tenant %s: %w", e.Tenant, err))
			}
		}
		if e.Prefix != "" && !slices.Contains(prefixes, e.Prefix) {
			prefixes = append(prefixes, e.Prefix)
		}
	}
	for _, e := range own {
		if e.Prefix == "" {
			e.foreign = prefixes
		}
	}
	return problems
}

func apart(a, b *entry) error {
	switch {
	case a.Issuer.Issuer == b.Issuer.Issuer:
		if a.Prefix != b.Prefix {
			return fmt.Errorf("issuer %q has prefixes %q and %q; one issuer's subject must be one user", a.Issuer.Issuer, a.Prefix, b.Prefix)
		}
	case a.Prefix == "" && b.Prefix == "":
		return fmt.Errorf("issuers %q and %q both have no prefix; the second needs one, so that its users are not the first's",
			a.Issuer.Issuer, b.Issuer.Issuer)
	case a.Prefix != "" && b.Prefix != "" && overlap(a.Prefix, b.Prefix):
		return fmt.Errorf("prefix %q of issuer %q and prefix %q of issuer %q begin alike; a user could be taken for another's",
			a.Prefix, a.Issuer.Issuer, b.Prefix, b.Issuer.Issuer)
	}
	return nil
}
