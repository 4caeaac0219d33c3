package acl_test

import (
	"slices"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

var acme = tenant.MustParse("acme")

// principal returns one of acme's as a verifier would.
func principal(user string, with ...func(*auth.Principal)) *auth.Principal {
	p := &auth.Principal{Tenant: acme, User: user}
	p.Segment, _ = channel.Segment(user)
	for _, w := range with {
		w(p)
	}
	return p
}

func roles(list ...string) func(*auth.Principal)  { return func(p *auth.Principal) { p.Roles = list } }
func scopes(list ...string) func(*auth.Principal) { return func(p *auth.Principal) { p.Scopes = list } }
func certificate(p *auth.Principal)               { p.Certificate = new(auth.Certificate) }

// claims takes names and values in turn; a name that comes twice is a claim with two values.
func claims(pairs ...string) func(*auth.Principal) {
	return func(p *auth.Principal) {
		for i := 0; i < len(pairs); i += 2 {
			p.Claims = append(p.Claims, auth.Claim{Name: pairs[i], Value: pairs[i+1]})
		}
		slices.SortStableFunc(p.Claims, func(a, b auth.Claim) int { return strings.Compare(a.Name, b.Name) })
	}
}

func compiled(t testing.TB, rules ...acl.Rule) *acl.Policy {
	t.Helper()
	p, problems := acl.Compile(acme, rules)
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Path, problem.Message)
	}
	if p == nil {
		t.FailNow()
	}
	return p
}
