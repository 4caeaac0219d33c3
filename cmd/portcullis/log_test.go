package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// What some terminals take for a command, and some eyes for another order of the letters, stands in no line: neither as it is nor as JSON has it.
func TestCommandsToATerminalInALine(t *testing.T) {
	const evil = "a\x1b[2J\u009b2J\u202eb\u2066\u2028\u200b\ufeff\x7f\xffc"
	for _, format := range []string{"json", "text"} {
		var b bytes.Buffer
		log := newLog(config.Log{Level: "info", Format: format}, &b)
		log.Info("ana "+evil, "user", evil, "error", errors.New(evil), "stack", "one\n\ttwo", "n", 1, "ok", true)
		line := b.String()
		for _, bad := range []string{"\x1b", `\u001b`, `\x1b`, "\u009b", `\u009b`, "\u202e", `\u202e`, "\u2066", "\u2028", "\u200b", "\ufeff", "\x7f", "\xff"} {
			if strings.Contains(line, bad) {
				t.Errorf("%s: the line has %q: %q", format, bad, line)
			}
		}
		for _, want := range []string{"a\ufffd[2J", `one\n\ttwo`} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: got %q, want %q in it", format, line, want)
			}
		}
	}
}
