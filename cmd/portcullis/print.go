package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// printJSON writes v for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// plain writes somebody else's text so that it cannot command a terminal. Inside JSON it means the same as before.
func plain(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// count is a number of things: 1 tenant, 2 tenants.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// moment writes a time, and how far off it is.
func moment(t time.Time) string {
	text := t.UTC().Format(time.RFC3339)
	off := time.Until(t).Round(time.Second)
	if off < 0 {
		return fmt.Sprintf("%s (%v ago)", text, -off)
	}
	return fmt.Sprintf("%s (in %v)", text, off)
}

// lines is [plain] for a text of several lines.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = plain(all[i])
	}
	return strings.Join(all, "\n")
}
