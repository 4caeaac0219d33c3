package main

import (
	"fmt"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
)

// print writes the explanation for a person: the answer first, then what it rests on, then what else was looked at.
func (e *explanation) print(s *shell) {
	if e.Refused != nil {
		fmt.Fprintf(s.stdout, "the token is refused: %s: %s\n", e.Refused.Reason, plain(e.Refused.Detail))
		return
	}
	verdict := map[bool]string{true: "allowed", false: "denied"}[e.Allowed]
	on := ""
	if e.Channel != "" {
		on = " on " + e.Channel
	}
	fmt.Fprintf(s.stdout, "%s: %s by user %s of tenant %s\n", verdict, e.Action+on, plain(e.User), e.Tenant)
	if e.Grants != nil {
		fmt.Fprintf(s.stdout, "the token is narrowed to: %s\n", narrowedTo(*e.Grants))
	}
	switch {
	case e.Rule != nil:
		fmt.Fprintf(s.stdout, "by rule %q (%s)\n", e.Rule.Name, e.Rule.place())
		for _, v := range e.Rule.Values {
			fmt.Fprintf(s.stdout, "  %s: %s\n", v.Part, plain(v.Value))
		}
	case e.Basis == string(acl.NotGranted):
		fmt.Fprintln(s.stdout, "a rule allows it, and the token does not")
	default:
		fmt.Fprintln(s.stdout, "no rule says anything; what no rule allows is denied")
	}
	if c := e.Chosen; c != nil {
		fmt.Fprintf(s.stdout, "chosen for the user by %q (%s): %s\n", c.Pattern, c.place(), map[bool]string{
			true: "subscribed without asking, on connecting", false: "and left out, because a choice gives no right",
		}[e.Allowed])
	}
	if len(e.Lost) == 0 {
		return
	}
	fmt.Fprintf(s.stdout, "other rules about %s:\n", e.Action)
	for _, r := range e.Lost {
		fmt.Fprintf(s.stdout, "  %q, %s (%s): %s\n", r.Name, r.Effect, r.place(), plain(r.Detail))
	}
}

// grantsOf writes what a token was narrowed to, each grant like "subscribe, history on room:*"; nil where it was not.
func grantsOf(p *auth.Principal) *[]string {
	if p.Grants == nil {
		return nil
	}
	list := []string{}
	for _, g := range p.Grants.List() {
		text := strings.Join(g.Actions, ", ")
		for i, pattern := range g.Channels {
			text += map[bool]string{true: " on ", false: ", "}[i == 0] + pattern.String()
		}
		list = append(list, text)
	}
	return &list
}

func narrowedTo(grants []string) string {
	if len(grants) == 0 {
		return "nothing here: its grants are for other locations"
	}
	return strings.Join(grants, "; ")
}

func (r *ruleShown) place() string { return fmt.Sprintf("%s:%d:%d", r.File, r.Line, r.Column) }

func (c *choice) place() string { return fmt.Sprintf("%s:%d:%d", c.File, c.Line, c.Column) }
