package witness

import (
	"fmt"
	"slices"

	"portcullis/internal/acl"
)

// draft is a line that is not written yet.
type draft struct {
	gained  bool
	who     int   // of the people
	but     []int // of the people: who has the traits of who and more, and is not among those who gain or lose
	actions []acl.Action
	place   int
	except  []int // of the places: those inside, where it is not so
}

// lines finds for each place and action the smallest witnesses that lose or gain, and says each difference once: what is lost first.
func (s *survey) lines() (lines []Line) {
	for _, gained := range []bool{false, true} {
		var all []draft
		for place := range s.places {
			for _, a := range acl.Actions {
				all = append(all, s.smallest(place, a, gained)...)
			}
		}
		all = s.widest(merged(all))
		for i := range all {
			lines = append(lines, s.line(&all[i]))
		}
	}
	return lines
}

// smallest returns who gains or loses an action on a place, without those who are others with more to them.
func (s *survey) smallest(place int, a acl.Action, gained bool) (drafts []draft) {
	var in []int
	for i := range s.people {
		if s.cell(i, place, a).is(gained) {
			in = append(in, i)
		}
	}
	for _, i := range in {
		if !slices.ContainsFunc(in, func(other int) bool { return other != i && s.includes[i][other] }) {
			d := draft{gained: gained, who: i, but: s.spared(i, place, a, gained), actions: []acl.Action{a}, place: place}
			d.except = s.excepted(&d, a)
			drafts = append(drafts, d)
		}
	}
	return drafts
}

// spared returns the smallest of those who have all traits of who, and of whom it is not true.
func (s *survey) spared(who, place int, a acl.Action, gained bool) (but []int) {
	for i := range s.people {
		if i != who && s.includes[i][who] && s.cell(i, place, a).against(gained) {
			but = smallestWith(but, i, func(more, less int) bool { return s.includes[more][less] })
		}
	}
	return but
}

// smallestWith adds i to a list of which none is inside another.
func smallestWith(list []int, i int, inside func(more, less int) bool) []int {
	if slices.ContainsFunc(list, func(other int) bool { return inside(i, other) }) {
		return list
	}
	return append(slices.DeleteFunc(list, func(other int) bool { return inside(other, i) }), i)
}

// merged puts the actions of one difference together.
func merged(drafts []draft) (all []draft) {
	first := make(map[string]int)
	for _, d := range drafts {
		key := fmt.Sprint(d.who, d.place, d.but, d.except)
		if i, known := first[key]; known {
			all[i].actions = append(all[i].actions, d.actions...)
			continue
		}
		first[key] = len(all)
		all = append(all, d)
	}
	return all
}

// widest leaves out what a line about a wider place says already, for the same users or for more.
func (s *survey) widest(drafts []draft) (all []draft) {
	for _, d := range drafts {
		if !slices.ContainsFunc(drafts, func(other draft) bool { return s.says(&other, &d) }) {
			all = append(all, d)
		}
	}
	return all
}

// says reports whether a draft says what another does, and more.
func (s *survey) says(wide, d *draft) bool {
	of, in := &s.places[wide.place], &s.places[d.place]
	if wide.place == d.place || !of.covers(in) || in.covers(of) || !s.includes[d.who][wide.who] {
		return false
	}
	sameWho := wide.who == d.who && slices.Equal(wide.but, d.but)
	return (sameWho || len(wide.but) == 0) && !slices.ContainsFunc(d.actions, func(a acl.Action) bool { return !slices.Contains(wide.actions, a) })
}

// line writes a draft, with the places inside its own where it is not so.
func (s *survey) line(d *draft) Line {
	who, place := &s.people[d.who], &s.places[d.place]
	l := Line{Gained: d.gained, Who: s.words(who.traits), Actions: d.actions, Channel: place.label}
	name, _ := s.name(place, who.principal)
	before, after := s.decide(d.who, d.actions[0], name)
	l.Before, l.After = before.Rule, after.Rule
	for _, i := range d.but {
		more := slices.DeleteFunc(slices.Clone(s.people[i].traits), func(t int) bool { return slices.Contains(who.traits, t) })
		l.But = append(l.But, s.words(more))
	}
	for _, j := range d.except {
		l.Except = append(l.Except, s.places[j].label)
	}
	return l
}

// excepted returns the widest places inside the draft's own where it is not so.
func (s *survey) excepted(d *draft, a acl.Action) (except []int) {
	for j := range s.places {
		if j != d.place && s.places[d.place].covers(&s.places[j]) && s.denies(d, a, j) {
			except = smallestWith(except, j, func(inner, outer int) bool { return s.places[outer].covers(&s.places[inner]) })
		}
	}
	return except
}

// denies reports whether what d says is false on another place. Of a ** it also is where a certain number of segments makes no difference.
func (s *survey) denies(d *draft, a acl.Action, place int) bool {
	of, in := s.places[d.place].segments, s.places[place].segments
	last := len(of) - 1
	shorter := last >= 0 && of[last] == "**" && !slices.ContainsFunc(in[last:], func(segment string) bool { return segment != "*" }) && slices.Equal(in[:last], of[:last])
	o := s.cell(d.who, place, a)
	return o.against(d.gained) || shorter && !o.is(d.gained)
}
