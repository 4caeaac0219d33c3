package main

import (
	"fmt"
	"strings"
)

func (s *shell) printDiffs(all []tenantDiff) {
	differences, users, channels, cut := 0, 0, 0, false
	for _, d := range all {
		differences += len(d.Lines) + len(d.Choices)
		users, channels, cut = users+d.Users, channels+d.Channels, cut || d.Cut
		where := map[string]string{"old": ", which is in OLD alone", "new": ", which is in NEW alone"}[d.In]
		if len(d.Lines)+len(d.Choices) > 0 {
			fmt.Fprintf(s.stdout, "tenant %s%s\n", d.Tenant, where)
		}
		for _, l := range d.Lines {
			fmt.Fprintf(s.stdout, "  %s\n", plain(l.String()))
		}
		for _, l := range d.Choices {
			fmt.Fprintf(s.stdout, "  %s\n", plain(l.String()))
		}
	}
	fmt.Fprintf(s.stdout, "%s; asked about %s and %s that the rules tell apart, which is no proof beyond them\n",
		count(differences, "difference"), count(users, "user"), count(channels, "channel"))
	if cut {
		fmt.Fprintln(s.stdout, "there were more users or channels than are asked about: compare smaller changes, one after the other")
	}
}

// String writes a difference on one line.
func (l *diffLine) String() string {
	text := map[bool]string{true: "+ ", false: "- "}[l.Gained] + l.Who
	if len(l.But) > 0 {
		text += ", but not " + strings.Join(l.But, " or ")
	}
	text += ": " + strings.Join(l.Actions, ", ")
	if l.Channel != "" {
		text += " " + l.Channel
	}
	if len(l.Except) > 0 {
		text += ", but not " + strings.Join(l.Except, ", ")
	}
	return text + "  (" + l.because() + ")"
}

// because names the rules that decide: the one that allows, and the one that denies where there is one.
func (l *diffLine) because() string {
	was, is := l.RuleBefore, l.RuleAfter
	switch {
	case was == "" && is == "":
		return "no rule"
	case was == "":
		return fmt.Sprintf("rule %q", is)
	case is == "":
		return fmt.Sprintf("was rule %q", was)
	}
	return fmt.Sprintf("was rule %q, now %q", was, is)
}
