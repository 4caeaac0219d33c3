package preview

import (
	"cmp"
	"slices"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// places are the channels that users are asked about: examples of what both policies are about, then those that somebody is subscribed to, most subscribers first.
type places struct {
	patterns []string       // of the rules of both, where the user decides what they are
	fixed    []channel.Name // the same for everybody
	heard    []channel.Name
	more     int // channels that somebody is subscribed to, and nobody is asked about
}

const (
	// somebody stands in examples wherever a rule lets anything stand; no pattern and no user has it.
	somebody = "~example~"
	// mostPatterns bounds the patterns of a kind that are asked about.
	mostPatterns = 200
)

func newPlaces(rules []acl.Rule, heard map[channel.Name]int) *places {
	p := new(places)
	for i := range rules {
		for _, pattern := range rules[i].Channels {
			if strings.Contains(pattern, "{") {
				if !slices.Contains(p.patterns, pattern) && len(p.patterns) < mostPatterns {
					p.patterns = append(p.patterns, pattern)
				}
			} else if name, ok := written(pattern, nil); ok {
				p.fixed = append(p.fixed, name)
			}
		}
	}
	p.fixed = unique(p.fixed)
	p.fixed = p.fixed[:min(mostPatterns, len(p.fixed))]
	p.heard, p.more = loudest(heard)
	return p
}

// loudest returns the channels with most subscribers, as many as one user may be asked about, and how many others there are. A tenant may have very many, and
// deliveries would stand behind sorting them all.
func loudest(heard map[channel.Name]int) (names []channel.Name, more int) {
	type place struct {
		name  channel.Name
		count int
	}
	first := func(a, b place) int {
		return cmp.Or(b.count-a.count, strings.Compare(a.name.String(), b.name.String()))
	}
	best, least := make([]place, 0, 2*mostNames), 0 // whoever has fewer than least is none of them
	keep := func() {
		slices.SortFunc(best, first)
		if len(best) >= mostNames {
			best = best[:mostNames]
			least = best[mostNames-1].count
		}
	}
	var rest pause
	for name, count := range heard {
		rest.after(1)
		if count < least {
			continue
		}
		if best = append(best, place{name, count}); len(best) == 2*mostNames {
			keep()
		}
	}
	keep()
	for _, p := range best {
		names = append(names, p.name)
	}
	return names, len(heard) - len(names)
}

// of returns at most so many channels for one user, half of them examples, and how many channels of subscriptions were left out.
func (p *places) of(pr *auth.Principal, most int) (names []channel.Name, left int) {
	add := func(name channel.Name, ok bool) {
		if ok && len(names) < most/2 {
			names = append(names, name)
		}
	}
	for _, pattern := range p.patterns[:min(most, len(p.patterns))] {
		add(written(pattern, pr))
	}
	for _, name := range p.fixed {
		add(name, true)
	}
	heard := p.heard[:min(len(p.heard), most-len(names))]
	return unique(append(names, heard...)), len(p.heard) - len(heard) + p.more
}

// unique takes out what stood before.
func unique(names []channel.Name) []channel.Name {
	seen := make(map[channel.Name]bool, len(names))
	return slices.DeleteFunc(names, func(n channel.Name) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
}

// written makes a channel of a pattern: what stands for anything becomes an example, what stands for something of the user's that.
func written(pattern string, pr *auth.Principal) (channel.Name, bool) {
	segments := strings.Split(pattern, ":")
	for i, s := range segments {
		inner, is := strings.CutPrefix(s, "{")
		claim, of := strings.CutPrefix(strings.TrimSuffix(inner, "}"), "claim.")
		switch {
		case s == "*" || s == "**":
			segments[i] = somebody
		case !is:
		case pr == nil:
			return channel.Name{}, false
		case inner == "user}":
			segments[i] = pr.Segment
		case inner == "tenant}":
			segments[i] = pr.Tenant.String()
		case of:
			values := pr.Claim(claim)
			if len(values) != 1 {
				return channel.Name{}, false
			}
			segments[i], _ = channel.Segment(values[0].Value)
		}
	}
	name, err := channel.Parse(strings.Join(segments, ":"))
	return name, err == nil
}
