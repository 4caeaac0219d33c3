package acl

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// Example is somebody whom a rule that allows is about, on a channel that it is about. Another rule may deny it all the same: ask.
type Example struct {
	Principal *auth.Principal
	Name      channel.Name
}

// Examples returns examples for the rules that allow something on channels, in the order of the tree. unknown stands in every name wherever the rule lets anything stand, and
// where a rule asks for a claim's value; names without it are left out, as are rules for certain users: nobody real is meant. unknown is one segment as it stands.
func (p *Policy) Examples(unknown string) iter.Seq[Example] {
	return func(yield func(Example) bool) {
		e := examples{policy: p, unknown: unknown, yield: yield}
		e.walk(&p.tree, nil, nil)
	}
}

// examples is one walk down the tree.
type examples struct {
	policy  *Policy
	unknown string
	yield   func(Example) bool
	over    bool
}

// walk goes through everything below n. segments lead to n, and whoever stands in them has these claims.
func (e *examples) walk(n *node, segments []string, claims []auth.Claim) {
	e.at(n.end, segments, claims)
	e.at(n.tail, append(slices.Clone(segments), e.unknown), claims)
	below := func(next *node, segment string, claims []auth.Claim) {
		if !e.over {
			e.walk(next, append(slices.Clone(segments), segment), claims)
		}
	}
	if n.star != nil {
		below(n.star, e.unknown, claims)
	}
	for _, t := range n.templates {
		if t.claim == "" {
			below(t.next, e.unknown, claims)
		} else {
			below(t.next, e.unknown, append(slices.Clone(claims), auth.Claim{Name: t.claim, Value: e.unknown}))
		}
	}
	for _, segment := range slices.Sorted(maps.Keys(n.literal)) {
		below(n.literal[segment], segment, claims)
	}
}

// at gives an example for each rule that allows where a pattern ends.
func (e *examples) at(end *ending, segments []string, claims []auth.Claim) {
	if end == nil || e.over || !slices.Contains(segments, e.unknown) {
		return
	}
	name, err := channel.Parse(strings.Join(segments, ":"))
	if err != nil {
		return
	}
	for _, r := range end.allow.all() {
		if p := r.someone(e.unknown, claims); p != nil && !e.over {
			p.Tenant = e.policy.tenant
			e.over = !e.yield(Example{p, name})
		}
	}
}

// all returns the rules of one effect at one ending, in the order of the file.
func (l *rules) all() []*rule {
	all := slices.Clone(l.open)
	if x := l.found; x != nil {
		for _, m := range []map[string][]*rule{x.users, x.roles, x.scopes} {
			for _, list := range m {
				all = append(all, list...)
			}
		}
		for _, list := range x.claims {
			all = append(all, list...)
		}
	}
	slices.SortFunc(all, func(a, b *rule) int { return a.order - b.order })
	return slices.Compact(all)
}

// someone returns a user called unknown whom r is about, or nil where r is about certain users.
func (r *rule) someone(unknown string, claims []auth.Claim) *auth.Principal {
	p := &auth.Principal{User: unknown, Segment: unknown, Claims: slices.Clone(claims)}
	if c := r.only; c != nil {
		if len(c.users.list) > 0 {
			return nil
		}
		p.Roles, p.Scopes = slices.Clone(c.roles.list[:min(1, len(c.roles.list))]), slices.Clone(c.scopes.list[:min(1, len(c.scopes.list))])
		p.Claims = append(p.Claims, c.claims...)
		if c.certificate != nil && *c.certificate {
			p.Certificate = new(auth.Certificate)
		}
	}
	slices.SortStableFunc(p.Claims, func(a, b auth.Claim) int { return strings.Compare(a.Name, b.Name) })
	return p
}
