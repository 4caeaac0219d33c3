package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"portcullis/client"
	"portcullis/internal/testnet"
)

const hello = `{"type":"welcome","connection":"c_1","tenant":"acme","user":"ana","segment":"ana","node":"n1","expires":1767225600000,"ping_ms":25000,` +
	`"limits":{"message_size":65536,"subscriptions_per_connection":100,"messages_per_second_per_connection":50}}`

// peer is the server's end of one connection. It plays what a test lets it, after the handshake.
type peer struct {
	t   *testing.T
	ws  *websocket.Conn
	ctx context.Context
}

// say sends frames as they stand.
func (p *peer) say(frames ...string) {
	for _, f := range frames {
		if err := p.ws.Write(p.ctx, websocket.MessageText, []byte(f)); err != nil {
			p.t.Errorf("the server cannot send %.80s: %v", f, err)
		}
	}
}

// asked is a request as the server read it.
type asked struct {
	Type    string
	ID      int64
	Channel string
	Data    json.RawMessage
	text    string
}

// hear returns the client's next request, and false when there will be none.
func (p *peer) hear() (a asked, ok bool) {
	kind, text, err := p.ws.Read(p.ctx)
	if err != nil {
		return a, false
	}
	if kind != websocket.MessageText {
		p.t.Errorf("the client sent %v %.200q", kind, text)
	}
	return parse(p.t, string(text)), true
}

func parse(t *testing.T, text string) (a asked) {
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Errorf("the client sent %.200q: %v", text, err)
	}
	a.text = text
	return a
}

// expect is hear for a request that must come.
func (p *peer) expect(kind, channel string) asked {
	a, _ := p.hear()
	if a.Type != kind || a.Channel != channel {
		p.t.Errorf("the client sent %.200q, want %s on %q", a.text, kind, channel)
	}
	return a
}

// serve answers every request with ok, and an echo with its data, until the client leaves.
func (p *peer) serve() {
	for a, ok := p.hear(); ok; a, ok = p.hear() {
		p.ok(a)
	}
}

func (p *peer) ok(a asked) {
	switch a.Type {
	case "ping":
		p.say(fmt.Sprintf(`{"type":"ok","id":%d,"time":%d}`, a.ID, time.Now().UnixMilli()))
	case "echo":
		p.say(fmt.Sprintf(`{"type":"ok","id":%d,"channel":%q,"data":%s}`, a.ID, a.Channel, a.Data))
	default:
		p.say(fmt.Sprintf(`{"type":"ok","id":%d,"channel":%q}`, a.ID, a.Channel))
	}
}

// refuse answers with an error that has these members too.
func (p *peer) refuse(a asked, members string) {
	p.say(fmt.Sprintf(`{"type":"error","id":%d,%s}`, a.ID, members))
}

// listen serves HTTP on a network in memory until the test ends.
func listen(t *testing.T, h http.Handler) *testnet.Listener {
	t.Helper()
	l := testnet.Listen()
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return l
}

// options reach a listener as if it were on this machine.
func options(l *testnet.Listener) client.Options {
	return client.Options{
		URL:         "ws://127.0.0.1",
		Token:       func(context.Context) (string, error) { return "t0ken", nil },
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
	}
}

// plays is a handler that accepts and lets play say what it wants.
func plays(t *testing.T, play func(p *peer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"portcullis.v1.json"}})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		ws.SetReadLimit(-1)
		defer ws.CloseNow()
		play(&peer{t, ws, r.Context()})
	}
}

// connect returns a connection to a server that says welcome and then plays.
func connect(t *testing.T, play func(p *peer)) *client.Conn {
	t.Helper()
	l := listen(t, plays(t, func(p *peer) {
		p.say(hello)
		play(p)
	}))
	c, err := client.Dial(t.Context(), options(l))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func wantErrorWith(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %v, want one with %q", err, part)
	}
}

func (p *peer) close(code int, reason string) { p.ws.Close(websocket.StatusCode(code), reason) }
