package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"portcullis/internal/config"
)

// sorted puts problems into the order of reading: the main file first, each file from the top.
func sorted(problems []config.Problem, main string) []config.Problem {
	later := func(p config.Problem) int {
		if p.File == main {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(problems, func(a, b config.Problem) int {
		return cmp.Or(later(a)-later(b), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(problems)
}

// printProblems writes each on a line of its own, as editors find places.
func printProblems(w io.Writer, problems []config.Problem) {
	for _, p := range problems {
		fmt.Fprintln(w, p)
	}
}

// refuse prints the problems of a configuration that is not taken.
func (s *shell) refuse(file string, problems []config.Problem) error {
	problems = sorted(problems, file)
	printProblems(s.stderr, problems)
	return refused(file, problems)
}

// refused is the end of a command whose configuration has errors.
func refused(file string, problems []config.Problem) error {
	errors, warnings := tally(problems)
	text := count(errors, "error")
	if warnings > 0 {
		text += ", " + count(warnings, "warning")
	}
	return fmt.Errorf("%s: %s", file, text)
}

func tally(problems []config.Problem) (errors, warnings int) {
	for _, p := range problems {
		if p.Severity == config.Error {
			errors++
		}
	}
	return errors, len(problems) - errors
}

// problemJSON is a problem for programs.
type problemJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Path     string `json:"path"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
}

func problemsJSON(problems []config.Problem) []problemJSON {
	all := make([]problemJSON, len(problems)) // an empty list where there is none, not null
	for i, p := range problems {
		all[i] = problemJSON{p.File, p.Line, p.Column, p.Path, "error", p.Message}
		if p.Severity == config.Warning {
			all[i].Severity = "warning"
		}
	}
	return all
}

// String writes a problem as config check does.
func (p problemJSON) String() string {
	severity := config.Error
	if p.Severity == "warning" {
		severity = config.Warning
	}
	return config.Problem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Message: p.Message, Severity: severity}.String()
}
