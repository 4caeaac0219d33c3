package acl_test

import (
	"fmt"
	"slices"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

func names(list ...string) (all []channel.Name) {
	for _, n := range list {
		all = append(all, channel.MustParse(n))
	}
	return all
}

func changes(old, new *acl.Policy, subjects []*auth.Principal, channels []channel.Name) (lines []string) {
	for c := range acl.Diff(old, new, subjects, channels) {
		sign := "-"
		if c.Gained() {
			sign = "+"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", sign, c.Principal.User, c.Action, c.Channel))
	}
	return lines
}

func TestDiffTellsWhoGainsAndWhoLoses(t *testing.T) {
	old := compiled(t, allow("subscribe", "room:*"), only(allow("publish", "ops:x"), acl.Match{Roles: []string{"operator"}}))
	new := compiled(t, only(allow("subscribe", "room:*"), acl.Match{Roles: []string{"member"}}), allow("echo", "room:1"),
		only(acl.Rule{Name: "m", Allow: []string{"manage"}}, acl.Match{Roles: []string{"operator"}}))
	subjects := []*auth.Principal{principal("ana"), principal("bob", roles("member")), principal("olga", roles("operator", "member"))}
	got := changes(old, new, subjects, names("room:1", "ops:x"))
	want := []string{
		"+ ana echo room:1", "- ana subscribe room:1", "+ bob echo room:1",
		"+ olga manage ", "+ olga echo room:1", "- olga publish ops:x",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := changes(old, old, subjects, names("room:1", "ops:x")); got != nil {
		t.Errorf("a policy differs from itself: %q", got)
	}
	if got := changes(nil, old, subjects[:1], names("room:1")); !slices.Equal(got, []string{"+ ana subscribe room:1"}) {
		t.Errorf("against no policy: %q", got)
	}
}
