package acl_test

import (
	"strings"
	"testing"

	"portcullis/internal/acl"
)

// The rules and tests that the manual shows.
func manual() ([]acl.Rule, []acl.Test) {
	member, operator := &acl.Match{Roles: []string{"member"}}, &acl.Match{Roles: []string{"operator"}}
	return []acl.Rule{
			{Name: "everyone reads the news", Allow: []string{"subscribe", "history"}, Channels: []string{"news:**"}},
			{Name: "members talk in rooms", Allow: []string{"subscribe", "publish", "echo", "history", "presence"}, Channels: []string{"room:*"}, For: member},
			{Name: "a user's own inbox", Allow: []string{"subscribe", "history"}, Channels: []string{"user:{user}:**"}},
			{Name: "operators manage", Allow: []string{"manage"}, For: operator},
			{Name: "only operators publish on ops", Deny: []string{"publish"}, Channels: []string{"ops:**"}, Unless: operator},
		}, []acl.Test{
			{
				As:    acl.Subject{User: "alice", Roles: []string{"member"}},
				Allow: []string{"publish room:1", "subscribe user:alice:inbox"},
				Deny:  []string{"publish ops:deploy", "subscribe user:bob:inbox", "manage"},
			},
			{As: acl.Subject{User: "olga", Roles: []string{"operator"}}, Allow: []string{"manage"}, Deny: []string{"publish ops:deploy"}},
		}
}

func TestTheManualsTestsPass(t *testing.T) {
	rules, tests := manual()
	for _, p := range compiled(t, rules...).RunTests(tests) {
		t.Errorf("%s: %s", p.Path, p.Message)
	}
}

func TestRunTestsTellsWhatFails(t *testing.T) {
	rules, _ := manual()
	rules = append(rules,
		acl.Rule{Name: "an org's own", Allow: []string{"echo"}, Channels: []string{"org:{claim.org}"}, For: &acl.Match{Scopes: []string{"rt"}, Certificate: &yes}})
	p := compiled(t, rules...)
	ana := acl.Subject{User: "ana", Roles: []string{"member"}, Scopes: []string{"rt"}, Claims: map[string]string{"zone": "1", "org": "7"}, Certificate: true}
	tests := []struct {
		name string
		test acl.Test
		path string // empty where the test passes
		says []string
	}{
		{"all that a subject has", acl.Test{As: ana, Allow: []string{"echo org:7"}, Deny: []string{"echo org:8"}}, "", nil},
		{"no rule allows", acl.Test{As: ana, Allow: []string{"echo room:1", "echo hall:1"}}, "tests[0].allow[1]", []string{`"echo hall:1"`, `"ana"`, "no rule allows it"}},
		{"a rule denies", acl.Test{As: ana, Allow: []string{"publish ops:x"}}, "tests[0].allow[0]", []string{`rule "only operators publish on ops" denies it`}},
		{"a rule allows", acl.Test{As: ana, Deny: []string{"publish room:1"}}, "tests[0].deny[0]", []string{`rule "members talk in rooms" allows it`, "correct"}},
		{"manage is not allowed", acl.Test{As: ana, Allow: []string{"manage"}}, "tests[0].allow[0]", []string{"no rule allows it"}},
		{"an unknown action", acl.Test{As: ana, Deny: []string{"write room:1"}}, "tests[0].deny[0]", []string{`"write"`, "use one of"}},
		{"no action", acl.Test{As: ana, Deny: []string{""}}, "tests[0].deny[0]", []string{"use one of"}},
		{"no channel", acl.Test{As: ana, Deny: []string{"publish"}}, "tests[0].deny[0]", []string{"names no channel"}},
		{"a pattern", acl.Test{As: ana, Deny: []string{"subscribe room:*"}}, "tests[0].deny[0]", []string{"a subscription names one channel"}},
		{"two spaces", acl.Test{As: ana, Deny: []string{"subscribe  hall:1"}}, "tests[0].deny[0]", []string{"cannot stand in a name"}},
		{"manage on a channel", acl.Test{As: ana, Deny: []string{"manage room:1"}}, "tests[0].deny[0]", []string{"write manage alone"}},
		{"nothing is expected", acl.Test{As: ana}, "tests[0]", []string{"expects nothing"}},
		{"nobody asks", acl.Test{Deny: []string{"manage"}}, "tests[0].as", []string{"no user"}},
		{"a claim that rules never see", acl.Test{As: acl.Subject{User: "a", Claims: map[string]string{"sub": "b"}}, Deny: []string{"manage"}},
			"tests[0].as.claims", []string{`"sub"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			problems := p.RunTests([]acl.Test{tt.test})
			if tt.path == "" {
				if problems != nil {
					t.Errorf("got %q, want no problem", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Path != tt.path {
				t.Fatalf("got %q, want one problem at %s", problems, tt.path)
			}
			for _, want := range tt.says {
				if !strings.Contains(problems[0].Message, want) {
					t.Errorf("got %q, want it to say %q", problems[0].Message, want)
				}
			}
		})
	}
}
