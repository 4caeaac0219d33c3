package witness

import (
	"slices"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// place is a witness for channels: a pattern, and the segments that it is made of. Its templates stand for the user's own.
type place struct {
	label    string // as the report shows it; empty for the tenant, on which manage is
	segments []string
}

func newPlace(segments []string) place { return place{strings.Join(segments, ":"), segments} }

// template takes {user} and {claim.NAME} apart. {tenant} is one value for everybody.
func template(segment string) (k kind, name string, ok bool) {
	name, isClaim := strings.CutPrefix(segment, "{claim.")
	switch {
	case segment == "{user}":
		return user, "", true
	case isClaim:
		return claim, strings.TrimSuffix(name, "}"), true
	}
	return "", "", false
}

func literal(segment string) bool {
	return segment != "*" && segment != "**" && !strings.HasPrefix(segment, "{")
}

// channels makes the places: the patterns of the rules that changed, what they have in common with those of other rules, and the channels of the tests.
func (s *survey) channels(changed []acl.Rule) {
	for _, r := range slices.Concat(s.old.Rules, s.new.Rules) {
		for _, text := range r.Channels {
			s.deepest = max(s.deepest, min(len(s.split(text))+1, channel.MaxSegments))
		}
	}
	known := make(map[string]bool)
	add := func(segments []string) {
		p := newPlace(segments)
		switch {
		case known[p.label]:
		case len(s.places) == maxChannels:
			s.cut = true
		default:
			known[p.label] = true
			s.places = append(s.places, p)
		}
	}
	of := func(rules []acl.Rule) (patterns [][]string) {
		seen := make(map[string]bool)
		for _, r := range rules {
			for _, text := range r.Channels {
				if segments := s.split(text); !seen[text] && segments != nil {
					seen[text] = true
					patterns = append(patterns, segments)
				}
			}
		}
		return patterns
	}
	if slices.ContainsFunc(changed, func(r acl.Rule) bool { return len(r.Channels) == 0 }) {
		add(nil)
	}
	fresh, all := of(changed), of(slices.Concat(s.old.Rules, s.new.Rules))
	for _, p := range fresh {
		for _, variant := range s.variants(p) {
			add(variant)
		}
	}
	for _, name := range s.tested() {
		if slices.ContainsFunc(fresh, func(p []string) bool { return overlap(p, name) != nil }) {
			add(name)
		}
	}
	for _, p := range fresh {
		for _, q := range all {
			if both := overlap(p, q); both != nil {
				for _, variant := range s.variants(both) {
					add(variant)
				}
			}
		}
	}
}

// split returns a pattern's segments, the tenant's written out.
func (s *survey) split(pattern string) []string {
	segments, known := s.patterns[pattern]
	if known {
		return segments
	}
	segments = acl.SplitPattern(pattern)
	for i, segment := range segments {
		if segment == "{tenant}" {
			segments[i] = s.tenant.String()
		}
	}
	s.patterns[pattern] = segments
	return segments
}

// tested returns the channels of the tests of both sides.
func (s *survey) tested() (names [][]string) {
	for _, t := range slices.Concat(s.old.Tests, s.new.Tests) {
		for _, entry := range slices.Concat(t.Allow, t.Deny) {
			if _, on, _ := strings.Cut(entry, " "); on != "" {
				names = append(names, strings.Split(on, ":"))
			}
		}
	}
	return names
}

// variants are a pattern as it stands, with others' segments in the place of the user's own, and with stars in the place of **.
func (s *survey) variants(p []string) [][]string {
	all := [][]string{p}
	others := slices.Clone(p)
	for i, segment := range others {
		if _, _, ok := template(segment); ok {
			others[i] = "*"
		}
	}
	if !slices.Equal(others, p) {
		all = append(all, others)
	}
	for _, v := range all[:len(all):len(all)] {
		if last := len(v) - 1; v[last] == "**" {
			for _, n := range s.tails(last) {
				all = append(all, append(slices.Clone(v[:last]), slices.Repeat([]string{"*"}, n)...))
			}
		}
	}
	return all
}

// tails returns how many segments are tried for a ** behind so many others: one, two, and so many that no pattern without ** is as long.
func (s *survey) tails(behind int) (lengths []int) {
	for _, n := range []int{1, 2, s.deepest - behind} {
		if n > 0 && behind+n <= channel.MaxSegments && !slices.Contains(lengths, n) {
			lengths = append(lengths, n)
		}
	}
	return lengths
}

// overlap returns what two patterns have in common, nil when no name matches both. Of a template and a name it keeps the name, which may be the user's own.
func overlap(p, q []string) (both []string) {
	for i := 0; ; i++ {
		switch {
		case i == len(p) && i == len(q):
			return both
		case i == len(p), i == len(q):
			return nil
		case p[i] == "**":
			return append(both, q[i:]...)
		case q[i] == "**":
			return append(both, p[i:]...)
		case p[i] == q[i], q[i] == "*", literal(p[i]) && !literal(q[i]):
			both = append(both, p[i])
		case p[i] == "*", literal(q[i]) && !literal(p[i]):
			both = append(both, q[i])
		case literal(p[i]):
			return nil // two names
		default:
			both = append(both, p[i]) // two templates: whoever is asked about may have one value for both
		}
	}
}

// name returns the channel that stands for the place when pr asks, and false where pr has no segment of its own for a template. A ** stands for so many segments that
// no other pattern ends there; the places with stars are the shorter ones.
func (s *survey) name(p *place, pr *auth.Principal) (channel.Name, bool) {
	if p.label == "" {
		return channel.Name{}, true
	}
	var written []string
	for i, segment := range p.segments {
		switch k, name, isTemplate := template(segment); {
		case segment == "**":
			written = append(written, slices.Repeat([]string{unknown}, slices.Max(s.tails(i)))...)
			continue
		case segment == "*":
			segment = unknown
		case isTemplate && k == user:
			segment = pr.Segment
		case isTemplate:
			values := pr.Claim(name)
			if len(values) != 1 {
				return channel.Name{}, false
			}
			segment, _ = channel.Segment(values[0].Value)
		}
		written = append(written, segment)
	}
	name, err := channel.Parse(strings.Join(written, ":"))
	return name, err == nil
}

// covers reports whether every witness of other is one of p too.
func (p *place) covers(other *place) bool {
	for i := 0; ; i++ {
		switch {
		case i == len(p.segments):
			return i == len(other.segments)
		case i == len(other.segments):
			return false
		case p.segments[i] == "**":
			return true
		case other.segments[i] == "**", p.segments[i] != "*" && p.segments[i] != other.segments[i]:
			return false
		}
	}
}
