package acl

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// Test is what an operator expects of a policy. An expectation is an action and a channel, as in "publish room:1", or "manage".
type Test struct {
	As    Subject
	Allow []string
	Deny  []string
}

// Subject is the principal that a test asks for, as its credential would make it.
type Subject struct {
	User        string // as rules see it: with its issuer's prefix, or "cert|"
	Roles       []string
	Scopes      []string
	Claims      map[string]string
	Certificate bool
}

// RunTests returns what the policy does not do as expected, and what is no expectation, in the order of the file. A policy
// with a problem here must not be put to use.
func (p *Policy) RunTests(tests []Test) []Problem {
	var found problems
	for i, t := range tests {
		path := fmt.Sprintf("tests[%d]", i)
		if len(t.Allow) == 0 && len(t.Deny) == 0 {
			found.add(path, "this test expects nothing; list what is to be allowed or denied")
		}
		pr := t.As.principal(p, path+".as", &found)
		for at, e := range t.expectations(path) {
			p.expect(&found, at, pr, e.entry, e.want)
		}
	}
	return found
}

// Principal returns whom s describes, a user of tenant t, and what is wrong with the description.
func (s *Subject) Principal(t tenant.ID) (*auth.Principal, []Problem) {
	var found problems
	p := s.principal(&Policy{tenant: t}, "as", &found)
	return p, found
}

func (s *Subject) principal(p *Policy, path string, found *problems) *auth.Principal {
	if s.User == "" {
		found.add(path, "it has no user, and every principal has one; give it a user")
	}
	pr := &auth.Principal{Tenant: p.tenant, User: s.User, Roles: s.Roles, Scopes: s.Scopes}
	if s.Certificate {
		pr.Certificate = new(auth.Certificate)
	}
	pr.Segment, _ = channel.Segment(s.User)
	for _, name := range slices.Sorted(maps.Keys(s.Claims)) {
		if err := checkClaimName(name); err != nil {
			found.add(path+".claims", "%v", err)
		}
		pr.Claims = append(pr.Claims, auth.Claim{Name: name, Value: s.Claims[name]})
	}
	return pr
}

func (p *Policy) expect(found *problems, path string, pr *auth.Principal, entry string, want bool) {
	got, err := p.try(pr, entry)
	switch {
	case err != nil:
		found.add(path, "%q is no expectation: %v", entry, err)
	case want && got.Basis == NoMatch:
		found.add(path, "%q should be allowed for %q, but no rule allows it; add a rule or correct the test", entry, pr.User)
	case want && !got.Allowed:
		found.add(path, "%q should be allowed for %q, but rule %q denies it; correct the rule or the test", entry, pr.User, got.Rule)
	case !want && got.Allowed:
		found.add(path, "%q should be denied for %q, but rule %q allows it; correct the rule or the test", entry, pr.User, got.Rule)
	}
}

// try reads an expectation and decides it.
func (p *Policy) try(pr *auth.Principal, entry string) (Decision, error) {
	verb, on, given := strings.Cut(entry, " ")
	a, err := ParseAction(verb)
	switch {
	case err != nil:
		return Decision{}, err
	case a == Manage && given:
		return Decision{}, fmt.Errorf("manage is on the tenant and has no channel; write manage alone")
	case a == Manage:
		return p.DecideManage(pr), nil
	case !given:
		return Decision{}, fmt.Errorf("it names no channel; write an action, a space and a channel, as in publish room:1")
	}
	name, err := channel.Parse(on)
	if err != nil {
		return Decision{}, err
	}
	return p.Decide(pr, a, name), nil
}
