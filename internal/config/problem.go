package config

import (
	"fmt"
	"slices"
)

// Severity says what a problem means for the start.
type Severity int

// The severities.
const (
	Error   Severity = iota // the configuration is refused
	Warning                 // it is taken, and the operator should know
)

// Problem is something wrong with a configuration, where it stands, and what to do about it.
type Problem struct {
	File         string // as the operator named it, or found from that
	Line, Column int    // from 1; 0 in a configuration that was made in a program
	Path         string // of the key inside the file, like rules[2].channels[0]; empty when it is the file itself
	Message      string // the value, the rule and the remedy
	Severity     Severity
}

// String writes the problem on one line, as editors and terminals find places: file:line:column: path: message.
func (p Problem) String() string {
	s := p.Message
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Severity == Warning {
		s = "warning: " + s
	}
	if p.File == "" {
		return s
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, s)
}

// Failed reports whether one of the problems is an [Error].
func Failed(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}
