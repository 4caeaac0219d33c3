package acl

import (
	"fmt"
	"strings"
)

// Action is something that a rule allows or denies. The set is closed: it is a metric label. The zero Action is none.
type Action uint8

// The actions. All but Manage are on a channel, Manage is on the tenant.
const (
	Echo Action = iota + 1
	Publish
	Subscribe
	History
	Presence
	Manage
)

// Actions lists every action, for label sets that are created at zero.
var Actions = []Action{Echo, Publish, Subscribe, History, Presence, Manage}

var actionNames = [...]string{"none", "echo", "publish", "subscribe", "history", "presence", "manage"}

// String returns the action as it stands in rules and metrics.
func (a Action) String() string { return actionNames[a] }

// ParseAction reads an action as it stands in rules.
func ParseAction(s string) (Action, error) {
	for _, a := range Actions {
		if a.String() == s {
			return a, nil
		}
	}
	return 0, fmt.Errorf("action %q is unknown; use one of %s", s, strings.Join(actionNames[1:], ", "))
}

// actions is a set of actions, a bit for each.
type actions uint8

func (s actions) has(a Action) bool { return s>>a&1 == 1 }

func (s actions) with(a Action) actions { return s | 1<<a }

const manageOnly actions = 1 << Manage
