package blackbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// goodbye is what a close frame's reason says.
type goodbye struct {
	Code    string `json:"code"`
	RetryMS int    `json:"retry_ms"`
}

func (c *conn) toldToLeave() goodbye {
	c.t.Helper()
	code, reason := c.ended()
	var g goodbye
	if err := json.Unmarshal([]byte(reason), &g); err != nil || code != 4000 || g.Code != "draining" || len(reason) > 123 {
		c.t.Errorf("got %d %s, %v, want 4000 draining", code, reason, err)
	}
	return g
}

// notReady wants readiness to say no on both listeners, and liveness still yes.
func (g *gateway) notReady(t *testing.T) {
	t.Helper()
	if status, body, err := g.ask("/readyz"); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: got %d %s, %v, want 503", status, body, err)
	}
	if status, _, err := g.ask("/livez"); err != nil || status != http.StatusOK {
		t.Errorf("/livez: got %d, %v, want 200: whoever is not alive is killed", status, err)
	}
	if a := g.tell(t, g.connect(t), g.get("/healthz")); a.status != http.StatusServiceUnavailable {
		t.Errorf("/healthz: got %d, want 503", a.status)
	}
}

func TestSIGTERM(t *testing.T) {
	t.Parallel()
	const delay = 3 * time.Second
	g := start(t, options{drain: "delay: 3s\ngrace: 20s"})
	var clients []*conn
	for range 8 {
		clients = append(clients, g.dial(t, acme.token("ana", roles("prober"))))
	}
	clients = append(clients, g.dial(t, acme.token("ana", roles("prober")), mirror))
	quiet := g.dial(t, acme.token("bob")) // does not answer its goodbye at once
	began := time.Now()
	g.signal(t, syscall.SIGTERM)

	// At once nobody sends new clients any more. Those who come all the same are served, and those who are in stay.
	g.logged(t, entry{"event": "node.draining"})
	g.notReady(t)
	clients = append(clients, g.dial(t, acme.token("late")))
	clients[0].does(`{"type":"echo","id":1,"channel":"lab:rtt","data":1}`)

	// Then everybody hears when to come back, each at its own time.
	seen := make(map[int]bool)
	for _, c := range clients {
		bye := c.toldToLeave()
		if bye.RetryMS < 100 || bye.RetryMS > 60_000 {
			t.Errorf("got retry_ms %d, want a moment", bye.RetryMS)
		}
		seen[bye.RetryMS] = true
	}
	if len(seen) < len(clients)/2 {
		t.Errorf("%d clients were told %d different times: they come back together", len(clients), len(seen))
	}
	if waited := time.Since(began); waited < delay {
		t.Errorf("the clients were sent away after %v, want the delay of %v first", waited, delay)
	}
	g.refuses(t, unavailable("draining"), func() *answer { return g.handshake(t, bearer(acme.token("later"))) })
	g.notReady(t)
	quiet.toldToLeave()
	if code := g.wait(t, 5*time.Second); code != 0 {
		t.Errorf("it ended with %d, want 0", code)
	}
	if e := g.logged(t, entry{"event": "node.drained"}); !e.has(entry{"asked": len(clients) + 1, "cut": 0}) {
		t.Errorf("got %v, want %d asked and none cut", e, len(clients)+1)
	}
	if got := strings.Count(g.text(), `"event":"connection.closed"`); got != len(clients)+1 {
		t.Errorf("the log has %d lines of connections, want one for each of %d", got, len(clients)+1)
	}
}

// A client that never answers its goodbye does not keep the process alive beyond its grace.
func TestSIGTERMWithAClientThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	g := start(t, options{drain: "delay: 0s\ngrace: 15s"})
	g.dial(t, acme.token("ana"))
	began := time.Now()
	g.signal(t, syscall.SIGTERM)
	if code := g.wait(t, 16*time.Second); code != 0 {
		t.Errorf("it ended with %d, want 0", code)
	}
	t.Logf("it ended after %v", time.Since(began))
}

// Nobody waits for balancers when there is nobody to send away, or when a person waits at the keyboard.
func TestAnEndWithoutADelay(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		name    string
		signal  syscall.Signal
		clients int
	}{
		{"SIGINT with clients", syscall.SIGINT, 2},
		{"SIGINT without", syscall.SIGINT, 0},
		{"SIGTERM without clients", syscall.SIGTERM, 0},
	} {
		t.Run(end.name, func(t *testing.T) {
			g := start(t, options{drain: "delay: 40s\ngrace: 60s"})
			var clients []*conn
			for range end.clients {
				clients = append(clients, g.dial(t, acme.token("ana")))
			}
			g.signal(t, end.signal)
			for _, c := range clients {
				c.toldToLeave()
			}
			if code := g.wait(t, 10*time.Second); code != 0 {
				t.Errorf("it ended with %d, want 0", code)
			}
		})
	}
}

// One wide line tells of a connection, at its end, and nothing that was said on it.
func TestTheLineOfAConnection(t *testing.T) {
	g := plain(t)
	c := g.dial(t, acme.tokenOf(acme.partner, "ana", roles("member")))
	c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":%q}`, secret("nothing for the log"))
	c.does(`{"type":"subscribe","id":2,"channel":"room:line"}`)
	c.does(`{"type":"publish","id":3,"channel":"room:line","data":%q}`, secret("nothing for the log either"))
	c.hear()
	if err := c.put(frame{fin: true, opcode: opClose, payload: []byte("\x03\xe8" + secret("a reason of the client's"))}); err != nil {
		t.Fatal(err)
	}
	line := g.logged(t, entry{"event": "connection.closed", "connection": c.welcome["connection"]})
	if want := (entry{
		"level": "INFO", "tenant": "acme", "user": "partner|ana", "method": "bearer", "protocol": dialectEntry, "remote": c.LocalAddr().String(),
		"initiator": "client", "reason": "client_normal", "code": 1000, "requests": 3, "delivered": 1,
	}); !line.has(want) {
		t.Errorf("got %v, want %v", line, want)
	}
	if got := strings.Count(g.text(), c.welcome["connection"].(string)); got != 1 {
		t.Errorf("%d lines tell of the connection, want 1", got)
	}
}

// A connection ends with the token that opened it, plus the leeway of clocks, and says that a new one is needed.
func TestATokenThatEndsWhileItsConnectionLives(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	end := time.Unix(now()+2, 0)
	short := claims{"exp": end.Unix()}
	lasting := g.dial(t, acme.token("bob"))
	clients := []*conn{
		g.dial(t, acme.token("ana", short)), g.dial(t, acme.tokenOf(acme.partner, "ana", short)),
		g.dial(t, acme.token("ana", short, roles("prober")), mirror),
	}
	if got := clients[0].welcome["expires"]; got != float64(end.Add(time.Second).UnixMilli()) {
		t.Errorf("the welcome says %v, want the token's end and a second of leeway, %d", got, end.Add(time.Second).UnixMilli())
	}
	for _, c := range clients {
		if code, reason := c.ended(); code != 4200 || reason != `{"code":"credential_expired"}` {
			t.Errorf("got %d %s, want 4200 credential_expired", code, reason)
		}
		if now := time.Now(); now.Before(end.Add(900*time.Millisecond)) || now.After(end.Add(4*time.Second)) {
			t.Errorf("it ended at %v, want a second behind %v", now, end)
		}
	}
	g.until(t, 3, "portcullis_connections_closed_total", "initiator", "server", "reason", "credential_expired")
	g.until(t, 3, "portcullis_close_frames_sent_total", "code", "4200")
	lasting.does(`{"type":"ping","id":1}`)
}
