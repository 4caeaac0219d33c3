package blackbox_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// remembering is a gateway whose revocations outlive it, and whose backends may revoke.
var remembering = options{
	engine: "state_dir: state",
	acme:   tenantOptions{rules: `- { name: backends manage, allow: [manage], for: { roles: [backend] } }`},
}

// revoke asks the gateway to end something, as a backend of acme, and returns when that counts.
func (g *gateway) revoke(t *testing.T, what string) {
	t.Helper()
	a := g.tell(t, g.connect(t), g.revocation(acme.token("billing", roles("backend")), what))
	if a.status != http.StatusCreated {
		t.Fatalf("revoke %s: got %d %s, want 201", what, a.status, a.body)
	}
}

func (g *gateway) revocation(token, what string) string {
	return fmt.Sprintf("POST /v1/revocations HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		g.address, bearer(token), len(what), what)
}

// kill ends the gateway as a lack of memory or of power does, in the middle of whatever it does.
func (g *gateway) kill(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.ended
}

// begin starts a gateway that remembers what the last one in this folder did. Its test stops it, or kills it.
func begin(t *testing.T, folder string) *gateway {
	t.Helper()
	g := launch(t, folder, remembering)
	t.Cleanup(func() { g.cmd.Process.Kill() })
	return g
}

// Whoever was thrown out waits for the gateway to be started again, or starts it again himself.
func TestARevokedTokenAfterTheGatewayWasKilled(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	stolen := acme.token("mallory", claims{"jti": "stolen-1", "exp": now() + 7200})
	issuedBefore := acme.token("carol", claims{"iat": now() - 60, "exp": now() + 7200})
	g := begin(t, folder)
	live := g.dial(t, stolen)
	g.revoke(t, `{"kind":"token","value":"stolen-1"}`)
	g.revoke(t, `{"kind":"user","value":"carol"}`)
	if code, _ := live.ended(); code != 4201 {
		t.Errorf("the live connection ended with %d, want 4201", code)
	}
	for range 2 {
		g.kill(t)
		g = begin(t, folder)
		for _, token := range []string{stolen, issuedBefore} {
			g.refuses(t, unbelieved("revoked"), func() *answer { return g.handshake(t, bearer(token)) })
		}
		g.dial(t, acme.token("ana")).Close()
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
}

// Killed while it revokes, as fast as one backend can: whatever was answered counts afterwards.
func TestKilledWhileItRevokes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := begin(t, folder)
	backend, answered := acme.token("billing", roles("backend"), claims{"exp": now() + 600}), make(chan int, 10_000)
	go func() {
		defer close(answered)
		l, err := g.open()
		if err != nil {
			return
		}
		defer l.Close()
		for i := 0; ; i++ {
			a, err := l.request(g.revocation(backend, fmt.Sprintf(`{"kind":"token","value":"t-%d"}`, i)))
			if err != nil || a.status != http.StatusCreated {
				return
			}
			answered <- i
		}
	}()
	for end := time.Now().Add(patience); len(answered) < 100 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	g.kill(t)
	last := -1
	for i := range answered {
		last = i
	}
	if last < 50 {
		t.Fatalf("only %d revocations were answered", last+1)
	}
	g = begin(t, folder)
	for _, i := range []int{0, last / 2, last - 1, last} {
		token := acme.token("mallory", claims{"jti": fmt.Sprint("t-", i)})
		g.refuses(t, unbelieved("revoked"), func() *answer { return g.handshake(t, bearer(token)) })
	}
	g.dial(t, acme.token("mallory", claims{"jti": fmt.Sprint("t-", last+2)})).Close()
	if err := g.stop(); err != nil {
		t.Error(err)
	}
}

// A second gateway on the folder would not hear of what the first one revokes.
func TestASecondGatewayOnTheSameFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := begin(t, folder)
	second := spawn(t, folder, remembering, "serve", "--config", "portcullis.yaml")
	if code := second.wait(t, patience); code != 1 {
		t.Errorf("the second ended with %d, want 1: %s", code, second.text())
	}
	g.revoke(t, `{"kind":"token","value":"t-1"}`)
	if err := g.stop(); err != nil {
		t.Error(err)
	}
}
