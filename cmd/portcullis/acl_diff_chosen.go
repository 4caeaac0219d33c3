package main

import (
	"maps"
	"slices"
	"strings"

	"portcullis/internal/acl"
)

// choiceLine is a channel that users are subscribed to without asking by one of the files alone.
type choiceLine struct {
	Gained  bool   `json:"gained"`
	Channel string `json:"channel"`
	For     string `json:"for,omitempty"` // as a person reads it; absent is everybody
	Unless  string `json:"unless,omitempty"`
}

// compareChoices tells which choices stand in one list alone, whatever their order and however they are put together.
func compareChoices(old, new []acl.Choice) (lines []choiceLine) {
	before, after := choicesOf(old), choicesOf(new)
	for _, one := range before {
		if !slices.Contains(after, one) {
			lines = append(lines, one)
		}
	}
	for _, one := range after {
		if !slices.Contains(before, one) {
			one.Gained = true
			lines = append(lines, one)
		}
	}
	return lines
}

func choicesOf(list []acl.Choice) (all []choiceLine) {
	for _, c := range list {
		for _, name := range c.Channels {
			if one := (choiceLine{Channel: name, For: people(c.For), Unless: people(c.Unless)}); !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// people writes a condition, the same for all orders of what is in it.
func people(m *acl.Match) string {
	if m == nil {
		return ""
	}
	var parts []string
	for _, list := range []struct {
		what  string
		names []string
	}{{"user", m.Users}, {"role", m.Roles}, {"scope", m.Scopes}} {
		if len(list.names) > 0 {
			parts = append(parts, list.what+" "+strings.Join(slices.Compact(slices.Sorted(slices.Values(list.names))), " or "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Claims)) {
		parts = append(parts, "claim "+name+"="+m.Claims[name])
	}
	if m.Certificate != nil {
		parts = append(parts, map[bool]string{true: "with a certificate", false: "without a certificate"}[*m.Certificate])
	}
	return strings.Join(parts, " and ")
}

// String writes a difference on one line.
func (l *choiceLine) String() string {
	who := l.For
	if who == "" {
		who = "anybody"
	}
	if l.Unless != "" {
		who += ", but not " + l.Unless
	}
	return map[bool]string{true: "+ ", false: "- "}[l.Gained] + who + ": is subscribed to " + l.Channel + "  (the tenant's choice, where the rules allow it)"
}
