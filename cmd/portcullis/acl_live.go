package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"portcullis/internal/config"
	"portcullis/internal/gateway/preview"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// live asks a running node about the rules of a file.
type live struct {
	shell        *shell
	side         side
	file, tenant string
	asJSON       bool
}

func (l *live) diff(ctx context.Context) error {
	tenants, problems := config.LoadTenants(l.file)
	if config.Failed(problems) {
		return l.shell.refuse(l.file, problems)
	}
	all := []*preview.Preview{}
	for i := range tenants {
		if l.tenant != "" && tenants[i].ID != l.tenant {
			continue
		}
		p, more, err := l.ask(ctx, &tenants[i])
		if err != nil {
			return fmt.Errorf("ask about tenant %s: %w", tenants[i].ID, err)
		}
		if problems = append(problems, more...); p != nil {
			all = append(all, p)
		}
	}
	if config.Failed(problems) {
		return l.shell.refuse(l.file, problems)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s has no tenant %q", l.file, l.tenant)
	}
	return l.tell(all)
}

// ask posts the rules of one tenant, unless they would not be taken as they are.
func (l *live) ask(ctx context.Context, c *config.Tenant) (*preview.Preview, []config.Problem, error) {
	id, err := tenant.Parse(c.ID)
	if err != nil {
		return nil, []config.Problem{c.Problem("id", "%v", err)}, nil
	}
	policy, faults := realm.Policy(id, c)
	if policy != nil {
		faults = policy.RunTests(realm.Tests(c))
	}
	_, more := realm.Choices(id, c)
	faults = append(faults, more...)
	var problems []config.Problem
	for _, f := range faults {
		problems = append(problems, c.Problem(f.Path, "%s", f.Message))
	}
	if problems != nil {
		return nil, problems, nil
	}
	said, err := l.shell.request(ctx, l.side, http.MethodPost, tenantPath(c.ID, "/diff"), map[string]any{"rules": realm.Rules(c), "subscribe": realm.ChoiceList(c)})
	if r, ok := errors.AsType[*denial](err); ok && r.Code == string(wire.NotFound) {
		return &preview.Preview{Tenant: c.ID, New: true, Lost: []preview.Subscription{}, Gained: []preview.Subscription{}, Rights: []preview.Right{}}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p := new(preview.Preview)
	if err := json.Unmarshal(said, p); err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	return p, nil, nil
}

func (l *live) tell(all []*preview.Preview) error {
	changes := false
	for _, p := range all {
		if changes = changes || p.Changes(); !l.asJSON {
			l.print(p)
		}
	}
	if l.asJSON {
		if err := printJSON(l.shell.stdout, all); err != nil {
			return err
		}
	}
	if changes {
		return errTold
	}
	return nil
}

func (l *live) print(p *preview.Preview) {
	out := l.shell.stdout
	if p.New {
		fmt.Fprintf(out, "%s: this node does not have it yet, so nobody of it is connected\n", plain(p.Tenant))
		return
	}
	for _, s := range p.Lost {
		if s.Unchosen {
			fmt.Fprintf(out, "-  %s: %s (%s) loses its subscription to %s: the tenant does not choose it any more\n", plain(p.Tenant), plain(s.User), plain(s.Connection), plain(s.Channel))
			continue
		}
		fmt.Fprintf(out, "-  %s: %s (%s) loses its subscription to %s: %s\n", plain(p.Tenant), plain(s.User), plain(s.Connection), plain(s.Channel), turn(s.RuleNow, s.RuleThen, false))
	}
	if more := p.LostSubscriptions - len(p.Lost); more > 0 {
		fmt.Fprintf(out, "-  %s: and %s more\n", plain(p.Tenant), count(more, "subscription"))
	}
	for _, s := range p.Gained {
		fmt.Fprintf(out, "+  %s: %s (%s) is subscribed to %s: the tenant chooses it, and rule %q allows it\n", plain(p.Tenant), plain(s.User), plain(s.Connection), plain(s.Channel), plain(s.RuleThen))
	}
	if more := p.GainedSubscriptions - len(p.Gained); more > 0 {
		fmt.Fprintf(out, "+  %s: and %s more\n", plain(p.Tenant), count(more, "subscription"))
	}
	for rest := p.Rights; len(rest) > 0; {
		n := l.right(p.Tenant, rest)
		rest = rest[n:]
	}
	if more := p.LostRights + p.GainedRights - len(p.Rights); more > 0 {
		fmt.Fprintf(out, "   %s: and %s more\n", plain(p.Tenant), count(more, "right"))
	}
	fmt.Fprintf(out, "%s: of %s with %s on this node %d would be lost; of the rights of %s on %s, %d would be lost and %d gained\n", plain(p.Tenant),
		count(p.Connections, "connection"), count(p.Subscriptions, "subscription"), p.LostSubscriptions, count(p.Users, "user"), count(p.Channels, "channel"), p.LostRights, p.GainedRights)
	if p.GainedSubscriptions > 0 {
		fmt.Fprintf(out, "%s: %s would begin by the tenant's choice, as far as limits allow\n", plain(p.Tenant), count(p.GainedSubscriptions, "subscription"))
	}
	if p.UnaskedUsers+p.UnaskedChannels > 0 {
		fmt.Fprintf(out, "%s: not asked about rights, as there are too many: %s, and for each user %s that others are subscribed to\n", plain(p.Tenant),
			count(p.UnaskedUsers, "user"), count(p.UnaskedChannels, "channel"))
	}
}

// right prints the first of some rights, with those behind it that differ in their action alone, and returns how many these are.
func (l *live) right(of string, all []preview.Right) (n int) {
	first, actions := all[0], []string{}
	for _, r := range all {
		action := r.Action
		if r.Action = first.Action; r != first {
			break
		}
		actions = append(actions, action)
	}
	sign, verb := "-", "may not"
	if first.Gained {
		sign, verb = "+", "may"
	}
	what := strings.TrimSpace(strings.Join(actions, ", ") + " " + first.Channel)
	fmt.Fprintf(l.shell.stdout, "%s  %s: %s %s %s: %s\n", sign, plain(of), plain(first.User), verb, plain(what), turn(first.RuleNow, first.RuleThen, first.Gained))
	return len(actions)
}

// turn says which rules decide before and after.
func turn(now, then string, gained bool) string {
	by := func(rule string, allowed bool) string {
		switch {
		case rule == "":
			return "no rule allows it"
		case allowed:
			return fmt.Sprintf("rule %q allows it", plain(rule))
		}
		return fmt.Sprintf("rule %q denies it", plain(rule))
	}
	return by(now, !gained) + " now, " + by(then, gained) + " then"
}
