// Package sdk_test has the TypeScript SDK talk to the gateway as it is shipped. It builds the program and starts it, stands between the two with lines
// that it can cut, and runs the tests in sdk/typescript/test/gateway, which do the talking.
package sdk_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

const (
	root    = "../.."
	sources = root + "/sdk/typescript"
)

// missing skips a test whose program this machine does not have. In continuous integration everything is there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// compiled is a folder with the SDK and its tests as JavaScript. Nothing is written beside the sources.
func compiled(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node is not installed: install node.js")
	}
	packages, err := filepath.Abs(filepath.Join(sources, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(packages, "typescript")); err != nil {
		missing(t, "the packages of the SDK are not installed: npm ci --prefix sdk/typescript")
	}
	folder := t.TempDir()
	about, err := os.ReadFile(filepath.Join(sources, "package.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "package.json"), about, 0o600)
	}
	if err == nil {
		err = os.Symlink(packages, filepath.Join(folder, "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	tsc := within(t, 2*time.Minute, "node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.test.json", "--outDir", folder)
	tsc.Dir = sources
	if out, err := tsc.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
	return folder
}

// within is a command that is killed after limit.
func within(t *testing.T, limit time.Duration, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	return cmd
}

func TestTypeScript(t *testing.T) {
	folder := compiled(t)
	for _, row := range []struct {
		name, file string
		flags      []string
	}{
		{name: "over the WebSocket of npm's ws", file: "talk.js"},
		{name: "over the WebSocket of Node.js", file: "talk.js", flags: []string{"--experimental-websocket", "--no-warnings"}},
		{name: "members of an encrypted room", file: "encrypted.js"},
		{name: "chaos", file: "chaos.js"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := start(t)
			given, err := json.Marshal(map[string]string{"url": "ws://" + g.lines.listener.Addr().String(), "control": g.control.URL})
			if err != nil {
				t.Fatal(err)
			}
			node := within(t, 5*time.Minute, "node", append(row.flags, "--test", "--test-reporter=tap", filepath.Join("test", "gateway", row.file))...)
			node.Dir = folder
			node.Env = append(os.Environ(), "PORTCULLIS_GATEWAY="+string(given))
			out, err := node.CombinedOutput()
			if err != nil {
				t.Fatalf("node: %v\n%s", err, out)
			}
			t.Logf("%s", out)
			if !passed.Match(out) || skipped.Match(out) {
				t.Errorf("no test of %s passed, or some were skipped: this shows nothing", row.file)
			}
		})
	}
}

var (
	passed  = regexp.MustCompile(`(?m)^# pass [1-9]`)
	skipped = regexp.MustCompile(`(?m)^# (skipped|todo|cancelled) [1-9]`)
)
