package acl_test

import (
	"slices"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

func grant(actions string, patterns ...string) func(*auth.Principal) {
	return func(p *auth.Principal) {
		g := auth.Grant{Actions: []string{actions}}
		for _, text := range patterns {
			pattern, err := channel.ParsePattern(text)
			if err != nil {
				panic(err)
			}
			g.Channels = append(g.Channels, pattern)
		}
		p.Grants = auth.NewGrants(append(slices.Clone(p.Grants.List()), g))
	}
}

func nothing(p *auth.Principal) { p.Grants = auth.NewGrants(nil) }

func TestGrantsListTheActionsOfRules(t *testing.T) {
	var want []string
	for _, a := range acl.Actions {
		want = append(want, a.String())
	}
	if !slices.Equal(auth.GrantActions, want) || auth.OnTenant != acl.Manage.String() {
		t.Errorf("got %q and %q, want %q", auth.GrantActions, auth.OnTenant, want)
	}
}

func TestAGrantNarrowsAndNeverWidens(t *testing.T) {
	p := compiled(t, allow("subscribe publish", "room:*"), allow("history", "{tenant}:*"), deny("subscribe", "room:secret"),
		only(acl.Rule{Name: "managers", Allow: []string{"manage"}}, acl.Match{Roles: []string{"operator"}}))
	for _, tt := range []struct {
		name, entry string
		who         *auth.Principal
		want        string
	}{
		{"without grants", "subscribe room:1", principal("ana"), "allow subscribe publish room:* explicit_allow"},
		{"one that covers it", "subscribe room:1", principal("ana", grant("subscribe", "room:1")), "allow subscribe publish room:* explicit_allow"},
		{"one of two covers it", "subscribe room:1", principal("ana", grant("subscribe", "lab:*"), grant("subscribe", "hall:*", "room:*")), "allow subscribe publish room:* explicit_allow"},
		{"another action", "publish room:1", principal("ana", grant("subscribe", "room:*")), "not_granted"},
		{"the action of one and the channel of another", "publish room:1", principal("ana", grant("subscribe", "room:*"), grant("publish", "lab:*")), "not_granted"},
		{"another channel", "subscribe room:1", principal("ana", grant("subscribe", "room:2")), "not_granted"},
		{"a longer pattern", "subscribe room:1", principal("ana", grant("subscribe", "room:1:*")), "not_granted"},
		{"a list of none", "subscribe room:1", principal("ana", nothing), "not_granted"},

		{"a grant that widens", "subscribe hall:1", principal("ana", grant("subscribe", "hall:1")), "no_match"},
		{"a grant for everything", "subscribe hall:1", principal("ana", grant("subscribe", "**")), "no_match"},
		{"a grant against a deny", "subscribe room:secret", principal("ana", grant("subscribe", "room:secret")), "deny subscribe room:secret explicit_deny"},
		{"everything, and the rules decide", "subscribe room:1", principal("ana", grant("subscribe", "**")), "allow subscribe publish room:* explicit_allow"},
		{"a grant for another tenant's channel", "history globex:1", principal("ana", grant("history", "globex:1")), "no_match"},
		{"manage", "manage", principal("olga", roles("operator"), grant("subscribe", "**")), "not_granted"},
		{"manage, granted", "manage", principal("olga", roles("operator"), grant("manage")), "managers explicit_allow"},
		{"manage, granted to one who may not", "manage", principal("ana", grant("manage")), "no_match"},
		{"manage, which grants no channel", "subscribe room:1", principal("olga", roles("operator"), grant("manage")), "not_granted"},
	} {
		t.Run(tt.name, func(t *testing.T) { checkDecision(t, p, tt.who, tt.entry, tt.want) })
	}
	stranger := principal("ana", grant("subscribe", "**"))
	stranger.Tenant = tenant.MustParse("globex")
	checkDecision(t, p, stranger, "subscribe room:1", "tenant_mismatch")
}

func TestAGrantedDecisionAllocatesNothing(t *testing.T) {
	p := compiled(t, allow("subscribe", "room:*"))
	ana, name := principal("ana", grant("publish", "room:*"), grant("subscribe", "lab:*", "room:*")), channel.MustParse("room:1")
	if got := testing.AllocsPerRun(100, func() { p.Decide(ana, acl.Subscribe, name) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
