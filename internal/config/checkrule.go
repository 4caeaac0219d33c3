package config

import (
	"fmt"
	"slices"
	"strings"
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

// mostChoices keeps a welcome one that every client takes, and what a connection costs at its beginning within bounds.
const mostChoices = 100

// checkChoices looks at whom the tenant subscribes. Whoever compiles the patterns looks at these.
func (t *Tenant) checkChoices(add func(Problem)) {
	all := 0
	for i := range t.Subscribe {
		path := fmt.Sprintf("subscribe[%d]", i)
		all += len(t.Subscribe[i].Channels)
		for _, match := range []string{".for", ".unless"} {
			if t.isEmpty(path + match) {
				add(t.Problem(path+match, emptyMatch))
			}
		}
	}
	if all > mostChoices {
		add(t.Problem("subscribe", "%d channels are more than %d, the most that is allowed; let clients subscribe to some by themselves", all, mostChoices))
	}
}

// emptyMatch is what is wrong with a for or unless that says nothing.
const emptyMatch = "matches everybody, because it says nothing; name users, roles, scopes, claims or certificate, or remove it"

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
	if rule.For == nil && rule.Unless == nil {
		t.checkAllowAll(path, rule, add)
	}
	if first, taken := names[rule.Name]; taken && rule.Name != "" {
		add(t.Problem(path+".name", "%q is the name of rules[%d] too; decisions are told by name, so take another", rule.Name, first))
	} else {
		names[rule.Name] = i
	}
	for _, match := range []string{".for", ".unless"} {
		if t.isEmpty(path + match) {
			add(t.Problem(path+match, emptyMatch))
		}
	}
}

// checkAllowAll warns of a rule for everybody that leaves nothing to the others. An echo is heard by nobody else, and may be everywhere.
func (t *Tenant) checkAllowAll(path string, rule *Rule, add func(Problem)) {
	if slices.Equal(rule.Allow, []string{"manage"}) {
		add(t.Warning(path, "lets everybody manage the tenant: end connections, revoke credentials, speak for others; say with for which users, roles or scopes may"))
		return
	}
	if some := slices.DeleteFunc(slices.Clone(rule.Allow), func(a string) bool { return a == "echo" }); len(some) > 0 && slices.Contains(rule.Channels, "**") {
		add(t.Warning(path, "lets everybody %s on every channel, those of other users too; name the channels that are for all, or say with for who may", strings.Join(some, ", ")))
	}
}
