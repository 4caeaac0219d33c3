package acl_test

import (
	"slices"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// chosenByAcme is what a tenant chooses: for everybody, and for members.
func chosenByAcme(t *testing.T) (tenant.ID, *acl.Choices) {
	t.Helper()
	acme := tenant.MustParse("acme")
	choices, problems := acl.CompileChoices(acme, []acl.Choice{
		{Channels: []string{"user:{user}:inbox", "of:{tenant}"}},
		{Channels: []string{"org:{claim.org}", "of:acme"}, For: &acl.Match{Roles: []string{"member"}}, Unless: &acl.Match{Users: []string{"eve"}}},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	return acme, choices
}

func TestChoicesOf(t *testing.T) {
	acme, choices := chosenByAcme(t)
	someone := func(user string, roles []string, claims ...auth.Claim) *auth.Principal {
		segment, _ := channel.Segment(user)
		return &auth.Principal{Tenant: acme, User: user, Segment: segment, Roles: roles, Claims: claims}
	}
	member := []string{"member"}
	foreign := someone("ana", member)
	foreign.Tenant = tenant.MustParse("globex")
	for _, tt := range []struct {
		name string
		pr   *auth.Principal
		want []string
	}{
		{"everybody", someone("ana", nil), []string{"user:ana:inbox", "of:acme"}},
		{"a member of an org, one name once", someone("ana", member, auth.Claim{Name: "org", Value: "red"}), []string{"user:ana:inbox", "of:acme", "org:red"}},
		{"whom unless spares", someone("eve", member, auth.Claim{Name: "org", Value: "red"}), []string{"user:eve:inbox", "of:acme"}},
		{"without the claim", someone("ana", member), []string{"user:ana:inbox", "of:acme"}},
		{"with two of it", someone("ana", member, auth.Claim{Name: "org", Value: "red"}, auth.Claim{Name: "org", Value: "blue"}), []string{"user:ana:inbox", "of:acme"}},
		{"with an empty one", someone("ana", member, auth.Claim{Name: "org"}), []string{"user:ana:inbox", "of:acme"}},
		{"separators and stars", someone("bob:inbox", member, auth.Claim{Name: "org", Value: "**"}), []string{"user:bob%3Ainbox:inbox", "of:acme", "org:%2A%2A"}},
		{"a user too long for a segment", someone(strings.Repeat("x", 300), nil), []string{"of:acme"}},
		{"a user of another tenant", foreign, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, name := range choices.Of(tt.pr) {
				got = append(got, name.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if got := (*acl.Choices)(nil).Of(someone("ana", nil)); got != nil {
		t.Errorf("no choices choose %v", got)
	}
}

func TestChoicesThatAreNone(t *testing.T) {
	for pattern, want := range map[string]string{
		"room:*": "means many channels", "room:**": "means many channels", "user:{usr}": "unknown", "": "", "$sys:1": "", "a b": "",
	} {
		made, problems := acl.CompileChoices(tenant.MustParse("acme"), []acl.Choice{{Channels: []string{"good", pattern}}})
		if made != nil || len(problems) != 1 || problems[0].Path != "subscribe[0].channels[1]" || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%q: got %v, want a problem that says %q", pattern, problems, want)
		}
	}
}

func TestIdleChoices(t *testing.T) {
	acme := tenant.MustParse("acme")
	for _, tt := range []struct {
		choice, rule, action string
		idle                 bool
	}{
		{"user:{user}:inbox", "user:{user}:**", "subscribe", false},
		{"user:{user}:inbox", "user:{user}:inbox", "history", true},
		{"user:{user}:inbox", "user:bob:*", "subscribe", false},
		{"user:{user}:inbox", "user:{user}", "subscribe", true},
		{"user:{user}", "user:{user}:**", "subscribe", true},
		{"user:{user}:inbox", "*:{claim.org}:outbox", "subscribe", true},
		{"of:{tenant}", "of:acme", "subscribe", false},
		{"of:{tenant}", "of:globex", "subscribe", true},
		{"room:lobby", "**", "subscribe", false},
	} {
		choices, problems := acl.CompileChoices(acme, []acl.Choice{{Channels: []string{tt.choice}}})
		policy, more := acl.Compile(acme, []acl.Rule{{Name: "r", Allow: []string{tt.action}, Channels: []string{tt.rule}}, {Name: "d", Deny: []string{"subscribe"}, Channels: []string{"other:**"}}})
		if problems != nil || more != nil {
			t.Fatal(problems, more)
		}
		if got := choices.Idle(policy); (len(got) > 0) != tt.idle {
			t.Errorf("%s with %s on %s: got %v, want idle %v", tt.choice, tt.action, tt.rule, got, tt.idle)
		}
	}
}

// A rule that denies a chosen channel to everybody for whom it is chosen is found where that can be seen without knowing any user; deny wins, whatever else allows it.
func TestDeniedChoices(t *testing.T) {
	acme := tenant.MustParse("acme")
	members, guests := &acl.Match{Roles: []string{"member"}}, &acl.Match{Roles: []string{"guest"}}
	for _, tt := range []struct {
		name   string
		choice acl.Choice
		deny   acl.Rule
		denied bool
	}{
		{"the same name", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Channels: []string{"room:vault"}}, true},
		{"a star", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Channels: []string{"other", "room:*"}}, true},
		{"a tail", acl.Choice{Channels: []string{"user:{user}:inbox"}}, acl.Rule{Channels: []string{"user:**"}}, true},
		{"a tail behind all segments", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Channels: []string{"room:vault:**"}}, false},
		{"the same templates", acl.Choice{Channels: []string{"user:{user}:{claim.org}"}}, acl.Rule{Channels: []string{"user:{user}:{claim.org}"}}, true},
		{"another claim", acl.Choice{Channels: []string{"team:{claim.team}"}}, acl.Rule{Channels: []string{"team:{claim.org}"}}, false},
		{"one value of a template", acl.Choice{Channels: []string{"user:{user}"}}, acl.Rule{Channels: []string{"user:bob"}}, false},
		{"a template for one name", acl.Choice{Channels: []string{"user:bob"}}, acl.Rule{Channels: []string{"user:{user}"}}, false},
		{"the tenant, spelled out", acl.Choice{Channels: []string{"of:{tenant}"}}, acl.Rule{Channels: []string{"of:acme"}}, true},
		{"the tenant, as a template", acl.Choice{Channels: []string{"of:acme"}}, acl.Rule{Channels: []string{"of:{tenant}"}}, true},
		{"a shorter name", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Channels: []string{"room"}}, false},
		{"another action", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Deny: []string{"publish", "history"}, Channels: []string{"room:vault"}}, false},
		{"everybody for whom it is chosen", acl.Choice{Channels: []string{"room:vault"}, For: members}, acl.Rule{Channels: []string{"room:vault"}}, true},
		{"the same people", acl.Choice{Channels: []string{"room:vault"}, For: members}, acl.Rule{Channels: []string{"room:vault"}, For: members}, true},
		{"other people", acl.Choice{Channels: []string{"room:vault"}, For: members}, acl.Rule{Channels: []string{"room:vault"}, For: guests}, false},
		{"some of the people", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Channels: []string{"room:vault"}, For: guests}, false},
		{"all but some", acl.Choice{Channels: []string{"room:vault"}}, acl.Rule{Channels: []string{"room:vault"}, Unless: guests}, false},
		{"all but those for whom it is not chosen", acl.Choice{Channels: []string{"room:vault"}, Unless: guests}, acl.Rule{Channels: []string{"room:vault"}, Unless: guests}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			choices, problems := acl.CompileChoices(acme, []acl.Choice{tt.choice})
			tt.deny.Name = "closed"
			if tt.deny.Deny == nil {
				tt.deny.Deny = []string{"subscribe"}
			}
			policy, more := acl.Compile(acme, []acl.Rule{{Name: "all", Allow: []string{"subscribe"}, Channels: []string{"**"}}, tt.deny})
			if problems != nil || more != nil {
				t.Fatal(problems, more)
			}
			got := choices.Idle(policy)
			if (len(got) > 0) != tt.denied {
				t.Fatalf("got %v, want denied %v", got, tt.denied)
			}
			if tt.denied && (got[0].Path != "subscribe[0].channels[0]" || !strings.Contains(got[0].Message, `rule "closed" (rules[1]) denies`)) {
				t.Errorf("got %+v, want the place of the choice and the rule", got[0])
			}
		})
	}
}

// Explain agrees with Of, and says of everything else why it is not chosen.
func TestExplainChoices(t *testing.T) {
	acme, choices := chosenByAcme(t)
	for _, tt := range []struct {
		name string
		pr   *auth.Principal
		want []string // of each channel: its name, or the path and a part of the reason
	}{
		{"a member", &auth.Principal{Tenant: acme, User: "ana", Segment: "ana", Roles: []string{"member"}, Claims: []auth.Claim{{Name: "org", Value: "red"}}},
			[]string{"user:ana:inbox", "of:acme", "org:red", "subscribe[1].channels[1]: is of:acme, which subscribe[0].channels[1] chooses already"}},
		{"without the claim", &auth.Principal{Tenant: acme, User: "ana", Segment: "ana", Roles: []string{"member"}},
			[]string{"user:ana:inbox", "of:acme", `subscribe[1].channels[0]: the user has no claim "org"`, "subscribe[1].channels[1]: is of:acme"}},
		{"with an empty claim", &auth.Principal{Tenant: acme, User: "ana", Segment: "ana", Roles: []string{"member"}, Claims: []auth.Claim{{Name: "org"}}},
			[]string{"user:ana:inbox", "of:acme", `subscribe[1].channels[0]: `, "subscribe[1].channels[1]: is of:acme"}},
		{"no member", &auth.Principal{Tenant: acme, User: "ana", Segment: "ana"},
			[]string{"user:ana:inbox", "of:acme", "subscribe[1].for.roles: roles are to be of \"member\"", "subscribe[1].for.roles: "}},
		{"whom unless spares", &auth.Principal{Tenant: acme, User: "eve", Segment: "eve", Roles: []string{"member"}},
			[]string{"user:eve:inbox", "of:acme", "subscribe[1].unless.users: spares the user", "subscribe[1].unless.users: "}},
		{"a user too long for a segment", &auth.Principal{Tenant: acme, User: strings.Repeat("x", 300)},
			[]string{"subscribe[0].channels[0]: {user} has 300 bytes", "of:acme", "subscribe[1].for.roles: ", "subscribe[1].for.roles: "}},
		{"a user of another tenant", &auth.Principal{Tenant: tenant.MustParse("globex"), User: "ana", Segment: "ana"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := choices.Explain(tt.pr)
			var names []channel.Name
			for i, x := range got {
				said := x.Name.String()
				if x.Detail != "" {
					said = x.Path + ": " + x.Detail
				} else {
					names = append(names, x.Name)
				}
				if i >= len(tt.want) || !strings.HasPrefix(said, tt.want[i]) || x.Name.IsZero() != (x.Detail != "") {
					t.Errorf("channel %d: got %q", i, said)
				}
			}
			if len(got) != len(tt.want) || !slices.Equal(names, choices.Of(tt.pr)) {
				t.Errorf("got %d, and %v chosen; want %d, and those of Of, %v", len(got), names, len(tt.want), choices.Of(tt.pr))
			}
		})
	}
}
