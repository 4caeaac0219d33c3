package channel

import "strings"

// Pattern stands for the names that it matches. It is made by [ParsePattern]; the zero Pattern matches nothing.
type Pattern struct{ text string }

// ParsePattern reads a pattern.
func ParsePattern(s string) (Pattern, error) {
	if broken, at := scan(s, true); broken != "" {
		return Pattern{}, refuse("channel pattern", s, broken, at)
	}
	return Pattern{s}, nil
}

// Match reports whether p stands for n. It reads both once, from the left: a pattern has no two ways to match a name.
func (p Pattern) Match(n Name) bool {
	pattern, name := p.text, n.text
	for pattern != "" && name != "" {
		if pattern == "**" {
			return true
		}
		var want, got string
		want, pattern, _ = strings.Cut(pattern, ":")
		got, name, _ = strings.Cut(name, ":")
		if want != "*" && want != got {
			return false
		}
	}
	return pattern == name && !n.IsZero() && p.text != ""
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Covers reports whether p matches every name that other matches.
func (p Pattern) Covers(other Pattern) bool {
	pattern, covered := p.text, other.text
	for pattern != "" && covered != "" {
		if pattern == "**" {
			return true
		}
		var wide, narrow string
		wide, pattern, _ = strings.Cut(pattern, ":")
		narrow, covered, _ = strings.Cut(covered, ":")
		if narrow == "**" || wide != "*" && wide != narrow {
			return false
		}
	}
	return pattern == covered && p.text != "" && other.text != ""
}
