package blackbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interop holds clients that use WebSocket libraries of other people.
const interop = root + "/test/interop"

// steps are what every client there does, in this order.
var steps = []string{
	"a token as bearer header", "a token as subprotocol", "refused handshakes", "echo", "publish and subscribe", "ping and pong", "the mirror",
	"closes by the gateway",
}

// missing skips a test whose program this machine does not have. In continuous integration everything is there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func TestNodeWS(t *testing.T) {
	t.Parallel()
	folder := installed(t, interop, "client.mjs")
	client := within(t, time.Minute, "node", "client.mjs")
	client.Dir = folder
	speaks(t, client)
}

func TestPythonWebsockets(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, whose packages apt installs; another one may come first in the path
	if out, err := within(t, time.Minute, python, "-c", "import websockets").CombinedOutput(); err != nil {
		missing(t, "python3-websockets is not installed: apt-get install python3-websockets\n"+string(out))
	}
	// No bytecode: a test writes nothing beside the sources.
	speaks(t, within(t, time.Minute, python, "-B", filepath.Join(interop, "client.py")))
}

// within is a command that is killed after limit.
func within(t *testing.T, limit time.Duration, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	return cmd
}

var drained = regexp.MustCompile(`^closed 4000 \{"code":"draining","retry_ms":[1-9][0-9]*\}$`)

// speaks runs a client against a gateway with TLS. When the client has done its steps it waits, and the gateway is told to end.
func speaks(t *testing.T, client *exec.Cmd) {
	t.Helper()
	g := start(t, options{tls: true})
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, house.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	given, err := json.Marshal(map[string]any{
		"url": "wss://" + g.address + "/v1/ws", "ca": authority,
		"tenant": "acme", "user": "ana", "message_size": 64 << 10,
		"token":   acme.token("ana", roles("member", "prober")),
		"other":   acme.token("bob", roles("member")),
		"expired": acme.token("ana", claims{"iat": now() - 7200, "exp": now() - 3600}),
	})
	if err != nil {
		t.Fatal(err)
	}
	client.Stdin = strings.NewReader(string(given))
	var complaints strings.Builder
	client.Stderr = &complaints
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	var done []string
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
		if step, ok := strings.CutPrefix(last, "ok "); ok {
			done = append(done, step)
		} else if last == "waiting" {
			g.signal(t, syscall.SIGTERM)
		} else if !drained.MatchString(last) {
			t.Error(last)
		}
	}
	if err := client.Wait(); err != nil {
		t.Errorf("the client: %v\n%s", err, complaints.String())
	}
	if !slices.Equal(done, steps) {
		t.Errorf("it did %q, want %q", done, steps)
	}
	if !drained.MatchString(last) {
		t.Errorf("its last line is %q, want close 4000 with a time to come back", last)
	}
	if !t.Failed() {
		if exit := g.wait(t, patience); exit != 0 {
			t.Errorf("the gateway ended with %d, want 0", exit)
		}
	}
}
