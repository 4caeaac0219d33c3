package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// fence is one block of a page.
type fence struct {
	line       int
	info, text string
}

func fences(page string) (all []fence) {
	open := false
	for i, line := range strings.Split(page, "\n") {
		info, mark := strings.CutPrefix(line, "```")
		switch {
		case mark && !open:
			open, all = true, append(all, fence{line: i + 1, info: info})
		case mark:
			open = false
		case open:
			all[len(all)-1].text += line + "\n"
		}
	}
	return all
}

// script makes a story of a page: a block of YAML that names a file becomes that file, and its tests are run; the lines of a block of sh are run, and the block without a
// name behind it is what they print. An exit code that is not 0 stands behind sh.
func script(t *testing.T, page string) (story string, documents int) {
	t.Helper()
	var commands, files strings.Builder
	for _, f := range fences(page) {
		kind, more, _ := strings.Cut(f.info, " ")
		name := fmt.Sprintf("line%d", f.line)
		switch kind {
		case "yaml":
			documents++
			fmt.Fprintf(&commands, "cp %s %s\nexec portcullis acl test --config gw/portcullis.yaml\nexec portcullis config check --config gw/portcullis.yaml\n", name, more)
			fmt.Fprintf(&files, "-- %s --\n%s", name, f.text)
		case "sh":
			for line := range strings.Lines(f.text) {
				commands.WriteString(command(strings.TrimSpace(line), more))
			}
		case "":
			fmt.Fprintf(&commands, "cmp stdout %s\n", name)
			fmt.Fprintf(&files, "-- %s --\n%s", name, f.text)
		default:
			t.Errorf("line %d: a block of %q is not run", f.line, kind)
		}
	}
	return commands.String() + files.String(), documents
}

// command writes a line of a shell as a script's.
func command(line, more string) string {
	line, into, redirected := strings.Cut(line, " > ")
	switch code, exits := strings.CutPrefix(more, "exit="); {
	case strings.HasPrefix(line, "cp "):
		return line + "\n"
	case exits:
		return "exits " + code + " " + line + "\n"
	case redirected:
		return "exec " + line + "\ncp stdout " + into + "\n"
	}
	return "exec " + line + "\n"
}

// Whoever learns the rules from the page can type every line of it, and sees what stands there.
func TestThePageOfRules(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	story, documents := script(t, string(page))
	if documents < 7 {
		t.Errorf("the page has %d files of a tenant, want 7", documents)
	}
	file := filepath.Join(t.TempDir(), "policy.txtar")
	if err := os.WriteFile(file, []byte(story), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{file}, Setup: setUp, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
