package realm

import (
	"portcullis/internal/acl"
	"portcullis/internal/config"
	"portcullis/internal/tenant"
)

// Policy compiles a tenant's rules. It returns a policy or what is wrong with the rules, never both.
func Policy(id tenant.ID, c *config.Tenant) (*acl.Policy, []acl.Problem) { return compile(id, c.Rules) }

// Rules returns a tenant's rules as [Policy] compiles them.
func Rules(c *config.Tenant) []acl.Rule { return rulesOf(c.Rules) }

// Rules returns the rules that the tenant's policy was compiled of.
func (t *Tenant) Rules() []acl.Rule { return Rules(t.config) }

// Candidate compiles the rules that a tenant has on trial. Its problems stand at [CandidatePath].
func Candidate(id tenant.ID, c *config.Tenant) (*acl.Policy, []acl.Problem) {
	return compile(id, c.Candidate.Rules)
}

// CandidatePath is where something of the candidate stands in its tenant's part of the configuration.
func CandidatePath(path string) string { return "candidate." + path }

func compile(id tenant.ID, from []config.Rule) (*acl.Policy, []acl.Problem) {
	return acl.Compile(id, rulesOf(from))
}

func rulesOf(from []config.Rule) []acl.Rule {
	rules := make([]acl.Rule, len(from))
	for i, r := range from {
		rules[i] = acl.Rule{
			Name: r.Name, Allow: r.Allow, Deny: r.Deny, Channels: r.Channels,
			For: matchOf(r.For), Unless: matchOf(r.Unless),
		}
	}
	return rules
}

func matchOf(m *config.Match) *acl.Match {
	if m == nil {
		return nil
	}
	return &acl.Match{Users: m.Users, Roles: m.Roles, Scopes: m.Scopes, Claims: m.Claims, Certificate: m.Certificate}
}

// Tests returns what a tenant expects of its policy.
func Tests(c *config.Tenant) []acl.Test { return testsOf(c.Tests) }

// CandidateTests returns what a tenant expects of its candidate.
func CandidateTests(c *config.Tenant) []acl.Test { return testsOf(c.Candidate.Tests) }

func testsOf(from []config.Test) []acl.Test {
	all := make([]acl.Test, len(from))
	for i, t := range from {
		all[i] = acl.Test{As: acl.Subject(t.As), Allow: t.Allow, Deny: t.Deny}
	}
	return all
}
