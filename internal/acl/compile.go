package acl

import (
	"fmt"
	"slices"

	"portcullis/internal/tenant"
)

// Compile makes the policy of tenant t of its rules. It returns a policy or the problems that are in the rules, all of
// them in the order of the file, never both.
func Compile(t tenant.ID, source []Rule) (*Policy, []Problem) {
	c := compiler{policy: &Policy{tenant: t}, named: map[string]int{}}
	for i := range source {
		c.rule(fmt.Sprintf("rules[%d]", i), i, &source[i])
	}
	if c.problems != nil {
		return nil, c.problems
	}
	for _, e := range c.endings {
		e.deny.sort()
		e.allow.sort()
	}
	return c.policy, nil
}

// compiler is one compilation. The policy is nobody else's until it is complete.
type compiler struct {
	policy  *Policy
	endings []*ending
	named   map[string]int // the rules so far, to find two of one name

	problems
}

// problems are what is wrong so far.
type problems []Problem

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, Problem{path, fmt.Sprintf(format, args...)})
}

func (c *compiler) rule(path string, i int, r *Rule) {
	if first, ok := c.named[r.Name]; ok {
		c.add(path+".name", "name %q is that of rules[%d] too; a decision is explained by its rule's name, so give each its own", r.Name, first)
	} else if r.Name == "" {
		c.add(path, "this rule has no name; a decision is explained by its rule's name, so give it one")
	} else {
		c.named[r.Name] = i
	}
	compiled := &rule{name: r.Name, order: i, denies: len(r.Deny) > 0, channels: r.Channels}
	c.policy.rules = append(c.policy.rules, compiled)
	compiled.actions = c.actions(path, r)
	for j, pattern := range r.Channels {
		c.channel(fmt.Sprintf("%s.channels[%d]", path, j), pattern, compiled)
	}
	switch {
	case compiled.actions == manageOnly && len(r.Channels) > 0:
		c.add(path+".channels", "rule %q is about manage, which is on the tenant and not on channels; leave channels out", r.Name)
	case compiled.actions == manageOnly:
		c.end(&c.policy.manage, compiled)
	case compiled.actions != 0 && len(r.Channels) == 0:
		c.add(path, `rule %q names no channels and would never match; list patterns under channels, "**" for all`, r.Name)
	}
	compiled.only = c.condition(path+".for", r.For)
	compiled.except = c.condition(path+".unless", r.Unless)
}

// actions returns what r is about, or none when that has a problem.
func (c *compiler) actions(path string, r *Rule) (set actions) {
	key, list := "allow", r.Allow
	switch {
	case len(r.Allow) > 0 && len(r.Deny) > 0:
		c.add(path, "rule %q has allow and deny; a rule has one of them, so write two rules", r.Name)
		return 0
	case len(r.Deny) > 0:
		key, list = "deny", r.Deny
	case len(r.Allow) == 0:
		c.add(path, "rule %q neither allows nor denies; list actions under allow or under deny", r.Name)
		return 0
	}
	good := true
	for i, name := range list {
		a, err := ParseAction(name)
		if err != nil {
			c.add(fmt.Sprintf("%s.%s[%d]", path, key, i), "%v", err)
			good = false
			continue
		}
		set = set.with(a)
	}
	if set.has(Manage) && set != manageOnly {
		c.add(path+"."+key, "rule %q mixes manage, which is on the tenant, with actions on channels; write two rules", r.Name)
		good = false
	}
	if !good {
		return 0
	}
	return set
}

// channel puts r at the end of its pattern.
func (c *compiler) channel(path, pattern string, r *rule) {
	segments, err := parsePattern(pattern)
	if err != nil {
		c.add(path, "%v", err)
		return
	}
	n := &c.policy.tree
	for _, s := range segments {
		if s.kind == tail {
			c.end(made(&n.tail), r)
			return
		}
		n = n.branch(s, c.policy.tenant)
	}
	c.end(made(&n.end), r)
}

// end puts r among the rules of one pattern, once, however often the rule lists the pattern.
func (c *compiler) end(e *ending, r *rule) {
	if len(e.deny.open) == 0 && len(e.allow.open) == 0 {
		c.endings = append(c.endings, e)
	}
	list := &e.allow
	if r.denies {
		list = &e.deny
	}
	if !slices.Contains(list.open[max(0, len(list.open)-1):], r) {
		list.open = append(list.open, r)
	}
}

// made returns what p points to, and makes it the first time.
func made[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}
