package acl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// Choice subscribes those whom it is for to channels, as an operator writes it. It gives no right: whoever acts on it asks the policy about each channel.
type Choice struct {
	// Channels are names with templates. Each stands for one channel of a user, so no '*' is among them.
	Channels []string `json:"channels"`
	For      *Match   `json:"for,omitempty"`    // whom the choice is for; nil is everybody
	Unless   *Match   `json:"unless,omitempty"` // whom of those it leaves out; nil is nobody
}

// Choices are all choices of one tenant, ready to be asked. They never change. Nil ones choose nothing.
type Choices struct {
	tenant tenant.ID
	list   []choice
}

type choice struct {
	path         string // as in "subscribe[2].channels[0]"
	pattern      string
	segments     []segment
	only, except *condition
}

// CompileChoices makes the choices of tenant t of what its operator wrote. It returns them or the problems that are in them, never both.
func CompileChoices(t tenant.ID, source []Choice) (*Choices, []Problem) {
	if len(source) == 0 {
		return nil, nil
	}
	c, made := compiler{}, &Choices{tenant: t}
	for i, one := range source {
		path := fmt.Sprintf("subscribe[%d]", i)
		only, except := c.condition(path+".for", one.For), c.condition(path+".unless", one.Unless)
		for j, pattern := range one.Channels {
			at := fmt.Sprintf("%s.channels[%d]", path, j)
			segments, err := parsePattern(pattern)
			switch {
			case err != nil:
				c.add(at, "%v", err)
			case slices.ContainsFunc(segments, func(s segment) bool { return s.kind == star || s.kind == tail }):
				c.add(at, "%q means many channels; a user is subscribed to one by its name, in which {user}, {tenant} and {claim.NAME} may stand, as in user:{user}:inbox", pattern)
			}
			made.list = append(made.list, choice{at, pattern, segments, only, except})
		}
	}
	if c.problems != nil {
		return nil, c.problems
	}
	return made, nil
}

// Of returns the channels that are chosen for pr, each once, in the order of the file. A template without a value chooses nothing, and neither does a name that becomes too long.
func (c *Choices) Of(pr *auth.Principal) (names []channel.Name) {
	if c == nil || pr.Tenant != c.tenant {
		return nil
	}
	for i := range c.list {
		if one := &c.list[i]; one.isFor(pr) {
			if name, ok := one.name(pr); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (c *choice) isFor(pr *auth.Principal) bool {
	return (c.only == nil || c.only.matches(pr)) && (c.except == nil || !c.except.matches(pr))
}

// name fills in what pr has for the templates. Each value is one segment, whatever is in it.
func (c *choice) name(pr *auth.Principal) (channel.Name, bool) {
	segments := make([]string, len(c.segments))
	for i, s := range c.segments {
		text, ok := s.filled(pr)
		if !ok {
			return channel.Name{}, false
		}
		segments[i] = text
	}
	name, err := channel.Parse(strings.Join(segments, ":"))
	return name, err == nil
}

// filled is the segment of a name that pr makes of s, which is no star.
func (s segment) filled(pr *auth.Principal) (text string, ok bool) {
	text, ok = s.text, true
	switch s.kind {
	case user:
		text = pr.Segment
	case ofTenant:
		text = pr.Tenant.String()
	case claim:
		values := pr.Claim(s.text)
		if len(values) != 1 {
			return "", false
		}
		text, ok = channel.Segment(values[0].Value)
	}
	return text, ok && text != ""
}

// Idle returns a problem for each channel to which nobody is ever subscribed, because no rule of p allows anybody to subscribe to it, or one denies it to all for whom it is chosen: whoever wrote the choice waits for something
// that never comes. Of the second it knows what can be seen without knowing any user.
func (c *Choices) Idle(p *Policy) (idle []Problem) {
	if c == nil {
		return nil
	}
	for i := range c.list {
		one := &c.list[i]
		if !p.allowsSome(one.segments) {
			idle = append(idle, Problem{one.path, fmt.Sprintf("nobody is ever subscribed to %q: no rule allows subscribe on it, and a choice gives no right; add a rule, or remove it", one.pattern)})
		} else if r := p.deniesAll(one); r != nil {
			idle = append(idle, Problem{one.path, fmt.Sprintf("nobody is ever subscribed to %q: rule %q (rules[%d]) denies subscribe on it to everybody for whom it is chosen, and deny wins; "+
				"spare them by the rule's unless, give it other channels, or remove the channel here", one.pattern, r.name, r.order)})
		}
	}
	return idle
}

// deniesAll returns a rule that denies everybody for whom c is to subscribe to whatever name it becomes, nil where none does for certain.
func (p *Policy) deniesAll(c *choice) *rule {
	for _, r := range p.rules {
		if !r.denies || !r.actions.has(Subscribe) || !r.isAbout(c) {
			continue
		}
		for _, text := range r.channels {
			if pattern, err := parsePattern(text); err == nil && covers(pattern, c.segments, p.tenant) {
				return r
			}
		}
	}
	return nil
}

// isAbout reports whether r is about everybody for whom c is, as far as both say the same.
func (r *rule) isAbout(c *choice) bool {
	return (r.only == nil || reflect.DeepEqual(r.only, c.only)) && (r.except == nil || reflect.DeepEqual(r.except, c.except))
}

// covers reports whether a pattern matches every name that the segments become. A template has the same value on both sides.
func covers(pattern, segments []segment, t tenant.ID) bool {
	fixed := func(s segment) segment {
		if s.kind == ofTenant {
			return segment{literal, t.String()}
		}
		return s
	}
	for i, s := range pattern {
		if i == len(segments) {
			return false
		}
		if s.kind == tail {
			return true
		}
		if s.kind != star && fixed(s) != fixed(segments[i]) {
			return false
		}
	}
	return len(pattern) == len(segments)
}

// allowsSome reports whether a rule allows somebody to subscribe to a name that the segments may become.
func (p *Policy) allowsSome(segments []segment) bool {
	for _, r := range p.rules {
		if r.denies || !r.actions.has(Subscribe) {
			continue
		}
		for _, text := range r.channels {
			if pattern, err := parsePattern(text); err == nil && meet(pattern, segments, p.tenant) {
				return true
			}
		}
	}
	return false
}

// meet reports whether a pattern may match a name that the segments may become.
func meet(pattern, segments []segment, t tenant.ID) bool {
	text := func(s segment) (string, bool) {
		if s.kind == ofTenant {
			return t.String(), true
		}
		return s.text, s.kind == literal
	}
	for i, s := range pattern {
		if i == len(segments) {
			return false
		}
		if s.kind == tail {
			return true
		}
		a, fixed := text(s)
		b, too := text(segments[i])
		if fixed && too && a != b {
			return false
		}
	}
	return len(pattern) == len(segments)
}
