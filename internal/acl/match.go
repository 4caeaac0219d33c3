package acl

import (
	"fmt"
	"maps"
	"slices"

	"portcullis/internal/auth"
)

// condition compiles m. What is given and empty is a problem: it matches nobody, which in a rule that denies, or
// under unless, gives away what it was written to keep.
func (c *compiler) condition(path string, m *Match) *condition {
	if m == nil {
		return nil
	}
	if m.Users == nil && m.Roles == nil && m.Scopes == nil && m.Claims == nil && m.Certificate == nil {
		c.add(path, "it is given and empty; name users, roles, scopes, claims or certificate, or leave it out")
		return nil
	}
	compiled := &condition{
		users:  c.texts(path+".users", m.Users),
		roles:  c.texts(path+".roles", m.Roles),
		scopes: c.texts(path+".scopes", m.Scopes),
		claims: c.claims(path+".claims", m.Claims),
	}
	if m.Certificate != nil {
		compiled.certificate = new(*m.Certificate)
	}
	return compiled
}

func (c *compiler) texts(path string, list []string) texts {
	if list != nil && len(list) == 0 {
		c.add(path, "the list is empty and matches nobody; list at least one or leave it out")
	}
	set := texts{list: slices.Clone(list)}
	for i, text := range list {
		if text == "" {
			c.add(fmt.Sprintf("%s[%d]", path, i), "an empty text matches nobody; write a value or take it out")
		}
	}
	if len(list) > short {
		set.many = make(map[string]bool, len(list))
		for _, text := range list {
			set.many[text] = true
		}
	}
	return set
}

func (c *compiler) claims(path string, wanted map[string]string) []auth.Claim {
	if wanted != nil && len(wanted) == 0 {
		c.add(path, "it is empty and matches everybody; name at least one claim or leave it out")
	}
	var list []auth.Claim
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := checkClaimName(name); err != nil {
			c.add(path, "%v", err)
		}
		if wanted[name] == "" {
			c.add(path, "claim %q has an empty value; write the value that it must have", name)
		}
		list = append(list, auth.Claim{Name: name, Value: wanted[name]})
	}
	return list
}
