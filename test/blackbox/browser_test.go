package blackbox_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pageSteps are what test/interop/page.mjs does, in this order.
var pageSteps = []string{
	"a ticket", "who it is", "a refused mint is read", "a refused handshake is not", "a ticket twice", "a ticket fifty times at once", "another site", "another tenant's page", "what no page may use",
}

// A page asks for a ticket, reads why it gets none, and connects with one: by node's fetch and WebSocket, over TLS, with the rules of CORS.
func TestAPageThatConnectsWithATicket(t *testing.T) {
	t.Parallel()
	node := []string{"node", "--no-warnings", "--experimental-websocket"} // from 22 on it is there without being asked for
	if out, err := within(t, patience, node[0], append(node[1:], "-e", "new WebSocket('ws://127.0.0.1:9').onerror = () => process.exit(0)")...).CombinedOutput(); err != nil {
		missing(t, "node with a WebSocket of its own is not installed: install node.js 20.10 or newer: "+err.Error()+"\n"+string(out))
	}
	g := start(t, options{tls: true})
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, house.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	given, err := json.Marshal(map[string]any{
		"http": "https://" + g.address, "ws": "wss://" + g.address, "origin": acme.origin, "other_origin": globex.origin, "tenant": "acme", "user": "ana",
		"token": acme.token("ana"), "expired": acme.token("ana", claims{"exp": now() - 5}), "forged": forged(),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := within(t, 4*patience, node[0], append(node[1:], filepath.Join(interop, "page.mjs"))...)
	client.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authority)
	client.Stdin = strings.NewReader(string(given))
	var complaints strings.Builder
	client.Stderr = &complaints
	out, err := client.Output()
	if err != nil {
		t.Errorf("the page: %v\n%s", err, complaints.String())
	}
	var done []string
	for line := range strings.Lines(string(out)) {
		if step, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
			done = append(done, step)
		} else {
			t.Error(line)
		}
	}
	if !slices.Equal(done, pageSteps) {
		t.Errorf("it did %q, want %q", done, pageSteps)
	}
	g.logged(t, entry{"event": "authn_token_reuse", "reason": "ticket_stolen", "origin": "https://evil.example"})
}
