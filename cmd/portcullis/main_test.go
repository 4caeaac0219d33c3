package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// The program itself is one of the scripts' commands: testscript runs this binary again under its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"portcullis": main})
}

// Each file in testdata is a story of somebody at a shell.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		Setup:               setUp,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "says": says, "signal": signalTo, "ends": ends,
			"replace": replace, "pasted": pasted, "mode": mode, "expire": expire, "device": device,
		},
	})
}

func TestEveryCommandShowsAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s: got short %q, example %q; want both", c.CommandPath(), c.Short, c.Example)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  portcullis ") {
				t.Errorf("%s: got example line %q, want two spaces and portcullis", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand(&shell{}))
}

func TestCommandsThatPrintDataPrintJSON(t *testing.T) {
	without := map[string]bool{"serve": true, "dev": true, "init": true, "help": true} // a log, a story, advice
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if got, want := c.Flags().Lookup("json") != nil, !c.HasSubCommands() && !without[c.Name()]; got != want {
			t.Errorf("%s: got --json %v, want %v", c.CommandPath(), got, want)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand(&shell{}))
}

// The examples are commands that parse: a flag that was renamed would stay in them unnoticed.
func TestEveryExampleParses(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			for part := range strings.SplitSeq(strings.TrimSpace(line), " && ") {
				part, _, _ = strings.Cut(part, " | ")
				part, _, _ = strings.Cut(part, " < ")
				words := shellWords(part)
				root := rootCommand(&shell{env: func(string) string { return "" }})
				found, rest, err := root.Find(words[1:])
				if err == nil {
					err = found.ParseFlags(rest)
				}
				if err == nil {
					err = found.ValidateArgs(found.Flags().Args())
				}
				if err == nil {
					err = found.ValidateRequiredFlags()
				}
				if err != nil {
					t.Errorf("example of %s: %s: got %v, want no error", c.CommandPath(), part, err)
				}
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand(&shell{}))
}

// shellWords splits a line at spaces, but not inside single quotes.
func shellWords(line string) (words []string) {
	var word strings.Builder
	inside := false
	for _, r := range line + " " {
		switch {
		case r == '\'':
			inside = !inside
		case r == ' ' && !inside:
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	return words
}

func TestRunReturnsTheExitCode(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want int
	}{
		{"it went well", []string{"version"}, succeeded},
		{"it failed", []string{"config", "check", "--config", "no-such-file.yaml"}, failed},
		{"it was misused", []string{"nosuch"}, misused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			if got := run(context.Background(), tt.args, os.Getenv, strings.NewReader(""), &out, &errs); got != tt.want {
				t.Errorf("got %d, want %d; it said\n%s%s", got, tt.want, &out, &errs)
			}
		})
	}
}

func TestPlainCannotCommandATerminal(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"text", `{"text":"Grüße 👋"}`, `{"text":"Grüße 👋"}`},
		{"escape sequence", "a\x1b[2Jb", `a\u001b[2Jb`},
		{"C1 control", "a\u009b2Jb", `a\u009b2Jb`},
		{"delete", "a\x7fb", `a\u007fb`},
		{"new line", "a\nb", `a\u000ab`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := plain(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
