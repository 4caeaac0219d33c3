package preview

import (
	"cmp"
	"maps"
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
	p.heard = slices.SortedFunc(maps.Keys(heard), func(a, b channel.Name) int {
		return cmp.Or(heard[b]-heard[a], strings.Compare(a.String(), b.String()))
	})
	return p
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
	return unique(append(names, heard...)), len(p.heard) - len(heard)
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
