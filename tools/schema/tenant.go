package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"
)

// What one key alone does not say, and an editor can tell all the same. The loader is stricter: names, tests, and what several files say together.
const (
	segment  = `(\*|\{(user|tenant|claim\.[^{}]+)\}|` + literal + `)`
	pattern  = `^(` + segment + `:)*(\*\*|` + segment + `)$`
	names    = `^((\*|` + literal + `):)*(\*\*|\*|` + literal + `)$`
	literal  = `([A-Za-z0-9_.~@+=|-]|%[0-9A-F]{2})+`
	id       = `^[a-z0-9][a-z0-9-]{0,62}$`
	question = `^(manage|(echo|publish|subscribe|history|presence) \S+)$`
)

// across adds the rules between keys to the definitions.
func across(defs jsonschema.Definitions) error {
	either := func(a, b string) []*jsonschema.Schema {
		return []*jsonschema.Schema{{Required: []string{a}}, {Required: []string{b}}}
	}
	one, two := uint64(1), uint64(2)
	rule, test, match, tenant := defs["Rule"], defs["Test"], defs["Match"], defs["Tenant"]
	if rule == nil || test == nil || match == nil || tenant == nil {
		return fmt.Errorf("the structs Rule, Test, Match and Tenant have other names now")
	}
	rule.OneOf = either("allow", "deny")
	manages, alone := &jsonschema.Schema{}, &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	for _, key := range []string{"allow", "deny"} {
		has := &jsonschema.Schema{Required: []string{key}, Properties: jsonschema.NewProperties()}
		has.Properties.Set(key, &jsonschema.Schema{Contains: &jsonschema.Schema{Const: "manage"}})
		manages.AnyOf = append(manages.AnyOf, has)
		alone.Properties.Set(key, &jsonschema.Schema{MaxItems: &one})
	}
	alone.Properties.Set("channels", jsonschema.FalseSchema)
	rule.If, rule.Then, rule.Else = manages, alone, &jsonschema.Schema{Required: []string{"channels"}}
	test.AnyOf = either("allow", "deny")
	match.MinProperties = &one
	tenant.AnyOf = either("issuers", "certificates")

	for _, at := range []struct {
		def  *jsonschema.Schema
		key  string
		form string
	}{{rule, "channels", pattern}, {test, "allow", question}, {test, "deny", question}} {
		property, ok := at.def.Properties.Get(at.key)
		if !ok || property.Items == nil {
			return fmt.Errorf("there is no list %s", at.key)
		}
		property.Items.Pattern = at.form
	}
	setting := defs["Channel"]
	if setting == nil {
		return fmt.Errorf("the struct Channel has another name now")
	}
	forNames, ok := setting.Properties.Get("match")
	if !ok {
		return fmt.Errorf("a channel has no match")
	}
	forNames.Pattern = names
	setting.MinProperties = &two
	name, ok := tenant.Properties.Get("id")
	if !ok {
		return fmt.Errorf("a tenant has no id")
	}
	name.Pattern = id
	return nil
}

// reachable leaves out the definitions that root does not need.
func reachable(defs jsonschema.Definitions, root string) (jsonschema.Definitions, error) {
	kept := jsonschema.Definitions{}
	var keep func(string) error
	keep = func(name string) error {
		if kept[name] != nil {
			return nil
		}
		kept[name] = defs[name]
		text, err := json.Marshal(defs[name])
		if err != nil {
			return err
		}
		for _, rest := range strings.Split(string(text), `"#/$defs/`)[1:] {
			other, _, _ := strings.Cut(rest, `"`)
			if err := keep(other); err != nil {
				return err
			}
		}
		return nil
	}
	return kept, keep(root)
}
