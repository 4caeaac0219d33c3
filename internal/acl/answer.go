package acl

import (
	"fmt"
	"iter"
)

// Answer is what a policy says to one expectation.
type Answer struct {
	Path     string // of the expectation, as in "tests[0].allow[1]"
	User     string
	Entry    string // the action and the channel
	Want     bool   // whether it should be allowed
	Decision Decision
}

// Holds reports whether the answer is the expected one.
func (a *Answer) Holds() bool { return a.Want == a.Decision.Allowed }

// Answers puts every expectation to the policy, in the order of the file. What is no expectation is left out: [Policy.RunTests]
// tells of it.
func (p *Policy) Answers(tests []Test) []Answer {
	var answers []Answer
	for i, t := range tests {
		pr := t.As.principal(p, "", new(problems))
		for path, e := range t.expectations(fmt.Sprintf("tests[%d]", i)) {
			if d, err := p.try(pr, e.entry); err == nil {
				answers = append(answers, Answer{path, pr.User, e.entry, e.want, d})
			}
		}
	}
	return answers
}

// expectation is one entry of a test.
type expectation struct {
	entry string
	want  bool
}

// expectations returns what t expects, and where each entry stands when t stands at path.
func (t *Test) expectations(path string) iter.Seq2[string, expectation] {
	return func(yield func(string, expectation) bool) {
		for i, entry := range t.Allow {
			if !yield(fmt.Sprintf("%s.allow[%d]", path, i), expectation{entry, true}) {
				return
			}
		}
		for i, entry := range t.Deny {
			if !yield(fmt.Sprintf("%s.deny[%d]", path, i), expectation{entry, false}) {
				return
			}
		}
	}
}
