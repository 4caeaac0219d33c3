package main

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode"

	"portcullis/internal/config"
)

// newLog returns the log that a configuration asks for. A configuration that could not be read whole gets the default.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: printable}
	if c.Format == "text" || c.Format != "json" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// printable takes out of a value what no eye sees. JSON lets pass what some terminals take for a command and some eyes for another order of the letters, and much of what is logged was
// named by somebody else: users, channels, receivers. Line breaks and tabs stay, which stacks have and JSON escapes.
func printable(_ []string, a slog.Attr) slog.Attr {
	var text string
	switch a.Value.Kind() {
	case slog.KindString:
		text = a.Value.String()
	case slog.KindAny:
		if err, is := a.Value.Any().(error); is {
			text = err.Error()
		}
	}
	if strings.ContainsFunc(text, unseen) {
		a.Value = slog.StringValue(strings.Map(seen, text))
	}
	return a
}

func unseen(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }

func seen(r rune) rune {
	if unseen(r) {
		return unicode.ReplacementChar
	}
	return r
}

// terminal reports whether a person reads w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
