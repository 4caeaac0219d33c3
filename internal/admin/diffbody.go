package admin

import (
	"encoding/json"

	"portcullis/internal/acl"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/preview"
	"portcullis/internal/realm"
)

const diffUsage = `the body is no rules such as {"rules":[{"name":"all","allow":["echo"],"channels":["**"]}],"subscribe":[]}; a rule, and a choice, has the members of the tenant's file`

// askedPolicy is what a comparison is about. Without Subscribe the tenant's choices stay.
type askedPolicy struct {
	Rules     []acl.Rule
	Subscribe *[]acl.Choice
}

// readPolicy reads rules and choices as strictly as the tenant's file is read: a member that stands twice, or is in another case, would be compared as something that the file could not say.
func readPolicy(text []byte) (p askedPolicy, err error) {
	members, err := api.Object(text, diffUsage, "rules", "subscribe")
	if err != nil {
		return p, err
	}
	if members["rules"] == nil || string(members["rules"]) == "null" {
		return p, api.Unreadable(diffUsage)
	}
	if err := readList(members["rules"], &p.Rules, "name", "allow", "deny", "channels", "for", "unless"); err != nil {
		return p, err
	}
	if members["subscribe"] == nil {
		return p, nil
	}
	p.Subscribe = new([]acl.Choice)
	return p, readList(members["subscribe"], p.Subscribe, "channels", "for", "unless")
}

// readList reads a list of objects that have these members, with the conditions in them.
func readList(text json.RawMessage, into any, known ...string) error {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		return api.Unreadable(diffUsage)
	}
	for _, one := range list {
		members, err := api.Object(one, diffUsage, known...)
		if err != nil {
			return err
		}
		for _, name := range []string{"for", "unless"} {
			if err := checkMatch(members[name]); err != nil {
				return err
			}
		}
	}
	if json.Unmarshal(text, into) != nil {
		return api.Unreadable(diffUsage)
	}
	return nil
}

// checkMatch looks at the names in a condition. Those of claims are whatever the tenant's tokens have.
func checkMatch(text json.RawMessage) error {
	if text == nil || string(text) == "null" {
		return nil
	}
	members, err := api.Object(text, diffUsage, "users", "roles", "scopes", "claims", "certificate")
	if err != nil || members["claims"] == nil || string(members["claims"]) == "null" {
		return err
	}
	_, err = api.Open(members["claims"], diffUsage, func(string) bool { return true })
	return err
}

// compile makes what was asked the other side of t.
func (p *askedPolicy) compile(t *realm.Tenant) (preview.Side, error) {
	then := preview.Side{Choices: t.Choices}
	var problems []acl.Problem
	if then.Rules, problems = acl.Compile(t.ID, p.Rules); then.Rules == nil {
		return then, badRequest(problems[0].Path + ": " + problems[0].Message)
	}
	if p.Subscribe == nil {
		return then, nil
	}
	if then.Choices, problems = acl.CompileChoices(t.ID, *p.Subscribe); problems != nil {
		return then, badRequest(problems[0].Path + ": " + problems[0].Message)
	}
	return then, nil
}
