package acl_test

import (
	"slices"
	"testing"

	"portcullis/internal/acl"
)

func TestAnswersNameTheRuleThatDecided(t *testing.T) {
	rules, _ := manual()
	got := compiled(t, rules...).Answers([]acl.Test{
		{As: acl.Subject{User: "alice", Roles: []string{"member"}}, Allow: []string{"publish room:1", "publish ops:x", "no expectation"}},
		{As: acl.Subject{User: "bob"}, Deny: []string{"manage", "subscribe news:today"}},
	})
	want := []acl.Answer{
		{"tests[0].allow[0]", "alice", "publish room:1", true, acl.Decision{Allowed: true, Rule: "members talk in rooms", Basis: acl.ExplicitAllow}},
		{"tests[0].allow[1]", "alice", "publish ops:x", true, acl.Decision{Rule: "only operators publish on ops", Basis: acl.ExplicitDeny}},
		{"tests[1].deny[0]", "bob", "manage", false, acl.Decision{Basis: acl.NoMatch}},
		{"tests[1].deny[1]", "bob", "subscribe news:today", false, acl.Decision{Allowed: true, Rule: "everyone reads the news", Basis: acl.ExplicitAllow}},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var holds []bool
	for _, a := range got {
		holds = append(holds, a.Holds())
	}
	if want := []bool{true, false, true, false}; !slices.Equal(holds, want) {
		t.Errorf("holds: got %v, want %v", holds, want)
	}
}
