package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"portcullis/internal/acl"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

func aclCommand(s *shell) *cobra.Command {
	return group("acl", "Ask the rules", `  portcullis acl test --config portcullis.yaml
  portcullis acl explain --config portcullis.yaml --tenant acme --user alice --action publish --channel room:1
  portcullis acl diff portcullis.yaml new/portcullis.yaml
  portcullis acl diff --live --config new/portcullis.yaml`, aclTestCommand(s), aclExplainCommand(s), aclDiffCommand(s))
}

func aclTestCommand(s *shell) *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use: "test --config FILE", Short: "Run the tests of the rules, and tell which rule decides each",
		Long: `Put every expectation under tests: to the rules of its tenant, and those of a candidate to the candidate's, and print the answer and the rule
that decides. The exit code is 1 when one does not hold; serve refuses such a configuration.`,
		Example: `  portcullis acl test --config portcullis.yaml
  portcullis acl test --config portcullis.yaml --json`,
		Args: takes(),
		RunE: does(func(*cobra.Command, []string) error { return s.aclTest(file, asJSON) }),
	}
	configFlag(c, &file)
	jsonFlag(c, &asJSON)
	return c
}

// answer is what the rules say to one expectation.
type answer struct {
	OK     bool   `json:"ok"`
	Tenant string `json:"tenant"`
	User   string `json:"user"`
	Entry  string `json:"expectation"`
	Want   string `json:"want"` // allowed or denied
	Got    string `json:"got"`
	Rule   string `json:"rule,omitempty"` // absent when none says anything
	Basis  string `json:"basis"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// Candidate says that it was asked of the rules on trial.
	Candidate bool `json:"candidate,omitempty"`
}

func (s *shell) aclTest(file string, asJSON bool) error {
	c, problems := config.Load(file)
	answers := []answer{}
	if c != nil {
		for i := range c.Tenants {
			got, more := ask(&c.Tenants[i])
			answers, problems = append(answers, got...), append(problems, more...)
		}
	}
	broken := 0
	for _, a := range answers {
		if !a.OK {
			broken++
		}
		if !asJSON {
			a.print(s)
		}
	}
	if asJSON {
		if err := printJSON(s.stdout, answers); err != nil {
			return err
		}
	} else if c != nil {
		fmt.Fprintf(s.stdout, "%d of %s hold\n", len(answers)-broken, count(len(answers), "expectation"))
	}
	switch {
	case config.Failed(problems):
		return s.refuse(file, problems)
	case broken > 0:
		return fmt.Errorf("%s: %d of %s failed; correct the rules or the tests", file, broken, count(len(answers), "expectation"))
	}
	return nil
}

// ask puts a tenant's tests to its rules, and those of its candidate to the candidate's. Problems are what is wrong with the rules or the tests themselves, not an
// expectation that does not hold.
func ask(c *config.Tenant) (answers []answer, problems []config.Problem) {
	id, err := tenant.Parse(c.ID)
	if err != nil {
		return nil, []config.Problem{c.Problem("id", "%v", err)}
	}
	policy, faults := realm.Policy(id, c)
	answers, problems = put(c, policy, faults, realm.Tests(c), func(path string) string { return path })
	if c.Candidate != nil {
		policy, faults = realm.Candidate(id, c)
		more, others := put(c, policy, faults, realm.CandidateTests(c), realm.CandidatePath)
		for i := range more {
			more[i].Candidate = true
		}
		answers, problems = append(answers, more...), append(problems, others...)
	}
	return answers, problems
}

// put puts tests to one policy, nil where its rules have faults. at says where in c a path of the policy stands.
func put(c *config.Tenant, policy *acl.Policy, faults []acl.Problem, tests []acl.Test, at func(string) string) (answers []answer, problems []config.Problem) {
	if policy != nil {
		broken := make(map[string]bool)
		for _, a := range policy.Answers(tests) {
			broken[a.Path] = !a.Holds()
			a.Path = at(a.Path)
			answers = append(answers, answerOf(c, a))
		}
		for _, p := range policy.RunTests(tests) {
			if !broken[p.Path] {
				faults = append(faults, p)
			}
		}
	}
	for _, p := range faults {
		problems = append(problems, c.Problem(at(p.Path), "%s", p.Message))
	}
	return answers, problems
}

func answerOf(c *config.Tenant, a acl.Answer) answer {
	word := map[bool]string{true: "allowed", false: "denied"}
	out := answer{
		OK: a.Holds(), Tenant: c.ID, User: a.User, Entry: a.Entry, Want: word[a.Want], Got: word[a.Decision.Allowed],
		Rule: a.Decision.Rule, Basis: string(a.Decision.Basis),
	}
	out.File, out.Line, out.Column = c.At(a.Path)
	return out
}

func (a *answer) print(s *shell) {
	by := "as no rule allows it"
	if a.Rule != "" {
		by = fmt.Sprintf("by rule %q", a.Rule)
	}
	of := a.Tenant
	if a.Candidate {
		of += " (candidate)"
	}
	if a.OK {
		fmt.Fprintf(s.stdout, "ok    %s: %s: %s is %s %s\n", of, a.User, a.Entry, a.Got, by)
		return
	}
	fmt.Fprintf(s.stdout, "FAIL  %s: %s: %s is %s %s, and should be %s (%s:%d:%d)\n", of, a.User, a.Entry, a.Got, by, a.Want,
		a.File, a.Line, a.Column)
}
