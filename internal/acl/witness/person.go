package witness

import (
	"fmt"
	"slices"

	"portcullis/internal/acl"
)

// users makes the people: whoever has nothing, each trait alone, all that one condition asks for, the users of the tests, and then two of these together.
func (s *survey) users() {
	known := make(map[string]bool)
	add := func(traits []int) {
		slices.Sort(traits)
		traits = slices.Compact(traits)
		for i, t := range traits {
			for _, other := range traits[:i] {
				if s.traitList[t].excludes(&s.traitList[other]) {
					return
				}
			}
		}
		switch key := fmt.Sprint(traits); {
		case known[key]:
		case len(s.people) == maxUsers:
			s.cut = true
		default:
			known[key] = true
			s.people = append(s.people, person{traits, s.principal(traits)})
		}
	}
	add(nil)
	for i := range s.traitList {
		add([]int{i})
	}
	if i := s.index(trait{kind: user, value: own}); i >= 0 {
		for j, t := range s.traitList {
			if t.kind == claim && t.value == own {
				add([]int{i, j})
			}
		}
	}
	for _, r := range slices.Concat(s.old.Rules, s.new.Rules) {
		whole := s.having(asked(r.For))
		add(whole)
		add(append(slices.Clone(whole), s.having(asked(r.Unless))...))
	}
	for _, t := range slices.Concat(s.old.Tests, s.new.Tests) {
		as := t.As
		m := acl.Match{Users: []string{as.User}, Roles: as.Roles, Scopes: as.Scopes, Claims: as.Claims}
		if as.Certificate {
			m.Certificate = &as.Certificate
		}
		traits := s.having(asked(&m))
		for _, one := range asked(&m) { // all of its roles and scopes, not one of each
			if i := s.index(one); i >= 0 {
				traits = append(traits, i)
			}
		}
		add(traits)
	}
	alone := slices.Clone(s.people)
	for i := range alone {
		for j := range alone[:i] {
			add(slices.Concat(alone[i].traits, alone[j].traits))
		}
	}
	s.compare()
}

// compare says of every two who has all traits of the other, and perhaps more.
func (s *survey) compare() {
	s.includes = make([][]bool, len(s.people))
	for i := range s.people {
		s.includes[i] = make([]bool, len(s.people))
		for j := range s.people {
			s.includes[i][j] = !slices.ContainsFunc(s.people[j].traits, func(t int) bool { return !slices.Contains(s.people[i].traits, t) })
		}
	}
}

func (s *survey) index(t trait) int {
	return slices.IndexFunc(s.traitList, func(known trait) bool { return known.kind == t.kind && known.name == t.name && known.value == t.value })
}

// having returns the traits by which somebody fits a condition: the first that is in the list of each kind, and all claims.
func (s *survey) having(wanted []trait) (traits []int) {
	taken := make(map[string]bool)
	for i := range s.traitList {
		t := &s.traitList[i]
		if key := string(t.kind) + " " + t.name; !taken[key] && slices.ContainsFunc(wanted, func(w trait) bool { return w.kind == t.kind && w.name == t.name && w.value == t.value }) {
			taken[key] = true
			traits = append(traits, i)
		}
	}
	return traits
}
