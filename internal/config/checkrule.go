package config

import (
	"fmt"
	"slices"
)

// checkRules looks at rules and their tests, which stand at within.
func (t *Tenant) checkRules(within string, rules []Rule, tests []Test, add func(Problem)) {
	names := make(map[string]int)
	for i := range rules {
		t.checkRule(join(within, fmt.Sprintf("rules[%d]", i)), i, &rules[i], names, add)
	}
	for i := range tests {
		if path := join(within, fmt.Sprintf("tests[%d]", i)); t.isMapping(path) && !t.has(path+".allow") && !t.has(path+".deny") {
			add(t.Problem(path, "asks nothing; give it allow or deny"))
		}
	}
}

// checkRule looks at the rule that stands at path, the i-th of its list. names are those of the rules before it.
func (t *Tenant) checkRule(path string, i int, rule *Rule, names map[string]int, add func(Problem)) {
	if !t.isMapping(path) {
		return
	}
	switch allow, deny := t.has(path+".allow"), t.has(path+".deny"); {
	case allow && deny:
		add(t.Problem(path+".deny", "excludes allow; write two rules"))
	case !allow && !deny:
		add(t.Problem(path, "does nothing; give it allow or deny"))
	}
	actions := slices.Concat(rule.Allow, rule.Deny)
	manage, has := slices.Contains(actions, "manage"), t.has(path+".channels")
	switch others := slices.ContainsFunc(actions, func(a string) bool { return a != "manage" }); {
	case manage && others:
		add(t.Problem(path, "mixes manage, which is about the tenant, with actions on channels; write two rules"))
	case manage && has:
		add(t.Problem(path+".channels", "manage is about the tenant and has no channels; remove them"))
	case others && !has:
		add(t.Problem(path+".channels", "is missing; name the channels that it is about, or [\"**\"] for all"))
	}
	if first, taken := names[rule.Name]; taken && rule.Name != "" {
		add(t.Problem(path+".name", "%q is the name of rules[%d] too; decisions are told by name, so take another", rule.Name, first))
	} else {
		names[rule.Name] = i
	}
	for _, match := range []string{".for", ".unless"} {
		if t.isEmpty(path + match) {
			add(t.Problem(path+match, "matches everybody, because it says nothing; name users, roles, scopes, claims or certificate, or remove it"))
		}
	}
}
