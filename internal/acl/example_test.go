package acl_test

import (
	"fmt"
	"slices"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/tenant"
)

// Whoever tries the rules of a tenant needs somebody whom they are about and who is nobody real, on a channel that is nobody's.
func TestExamplesAreAllowedAndNobodyReal(t *testing.T) {
	const unknown = "UNKNOWN"
	yes := true
	p, problems := acl.Compile(tenant.MustParse("acme"), []acl.Rule{
		{Name: "news", Allow: []string{"subscribe"}, Channels: []string{"news:today", "news:**"}},
		{Name: "rooms", Allow: []string{"subscribe"}, Channels: []string{"room:*"}, For: &acl.Match{Roles: []string{"member", "guest"}}},
		{Name: "rooms too", Allow: []string{"subscribe"}, Channels: []string{"room:*"}, For: &acl.Match{Scopes: []string{"talk"}, Claims: map[string]string{"a": "1"}}},
		{Name: "rooms three", Allow: []string{"subscribe"}, Channels: []string{"room:*"}, For: &acl.Match{Certificate: &yes}},
		{Name: "inbox", Allow: []string{"subscribe"}, Channels: []string{"{tenant}:{user}:{claim.org}"}},
		{Name: "ana's", Allow: []string{"subscribe"}, Channels: []string{"ana:*"}, For: &acl.Match{Users: []string{"ana"}}},
		{Name: "nothing", Deny: []string{"subscribe"}, Channels: []string{"secret:*"}},
		{Name: "managers", Allow: []string{"manage"}},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	var got []string
	for e := range p.Examples(unknown) {
		if d := p.Decide(e.Principal, acl.Subscribe, e.Name); !d.Allowed {
			t.Errorf("%s to %+v: got %+v, want it allowed", e.Name, e.Principal, d)
		}
		if e.Principal.User != unknown {
			t.Errorf("%s is an example for %s, who may be real", e.Name, e.Principal.User)
		}
		got = append(got, fmt.Sprint(e.Name, e.Principal.Roles, e.Principal.Scopes, e.Principal.Claims, e.Principal.Certificate != nil))
	}
	want := []string{
		"acme:UNKNOWN:UNKNOWN [] [] [{org UNKNOWN}] false", "news:UNKNOWN [] [] [] false",
		"room:UNKNOWN [member] [] [] false", "room:UNKNOWN [] [talk] [{a 1}] false", "room:UNKNOWN [] [] [] true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	for range p.Examples(unknown) {
		break // whoever has seen enough is not called again
	}
}
