package main

import (
	"context"
	"errors"
	"fmt"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/realm"
)

// choices is what is chosen for a user, for programs.
type choices struct {
	Refused   *finding `json:"refused,omitempty"` // why the token is not believed; then there is nothing else
	Tenant    string   `json:"tenant,omitempty"`
	User      string   `json:"user,omitempty"`
	Chosen    []choice `json:"chosen"`
	NotChosen []choice `json:"not_chosen"`
}

// choice is one channel under subscribe and its place, and what becomes of it for the user.
type choice struct {
	Channel string       `json:"channel,omitempty"` // absent where none is chosen
	Pattern string       `json:"pattern"`
	Path    string       `json:"path"`
	File    string       `json:"file"`
	Line    int          `json:"line"`
	Column  int          `json:"column"`
	Detail  string       `json:"detail,omitempty"`  // why none is chosen
	Decided *explanation `json:"decided,omitempty"` // whether the user may subscribe to it
}

func (s *shell) aclChosen(ctx context.Context, q *inquiry, asJSON bool) error {
	if err := q.check(); err != nil {
		return err
	}
	out := &choices{Chosen: []choice{}, NotChosen: []choice{}}
	who, c, err := q.ask(ctx, s)
	if r, ok := errors.AsType[*auth.Refusal](err); ok {
		out.Refused = &finding{r.Reason, r.Err.Error()}
	} else if err != nil {
		return err
	}
	if out.Refused == nil {
		if err := out.fill(s, q, who, c); err != nil {
			return err
		}
	}
	return s.verdict(out, asJSON, out.allowed())
}

// fill asks what is chosen, and the rules about each.
func (o *choices) fill(s *shell, q *inquiry, who *auth.Principal, c *config.Tenant) error {
	policy, at, err := q.policy(s, c, who.Tenant)
	if err != nil {
		return err
	}
	all, err := s.choices(q, c, who)
	if err != nil {
		return err
	}
	o.Tenant, o.User = who.Tenant.String(), who.User
	for _, x := range all {
		one := shownChoice(c, x)
		if x.Name.IsZero() {
			o.NotChosen = append(o.NotChosen, one)
			continue
		}
		one.Decided = &explanation{Action: acl.Subscribe.String(), Channel: one.Channel, Lost: []ruleShown{}}
		one.Decided.fill(who, c, policy.Explain(who, acl.Subscribe, x.Name), at)
		o.Chosen = append(o.Chosen, one)
	}
	return nil
}

// choices explains the tenant's choices.
func (s *shell) choices(q *inquiry, c *config.Tenant, who *auth.Principal) ([]acl.Chosen, error) {
	made, faults := realm.Choices(who.Tenant, c)
	var problems []config.Problem
	for _, p := range faults {
		problems = append(problems, c.Problem(p.Path, "%s", p.Message))
	}
	if problems != nil {
		return nil, s.refuse(q.file, problems)
	}
	return made.Explain(who), nil
}

// choiceOf returns the choice that subscribes the user to a channel, nil where none does.
func (s *shell) choiceOf(q *inquiry, c *config.Tenant, who *auth.Principal, name channel.Name) (*choice, error) {
	all, err := s.choices(q, c, who)
	for _, x := range all {
		if x.Name == name {
			one := shownChoice(c, x)
			return &one, nil
		}
	}
	return nil, err
}

func shownChoice(c *config.Tenant, x acl.Chosen) choice {
	one := choice{Channel: x.Name.String(), Pattern: x.Pattern, Path: x.Path, Detail: x.Detail}
	one.File, one.Line, one.Column = c.At(x.Path)
	return one
}

// allowed reports whether all that is chosen is.
func (o *choices) allowed() bool {
	for _, one := range o.Chosen {
		if !one.Decided.Allowed {
			return false
		}
	}
	return o.Refused == nil
}

// print writes for a person: what is chosen, and the rule that allows or denies it; then what is not chosen.
func (o *choices) print(s *shell) {
	if o.Refused != nil {
		fmt.Fprintf(s.stdout, "the token is refused: %s: %s\n", o.Refused.Reason, plain(o.Refused.Detail))
		return
	}
	if len(o.Chosen) == 0 {
		fmt.Fprintf(s.stdout, "nothing is chosen for user %s of tenant %s\n", plain(o.User), o.Tenant)
	} else {
		fmt.Fprintf(s.stdout, "chosen for user %s of tenant %s:\n", plain(o.User), o.Tenant)
	}
	for _, one := range o.Chosen {
		fmt.Fprintf(s.stdout, "  %s, by %q (%s)\n    %s\n", one.Channel, one.Pattern, one.place(), one.Decided.short())
	}
	if len(o.NotChosen) > 0 {
		fmt.Fprintln(s.stdout, "not chosen for this user:")
	}
	for _, one := range o.NotChosen {
		fmt.Fprintf(s.stdout, "  %q (%s): %s\n", one.Pattern, one.place(), plain(one.Detail))
	}
}

// short is the verdict on something chosen, in one line.
func (e *explanation) short() string {
	why := "no rule says anything; what no rule allows is denied"
	switch {
	case e.Rule != nil:
		why = fmt.Sprintf("by rule %q (%s)", e.Rule.Name, e.Rule.place())
	case e.Basis == string(acl.NotGranted):
		why = "a rule allows it, and the token does not"
	}
	return map[bool]string{true: "allowed: ", false: "denied, and left out: "}[e.Allowed] + why
}
