package witness

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
)

// kind is what a trait is about.
type kind string

const (
	user        kind = "user"
	role        kind = "role"
	scope       kind = "scope"
	claim       kind = "claim"
	certificate kind = "certificate"
)

// trait is something that a user may have and that some condition or template tells apart.
type trait struct {
	kind        kind
	name, value string // the name is a claim's
	alike       int    // how many others stand in the same conditions, and are not asked about
}

func (t *trait) String() string {
	text := string(t.kind) + " " + t.value
	switch t.kind {
	case claim:
		if t.value == own {
			return "any claim " + t.name
		}
		text = fmt.Sprintf("claim %s=%s", t.name, t.value)
	case certificate:
		return "with a certificate"
	case user:
		if t.value == own {
			return "a user named as the claim"
		}
	case role, scope:
	}
	if t.alike > 0 {
		text += fmt.Sprintf(" (and %d more like it)", t.alike)
	}
	return text
}

// excludes reports whether nobody is a witness with both: a user has one name, and a claim of two values fits no template.
func (t *trait) excludes(other *trait) bool {
	return t.kind == other.kind && (t.kind == user || t.kind == claim && t.name == other.name)
}

// nobody is the user whom no rule names, own a claim's value that none does, and unknown the segment of a star.
const (
	nobody  = "somebody"
	own     = "its-own"
	unknown = "x"
)

func sameMatch(a, b *acl.Match) bool {
	if a == nil || b == nil {
		return a == b
	}
	return equal(a.Users, b.Users) && equal(a.Roles, b.Roles) && equal(a.Scopes, b.Scopes) && maps.Equal(a.Claims, b.Claims) &&
		(a.Certificate == nil) == (b.Certificate == nil) && (a.Certificate == nil || *a.Certificate == *b.Certificate)
}

// asked lists what a condition asks for.
func asked(m *acl.Match) (list []trait) {
	if m == nil {
		return nil
	}
	for kind, texts := range map[kind][]string{user: m.Users, role: m.Roles, scope: m.Scopes} {
		for _, text := range texts {
			list = append(list, trait{kind: kind, value: text})
		}
	}
	for name, value := range m.Claims {
		list = append(list, trait{kind: claim, name: name, value: value})
	}
	if m.Certificate != nil {
		list = append(list, trait{kind: certificate})
	}
	return list
}

// traits collects what the rules that can decide on the places tell apart, one for all that stand in the same conditions.
func (s *survey) traits(changed []acl.Rule) {
	where := make(map[trait]string) // the conditions that it stands in
	var order []trait
	note := func(t trait, at string) {
		if _, known := where[t]; !known {
			order = append(order, t)
		}
		where[t] += at
	}
	for i, r := range slices.Concat(s.old.Rules, s.new.Rules) {
		if !s.matters(&r, changed) {
			continue
		}
		for j, m := range []*acl.Match{r.For, r.Unless} {
			list := asked(m)
			slices.SortFunc(list, func(a, b trait) int { return strings.Compare(a.String(), b.String()) })
			for _, t := range list {
				note(t, fmt.Sprintf("%d.%d ", i, j))
			}
		}
	}
	s.ownNames(note)
	first := make(map[string]int)
	for _, t := range order {
		key := string(t.kind) + " " + t.name + " " + where[t]
		if i, known := first[key]; known {
			s.traitList[i].alike++
			continue
		}
		first[key] = len(s.traitList)
		s.traitList = append(s.traitList, t)
	}
}

// ownNames notes who has a segment of their own where a template stands: one that nobody names, and the names that stand in its place in other patterns.
func (s *survey) ownNames(note func(trait, string)) {
	all := slices.Collect(maps.Values(s.patterns))
	for _, p := range s.places {
		all = append(all, p.segments)
	}
	slices.SortFunc(all, slices.Compare)
	for _, p := range all {
		for i, segment := range p {
			k, name, isTemplate := template(segment)
			if !isTemplate {
				continue
			}
			if k == claim {
				note(trait{kind: k, name: name, value: own}, "template")
			}
			for _, other := range all {
				if i >= len(other) || i > 0 && overlap(p[:i], other[:i]) == nil {
					continue
				}
				if literal(other[i]) {
					note(trait{kind: k, name: name, value: unescape(other[i])}, "literal "+other[i])
				} else if _, _, meets := template(other[i]); meets && k == user && other[i] != segment {
					note(trait{kind: user, value: own}, "template") // who has the name that a claim has
				}
			}
		}
	}
}

// matters reports whether r can decide where a rule that changed can.
func (s *survey) matters(r *acl.Rule, changed []acl.Rule) bool {
	return slices.ContainsFunc(changed, func(c acl.Rule) bool {
		return shareAction(r, &c) && (len(r.Channels) == 0 || slices.ContainsFunc(r.Channels, func(p string) bool {
			return slices.ContainsFunc(c.Channels, func(q string) bool { return overlap(s.split(p), s.split(q)) != nil })
		}))
	})
}

func shareAction(a, b *acl.Rule) bool {
	of := slices.Concat(b.Allow, b.Deny)
	return slices.ContainsFunc(slices.Concat(a.Allow, a.Deny), func(action string) bool { return slices.Contains(of, action) })
}

// person is a witness: the traits that it has, by their places in the list, in order.
type person struct {
	traits    []int
	principal *auth.Principal
}

// words describes traits as a person would.
func (s *survey) words(traits []int) string {
	if len(traits) == 0 {
		return "anybody"
	}
	list := make([]string, len(traits))
	for i, t := range traits {
		list[i] = s.traitList[t].String()
	}
	return strings.Join(list, ", ")
}

// principal returns who has these traits, as a credential would say it.
func (s *survey) principal(traits []int) *auth.Principal {
	of := acl.Subject{User: nobody, Claims: make(map[string]string)}
	for _, i := range traits {
		switch t := &s.traitList[i]; t.kind {
		case user:
			of.User = t.value
		case role:
			of.Roles = append(of.Roles, t.value)
		case scope:
			of.Scopes = append(of.Scopes, t.value)
		case claim:
			of.Claims[t.name] = t.value
		case certificate:
			of.Certificate = true
		}
	}
	p, _ := of.Principal(s.tenant)
	return p
}

// unescape returns the value that a segment is written for.
func unescape(segment string) string {
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		var c byte
		if segment[i] == '%' && i+2 < len(segment) {
			if _, err := fmt.Sscanf(segment[i+1:i+3], "%02X", &c); err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(segment[i])
	}
	return b.String()
}
