package client_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client"
)

// An echo changes nothing: where its answer was lost with the connection, the client asks the next one, and its caller notices nothing.
func TestAnEchoWhoseAnswerWasLostIsAskedForAgain(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.expect("echo", "lab:rtt")
				p.ws.CloseNow()
			}),
			greets(t, (*peer).serve),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		if got, err := c.Echo(t.Context(), "lab:rtt", "Hello, Secure World!"); err != nil || string(got) != `"Hello, Secure World!"` {
			t.Errorf("got %s, %v; want what was sent", got, err)
		}
		synctest.Wait()
		if got, err := c.Ping(t.Context()); err != nil || got.UnixMilli() != time.Now().UnixMilli() {
			t.Errorf("got %v, %v; want the gateway's time", got, err)
		}
		if _, err := c.Echo(t.Context(), "lab:rtt", func() {}); err == nil {
			t.Error("a function was sent, and has no JSON")
		}
	})
}
