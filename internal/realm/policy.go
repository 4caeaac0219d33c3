package realm

import (
	"runtime"
	"sync"
	"sync/atomic"

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

// compiled is what a building makes of one tenant's rules.
type compiled struct {
	policy    *acl.Policy
	trial     *acl.Policy // the candidate's; nil for most tenants
	candidate *candidate  // of a tenant that is kept
	problems  []config.Problem
	kept      bool // it is configured as it was
}

// policies compiles the rules of all tenants and asks them their tests, on all cores: no tenant's rules have to do with another's.
func (b *builder) policies() {
	tenants := b.config.Tenants
	b.compiled = make([]compiled, len(tenants))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(tenants)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(tenants); i = int(next.Add(1)) - 1 {
				b.compiled[i] = b.policy(&tenants[i])
			}
		})
	}
	all.Wait()
}

// policy compiles the rules of one tenant, unless they are those of the snapshot before: the same rules answer the same tests.
func (b *builder) policy(c *config.Tenant) (made compiled) {
	id, err := tenant.Parse(c.ID)
	if err != nil { // [builder.tenant] says so
		return made
	}
	if was := b.previous.tenants[id]; was != nil && was.config.Same(c) {
		return compiled{policy: was.Policy, candidate: was.candidate, kept: true}
	}
	policy, problems := Policy(id, c)
	if policy != nil {
		made.policy = policy
		problems = policy.RunTests(Tests(c))
	}
	for _, p := range problems {
		made.problems = append(made.problems, c.Problem(p.Path, "%s", p.Message))
	}
	if c.Candidate == nil {
		return made
	}
	if policy, problems = Candidate(id, c); policy != nil {
		problems = policy.RunTests(CandidateTests(c))
		made.trial = policy
	}
	for _, p := range problems {
		made.problems = append(made.problems, c.Problem(CandidatePath(p.Path), "%s", p.Message))
	}
	return made
}
