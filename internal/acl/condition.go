package acl

import (
	"slices"

	"portcullis/internal/auth"
)

// condition is a compiled [Match]. A list that is empty was not given.
type condition struct {
	users, roles, scopes texts
	claims               []auth.Claim
	certificate          *bool
}

func (c *condition) matches(pr *auth.Principal) bool {
	if c.certificate != nil && *c.certificate != (pr.Certificate != nil) {
		return false
	}
	if len(c.users.list) > 0 && !c.users.has(pr.User) {
		return false
	}
	if len(c.roles.list) > 0 && !c.roles.hasAny(pr.Roles) {
		return false
	}
	if len(c.scopes.list) > 0 && !c.scopes.hasAny(pr.Scopes) {
		return false
	}
	for _, claim := range c.claims {
		if !claimed(pr, claim) {
			return false
		}
	}
	return true
}

func claimed(pr *auth.Principal, want auth.Claim) bool {
	for _, got := range pr.Claim(want.Name) {
		if got.Value == want.Value {
			return true
		}
	}
	return false
}

// texts is a set. A rule may list a thousand users, most list one or two.
type texts struct {
	list []string
	many map[string]bool // nil where the list is short
}

// short is how many texts are compared one after the other before a look-up pays.
const short = 8

func (s texts) has(text string) bool {
	if s.many != nil {
		return s.many[text]
	}
	return slices.Contains(s.list, text)
}

func (s texts) hasAny(list []string) bool {
	for _, text := range list {
		if s.has(text) {
			return true
		}
	}
	return false
}
