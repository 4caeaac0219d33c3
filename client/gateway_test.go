package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// gateway is the least that a gateway does, for the examples: it believes everybody to be ana of acme.
type gateway struct {
	URL    string
	server *httptest.Server

	clients sync.WaitGroup
	drain   chan struct{}
}

func startGateway() *gateway {
	g := &gateway{drain: make(chan struct{})}
	g.server = httptest.NewServer(g)
	g.URL = "ws" + strings.TrimPrefix(g.server.URL, "http")
	return g
}

func (g *gateway) Token(context.Context) (string, error) { return "t0ken", nil }

// Close says goodbye to everybody.
func (g *gateway) Close() {
	close(g.drain)
	g.clients.Wait()
	g.server.Close()
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"portcullis.v1.json"}})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	g.clients.Go(func() {
		<-g.drain
		ws.Close(4000, `{"code":"draining","retry_ms":500}`)
	})
	say := func(frame string) { ws.Write(r.Context(), websocket.MessageText, []byte(frame)) }
	say(hello)
	subscribed := make(map[string]bool)
	for {
		_, text, err := ws.Read(r.Context())
		if err != nil {
			return
		}
		var a asked
		switch err := json.Unmarshal(text, &a); {
		case err != nil:
			say(`{"type":"error","code":"bad_request","message":"no JSON"}`)
		case strings.HasPrefix(a.Channel, "ops:"):
			say(fmt.Sprintf(`{"type":"error","id":%d,"channel":%q,"code":"forbidden","message":"%s on %s is not allowed"}`, a.ID, a.Channel, a.Type, a.Channel))
		case a.Type == "echo":
			say(fmt.Sprintf(`{"type":"ok","id":%d,"channel":%q,"data":%s}`, a.ID, a.Channel, a.Data))
		default:
			say(fmt.Sprintf(`{"type":"ok","id":%d,"channel":%q}`, a.ID, a.Channel))
			subscribed[a.Channel] = subscribed[a.Channel] || a.Type == "subscribe"
		}
		if a.Type == "publish" && subscribed[a.Channel] {
			say(fmt.Sprintf(`{"type":"message","channel":%q,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":%s}`, a.Channel, a.Data))
		}
	}
}
