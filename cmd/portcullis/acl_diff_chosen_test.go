package main

import (
	"fmt"
	"strings"
	"testing"

	"portcullis/internal/acl"
)

func TestChoicesThatDiffer(t *testing.T) {
	staff := &acl.Match{Roles: []string{"staff", "guard"}}
	old := []acl.Choice{{Channels: []string{"news:today", "user:{user}:inbox"}}, {Channels: []string{"ops"}, For: staff}}
	tests := []struct {
		name string
		new  []acl.Choice
		want string
	}{
		{"the same, in another order", []acl.Choice{{Channels: []string{"ops"}, For: &acl.Match{Roles: []string{"guard", "staff"}}}, {Channels: []string{"user:{user}:inbox"}}, {Channels: []string{"news:today"}}}, ""},
		{"one less", old[1:], "- anybody: is subscribed to news:today\n- anybody: is subscribed to user:{user}:inbox"},
		{"for others", []acl.Choice{old[0], {Channels: []string{"ops"}, Unless: staff}}, "- role guard or staff: is subscribed to ops\n+ anybody, but not role guard or staff: is subscribed to ops"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, l := range compareChoices(old, tt.new) {
				text, _, _ := strings.Cut(fmt.Sprint(&l), "  (")
				got = append(got, text)
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got %s, want %s", strings.Join(got, "\n"), tt.want)
			}
		})
	}
}
