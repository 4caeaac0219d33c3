package witness

import (
	"portcullis/internal/acl"
	"portcullis/internal/channel"
)

// outcome is what the two policies say to one of the people about one action, on the channel that stands for one place.
type outcome struct{ asked, before, after bool }

// cell returns the outcome of one question.
func (s *survey) cell(person, place int, a acl.Action) *outcome {
	return &s.cells[(person*len(s.places)+place)*(len(acl.Actions)+1)+int(a)]
}

// is reports whether it was gained, or lost.
func (o *outcome) is(gained bool) bool { return o.before != o.after && o.after == gained }

// against reports whether what a line says would be false here: that it is allowed now, where something was gained, or denied where lost.
func (o *outcome) against(gained bool) bool { return o.asked && o.after != gained }

// ask puts all questions to both policies.
func (s *survey) ask() {
	s.cells = make([]outcome, len(s.people)*len(s.places)*(len(acl.Actions)+1))
	for i := range s.people {
		for j := range s.places {
			name, ok := s.name(&s.places[j], s.people[i].principal)
			for _, a := range acl.Actions {
				if ok && (a == acl.Manage) == name.IsZero() {
					before, after := s.decide(i, a, name)
					*s.cell(i, j, a) = outcome{true, before.Allowed, after.Allowed}
				}
			}
		}
	}
}

// decide asks both policies. The zero Name is the tenant, on which is manage and nothing else.
func (s *survey) decide(person int, a acl.Action, name channel.Name) (before, after acl.Decision) {
	pr, old, new := s.people[person].principal, s.old.Policy, s.new.Policy
	if a == acl.Manage {
		return old.DecideManage(pr), new.DecideManage(pr)
	}
	return old.Decide(pr, a, name), new.Decide(pr, a, name)
}
