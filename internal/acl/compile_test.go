package acl_test

import (
	"strings"
	"testing"

	"portcullis/internal/acl"
)

func TestCompileTellsWhatIsWrong(t *testing.T) {
	good := allow("echo", "a")
	with := func(change func(*acl.Rule)) acl.Rule {
		r := good
		change(&r)
		return r
	}
	match := func(m acl.Match) acl.Rule { return only(good, m) }
	tests := []struct {
		name string
		rule acl.Rule
		path string
		says []string
	}{
		{"no name", with(func(r *acl.Rule) { r.Name = "" }), "rules[0]", []string{"no name", "give it one"}},
		{"allow and deny", with(func(r *acl.Rule) { r.Deny = []string{"publish"} }), "rules[0]", []string{`rule "allow echo a"`, "allow and deny", "write two rules"}},
		{"neither", with(func(r *acl.Rule) { r.Allow = []string{} }), "rules[0]", []string{"neither allows nor denies", "list actions"}},
		{"an unknown action", with(func(r *acl.Rule) { r.Allow = []string{"echo", "read"} }), "rules[0].allow[1]",
			[]string{`"read"`, "echo, publish, subscribe, history, presence, manage"}},
		{"an action in capitals", deny("Publish", "a"), "rules[0].deny[0]", []string{`"Publish"`}},
		{"an empty action", with(func(r *acl.Rule) { r.Allow = []string{""} }), "rules[0].allow[0]", []string{`""`}},
		{"the zero action's name", deny("none", "a"), "rules[0].deny[0]", []string{`"none"`}},
		{"no channels", allow("publish"), "rules[0]", []string{"names no channels", "**"}},
		{"manage with channels", allow("manage", "a"), "rules[0].channels", []string{"manage", "leave channels out"}},
		{"manage among others", deny("publish manage", "a"), "rules[0].deny", []string{"mixes manage", "write two rules"}},

		{"an empty for", match(acl.Match{}), "rules[0].for", []string{"given and empty", "leave it out"}},
		{"an empty unless", unless(good, acl.Match{}), "rules[0].unless", []string{"given and empty"}},
		{"an empty list of users", match(acl.Match{Users: []string{}}), "rules[0].for.users", []string{"empty"}},
		{"an empty list beside a full one", match(acl.Match{Users: []string{"a"}, Roles: []string{}}), "rules[0].for.roles", []string{"empty"}},
		{"an empty list of claims", match(acl.Match{Claims: map[string]string{}}), "rules[0].for.claims", []string{"empty"}},
		{"an empty user", match(acl.Match{Users: []string{"a", ""}}), "rules[0].for.users[1]", []string{"empty text"}},
		{"an empty role", unless(good, acl.Match{Roles: []string{""}}), "rules[0].unless.roles[0]", []string{"empty text"}},
		{"an empty scope", match(acl.Match{Scopes: []string{""}}), "rules[0].for.scopes[0]", []string{"empty text"}},
		{"a claim without a name", match(acl.Match{Claims: map[string]string{"": "x"}}), "rules[0].for.claims", []string{"no name"}},
		{"a claim without a value", match(acl.Match{Claims: map[string]string{"org": ""}}), "rules[0].for.claims", []string{`"org"`, "empty value"}},
		{"a claim that rules never see", match(acl.Match{Claims: map[string]string{"sub": "ana"}}), "rules[0].for.claims", []string{`"sub"`, "users"}},

		{"no pattern", allow("echo", ""), "rules[0].channels[0]", []string{"empty"}},
		{"a pattern that is none", deny("echo", "a", "b:c*"), "rules[0].channels[1]", []string{`"b:c*", byte 3`}},
		{"a tail inside", allow("echo", "a:**:b"), "rules[0].channels[0]", []string{"only at the end"}},
		{"reserved", allow("echo", "$sys:**"), "rules[0].channels[0]", []string{"reserved"}},
		{"a bad pattern with a template", allow("echo", "u:{user}:a b"), "rules[0].channels[0]", []string{`"u:{user}:a b"`, `"u:*:a b", byte 5`}},
		{"an empty segment behind a template", allow("echo", "{user}:"), "rules[0].channels[0]", []string{"segment is empty"}},
		{"seventeen segments of templates", allow("echo", strings.Repeat("{user}:", 16)+"a"), "rules[0].channels[0]", []string{"more than 16 segments"}},
		{"an unknown template", allow("echo", "u:{usr}"), "rules[0].channels[0]", []string{`"{usr}"`, "{user}, {tenant} or {claim.NAME}"}},
		{"a template in capitals", allow("echo", "{User}"), "rules[0].channels[0]", []string{`"{User}" is unknown`}},
		{"an empty template", allow("echo", "{}"), "rules[0].channels[0]", []string{`"{}" is unknown`}},
		{"a claim without a name in a template", allow("echo", "{claim.}"), "rules[0].channels[0]", []string{"no name"}},
		{"a subject in a template", allow("echo", "{claim.sub}"), "rules[0].channels[0]", []string{`"sub"`, "{user}"}},
		{"an audience in a template", allow("echo", "{claim.aud}"), "rules[0].channels[0]", []string{`"aud"`}},
		{"a template that is half a segment", allow("echo", "user-{user}"), "rules[0].channels[0]", []string{`"user-{user}"`, "whole segment"}},
		{"a template with a tail", allow("echo", "{user}-x"), "rules[0].channels[0]", []string{`"{user}"`, "whole segment"}},
		{"two templates in a segment", allow("echo", "{user}{user}"), "rules[0].channels[0]", []string{"whole segment"}},
		{"an open brace", allow("echo", "u:{user"), "rules[0].channels[0]", []string{`"{user"`, "closing brace"}},
		{"a closing brace", allow("echo", "user}"), "rules[0].channels[0]", []string{"brace"}},
		{"braces in braces", allow("echo", "{claim.{user}}"), "rules[0].channels[0]", []string{"whole segment"}},
		{"a brace in braces", allow("echo", "{claim.{user}"), "rules[0].channels[0]", []string{"unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, problems := acl.Compile(acme, []acl.Rule{tt.rule})
			if p != nil || len(problems) != 1 {
				t.Fatalf("got %v and problems %q; want no policy and one problem", p, problems)
			}
			if got := problems[0].Path; got != tt.path {
				t.Errorf("path: got %q, want %q", got, tt.path)
			}
			for _, want := range tt.says {
				if !strings.Contains(problems[0].Message, want) {
					t.Errorf("got %q, want it to say %q", problems[0].Message, want)
				}
			}
		})
	}
}

func TestCompileTellsAllThatIsWrong(t *testing.T) {
	_, problems := acl.Compile(acme, []acl.Rule{
		{Name: "a", Allow: []string{"read", "write"}, Channels: []string{"x y", "ok", "{who}"}, For: &acl.Match{}},
		{Name: "b", Deny: []string{"echo"}, Channels: []string{"**"}},
		{Name: "b", Deny: []string{"echo"}, Unless: &acl.Match{Users: []string{""}}},
	})
	var got []string
	for _, p := range problems {
		got = append(got, p.Path)
	}
	want := "rules[0].allow[0] rules[0].allow[1] rules[0].channels[0] rules[0].channels[2] rules[0].for rules[2].name rules[2] rules[2].unless.users[0]"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestARulesPatternMayStandTwice(t *testing.T) {
	p := compiled(t, allow("echo", "a", "a", "{tenant}", "acme"))
	checkDecision(t, p, principal("ana"), "echo acme", "allow echo a a {tenant} acme explicit_allow")
}

func TestActionsPrintAsTheyAreRead(t *testing.T) {
	for _, a := range acl.Actions {
		if got, err := acl.ParseAction(a.String()); got != a || err != nil {
			t.Errorf("%s: got %v, %v", a, got, err)
		}
	}
	if len(acl.Actions) != 6 {
		t.Errorf("got %d actions, want the six of the contract", len(acl.Actions))
	}
}
