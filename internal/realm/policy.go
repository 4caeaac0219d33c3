package realm

import (
	"portcullis/internal/acl"
	"portcullis/internal/config"
	"portcullis/internal/tenant"
)

// Policy compiles a tenant's rules. It returns a policy or what is wrong with the rules, never both.
func Policy(id tenant.ID, c *config.Tenant) (*acl.Policy, []acl.Problem) {
	rules := make([]acl.Rule, len(c.Rules))
	for i, r := range c.Rules {
		rules[i] = acl.Rule{
			Name: r.Name, Allow: r.Allow, Deny: r.Deny, Channels: r.Channels,
			For: matchOf(r.For), Unless: matchOf(r.Unless),
		}
	}
	return acl.Compile(id, rules)
}

func matchOf(m *config.Match) *acl.Match {
	if m == nil {
		return nil
	}
	return &acl.Match{Users: m.Users, Roles: m.Roles, Scopes: m.Scopes, Claims: m.Claims, Certificate: m.Certificate}
}

// Tests returns what a tenant expects of its policy.
func Tests(c *config.Tenant) []acl.Test {
	all := make([]acl.Test, len(c.Tests))
	for i, t := range c.Tests {
		all[i] = acl.Test{As: acl.Subject(t.As), Allow: t.Allow, Deny: t.Deny}
	}
	return all
}
