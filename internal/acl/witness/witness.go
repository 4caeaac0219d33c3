// Package witness compares two policies of a tenant: who gains and who loses what.
//
// Users and channels are without number, so the policies are asked about witnesses: users made of what the conditions of both tell apart, and channels made of
// their patterns. The user is one whom no rule names, with nothing; then with each role, scope, claim, name and certificate that a rule asks for; with all that one
// rule asks for; and with two of these. What appears in the same conditions, such as a hundred users of one list, is one witness. The channels are those of the rules
// that changed, and where they overlap with other rules: with a segment that no rule names in the place of each star, one, two and many of them in the place of **, and in
// the place of a template the user's own segment, and another's. Rules that both policies have cannot differ by themselves; they only count where they overlap.
//
// It is no proof: a difference that takes three things at once, none of which one rule asks for together, may be missed, and so may one beyond the bounds. The report
// says how much was asked.
package witness

import (
	"slices"

	"portcullis/internal/acl"
	"portcullis/internal/tenant"
)

// The bounds of a comparison. What lies beyond is left out, and the report says so.
const (
	maxUsers    = 400
	maxChannels = 400
)

// Side is one of the two policies. The zero Side allows nothing.
type Side struct {
	Policy *acl.Policy
	Rules  []acl.Rule // that the policy was compiled of
	Tests  []acl.Test // whose channels and users are witnesses too
}

// Report is what a comparison found, and how far it looked.
type Report struct {
	Lines           []Line
	Users, Channels int
	Cut             bool // there were more witnesses than the bounds take
}

// Line is one difference: what some users may do by one policy alone.
type Line struct {
	Gained  bool
	Who     string   // "anybody", or as in "role member" and "role member, with a certificate"
	But     []string // who of these does not gain or lose it, in words that are added to Who
	Actions []acl.Action
	Channel string   // a name, or a pattern all of whose witnesses agree; empty for manage
	Except  []string // channels that Channel covers where the users do not gain or lose it
	// Before and After are the rules that decide, for the first of the witnesses; empty where none does.
	Before, After string
}

// Compare asks both policies of a tenant about every witness.
func Compare(id tenant.ID, old, new Side) *Report {
	s := &survey{tenant: id, old: old, new: new, patterns: make(map[string][]string)}
	changed := different(old.Rules, new.Rules)
	s.channels(changed)
	s.traits(changed)
	s.users()
	if s.old.Policy == nil {
		s.old.Policy = &acl.Policy{}
	}
	if s.new.Policy == nil {
		s.new.Policy = &acl.Policy{}
	}
	s.ask()
	return &Report{Lines: s.lines(), Users: len(s.people), Channels: len(s.places), Cut: s.cut}
}

// survey is one comparison under way.
type survey struct {
	tenant   tenant.ID
	old, new Side
	patterns map[string][]string // by their text
	deepest  int                 // how many segments are more than any pattern names

	traitList []trait
	people    []person
	places    []place
	includes  [][]bool  // whether one of the people has all traits of another
	cells     []outcome // see [survey.cell]
	cut       bool
}

// different returns the rules that only one side has. A name or a place in the file makes no difference.
func different(old, new []acl.Rule) (only []acl.Rule) {
	rest := slices.Clone(new)
	for _, r := range old {
		i := slices.IndexFunc(rest, func(other acl.Rule) bool { return same(&r, &other) })
		if i < 0 {
			only = append(only, r)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return append(only, rest...)
}

func same(a, b *acl.Rule) bool {
	return equal(a.Allow, b.Allow) && equal(a.Deny, b.Deny) && equal(a.Channels, b.Channels) && sameMatch(a.For, b.For) && sameMatch(a.Unless, b.Unless)
}

// equal compares lists as sets: their order means nothing.
func equal(a, b []string) bool {
	sorted := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return slices.Equal(sorted(a), sorted(b))
}
