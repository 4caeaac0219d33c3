package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

func aclExplainCommand(s *shell) *cobra.Command {
	var q inquiry
	var asJSON bool
	c := &cobra.Command{
		Use: "explain --config FILE (--token-file FILE | --tenant ID --user USER) (--action ACTION [--channel CHANNEL] | --chosen)", Short: "Tell why somebody may or may not do something",
		Long: `Print what the rules decide, the rule that decides and where it stands, the values that decided, and every other rule about the action with the
reason for which it did not decide. A token is verified as a gateway of this configuration would at a handshake; what was revoked is not known here.
With --candidate the rules on trial are asked. The action is echo, publish, subscribe, history or presence on a channel, or manage without one.

With --chosen, print the channels that the tenant's file chooses for the user under subscribe, where each choice stands, and whether a rule allows it; then
those that it does not choose for this user, and why.

The exit code is 0 when it is allowed, or all that is chosen is, and 1 when something is denied or the token is refused.`,
		Example: `  portcullis acl explain --config portcullis.yaml --token-file token.jwt --action publish --channel room:1
  portcullis acl explain --config portcullis.yaml --tenant acme --user alice --role member --action subscribe --channel user:bob:inbox
  portcullis acl explain --config portcullis.yaml --tenant acme --user olga --claim org=7 --certificate --action manage --json
  portcullis acl explain --config portcullis.yaml --tenant acme --user alice --role member --chosen`,
		Args: takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if q.chosen {
				return s.aclChosen(cmd.Context(), &q, asJSON)
			}
			return s.aclExplain(cmd.Context(), &q, asJSON)
		}),
	}
	configFlag(c, &q.file)
	q.asker.flags(c)
	f := c.Flags()
	f.StringVar(&q.action, "action", "", "the `action`")
	f.StringVar(&q.channel, "channel", "", "the `channel`, as a client would name it")
	f.BoolVar(&q.candidate, "candidate", false, "ask the rules on trial")
	f.BoolVar(&q.chosen, "chosen", false, "in the place of an action: tell which channels are chosen for the user")
	c.MarkFlagsOneRequired("action", "chosen")
	c.MarkFlagsMutuallyExclusive("action", "chosen")
	c.MarkFlagsMutuallyExclusive("channel", "chosen")
	jsonFlag(c, &asJSON)
	return c
}

// inquiry is one question of acl explain.
type inquiry struct {
	asker

	file, action, channel string
	candidate, chosen     bool
}

// explanation is the answer, for programs.
type explanation struct {
	Allowed bool        `json:"allowed"`
	Basis   string      `json:"basis,omitempty"`
	Refused *finding    `json:"refused,omitempty"` // why the token is not believed; then there is nothing else
	Tenant  string      `json:"tenant,omitempty"`
	User    string      `json:"user,omitempty"`
	Action  string      `json:"action"`
	Channel string      `json:"channel,omitempty"`
	Grants  *[]string   `json:"grants,omitempty"` // what the token was narrowed to
	Rule    *ruleShown  `json:"rule,omitempty"`   // that decided; absent when none did
	Chosen  *choice     `json:"chosen,omitempty"` // that subscribes the user to the channel; absent where none does, and for other actions
	Lost    []ruleShown `json:"lost"`
}

// ruleShown is one rule of an explanation: the part of it that decided or did not, and its place.
type ruleShown struct {
	Name   string  `json:"name"`
	Effect string  `json:"effect"` // allow or deny
	Path   string  `json:"path"`
	Cause  string  `json:"cause,omitempty"` // why it did not decide
	Detail string  `json:"detail,omitempty"`
	Values []value `json:"values,omitempty"` // what fits, of the rule that decided
	File   string  `json:"file"`
	Line   int     `json:"line"`
	Column int     `json:"column"`
}

type value struct {
	Part  string `json:"part"`
	Value string `json:"value"`
}

func (s *shell) aclExplain(ctx context.Context, q *inquiry, asJSON bool) error {
	action, name, err := q.question()
	if err != nil {
		return err
	}
	out := &explanation{Action: q.action, Channel: q.channel, Lost: []ruleShown{}}
	who, c, err := q.ask(ctx, s)
	if r, ok := errors.AsType[*auth.Refusal](err); ok {
		out.Refused = &finding{r.Reason, r.Err.Error()}
	} else if err != nil {
		return err
	}
	if out.Refused == nil {
		policy, at, err := q.policy(s, c, who.Tenant)
		if err != nil {
			return err
		}
		x := policy.ExplainManage(who)
		if action != acl.Manage {
			x = policy.Explain(who, action, name)
		}
		out.fill(who, c, x, at)
		if action == acl.Subscribe {
			if out.Chosen, err = s.choiceOf(q, c, who, name); err != nil {
				return err
			}
		}
	}
	return s.verdict(out, asJSON, out.Allowed)
}

// verdict prints what was found, and fails where not all of it is allowed.
func (s *shell) verdict(found interface{ print(*shell) }, asJSON, allowed bool) error {
	if !asJSON {
		found.print(s)
	} else if err := printJSON(s.stdout, found); err != nil {
		return err
	}
	if !allowed {
		return errTold
	}
	return nil
}

// question reads what is asked.
func (q *inquiry) question() (acl.Action, channel.Name, error) {
	a, err := acl.ParseAction(q.action)
	switch {
	case err != nil:
		return 0, channel.Name{}, misuse("--action: " + err.Error())
	case (a == acl.Manage) != (q.channel == ""):
		return 0, channel.Name{}, misuse("manage is on the tenant and has no channel, every other action has one: give --channel, or --action manage without it")
	case a == acl.Manage:
		return a, channel.Name{}, q.check()
	}
	name, err := channel.Parse(q.channel)
	if err != nil {
		return 0, name, misuse("--channel: " + err.Error())
	}
	return a, name, q.check()
}

// ask returns who asks, and their tenant's part of the configuration. An error that is a refusal is about their token.
func (q *inquiry) ask(ctx context.Context, s *shell) (who *auth.Principal, part *config.Tenant, err error) {
	c, problems := config.Load(q.file)
	if config.Failed(problems) {
		return nil, nil, s.refuse(q.file, problems)
	}
	id := q.tenant
	if q.tokenGiven() {
		if who, err = q.verified(ctx, s, q.file); err != nil {
			return nil, nil, err
		}
		id = who.Tenant.String()
	}
	if part, err = tenantOf(c, id); err != nil || who != nil {
		return who, part, err
	}
	parsed, err := tenant.Parse(id)
	if err != nil {
		return nil, nil, err
	}
	who, err = q.made(parsed)
	return who, part, err
}

// policy compiles the rules that are asked. at says where in the tenant's part a path of them stands.
func (q *inquiry) policy(s *shell, c *config.Tenant, id tenant.ID) (policy *acl.Policy, at func(string) string, err error) {
	at = func(path string) string { return path }
	var faults []acl.Problem
	switch {
	case q.candidate && c.Candidate == nil:
		return nil, nil, fmt.Errorf("tenant %s has no candidate; leave --candidate out", c.ID)
	case q.candidate:
		at = realm.CandidatePath
		policy, faults = realm.Candidate(id, c)
	default:
		policy, faults = realm.Policy(id, c)
	}
	var problems []config.Problem
	for _, p := range faults {
		problems = append(problems, c.Problem(at(p.Path), "%s", p.Message))
	}
	if problems != nil {
		return nil, nil, s.refuse(q.file, problems)
	}
	return policy, at, nil
}

func (e *explanation) fill(who *auth.Principal, c *config.Tenant, x *acl.Explanation, at func(string) string) {
	e.Allowed, e.Basis, e.Tenant, e.User = x.Allowed, string(x.Basis), who.Tenant.String(), who.User
	e.Grants = grantsOf(who)
	shown := func(name string, denies bool, path string) ruleShown {
		r := ruleShown{Name: name, Effect: map[bool]string{true: "deny", false: "allow"}[denies], Path: at(path)}
		r.File, r.Line, r.Column = c.At(r.Path)
		return r
	}
	if by := x.By; by != nil {
		r := shown(x.Rule, by.Denies, by.Path)
		if by.Pattern != "" {
			r.Values = append(r.Values, value{"channel", by.Pattern})
		}
		for _, f := range by.Fits {
			r.Values = append(r.Values, value{f.Part, f.Value})
		}
		e.Rule = &r
	}
	for _, l := range x.Lost {
		r := shown(l.Rule, l.Denies, l.Path)
		r.Cause, r.Detail = string(l.Cause), l.Detail
		e.Lost = append(e.Lost, r)
	}
}
