package client_test

import (
	"context"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client"
)

// Wherever the client is, nothing of it moves any more when Close returns: not a moment later.
func TestCloseLeavesNoGoroutineBehind(t *testing.T) {
	forever := func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	one := func(h http.HandlerFunc) func(*testing.T) []http.HandlerFunc {
		return func(*testing.T) []http.HandlerFunc { return []http.HandlerFunc{h} }
	}
	for _, c := range []struct {
		name   string
		plays  func(*testing.T) []http.HandlerFunc
		change func(*client.Config)
		wants  client.Phase
	}{
		{"while a token is asked for", one(hangs), func(o *client.Config) { o.Token = forever }, client.Connecting},
		{"while it dials", one(hangs), func(o *client.Config) {
			o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		}, client.Connecting},
		{"while the handshake has no answer", one(hangs), nil, client.Connecting},
		{"while there is no welcome", func(t *testing.T) []http.HandlerFunc {
			return []http.HandlerFunc{plays(t, func(p *peer) { p.hear() })}
		}, nil, client.Connecting},
		{"while it waits", one(refuses(503, "3600")), nil, client.Waiting},
		{"while a token is replaced", func(t *testing.T) []http.HandlerFunc {
			return []http.HandlerFunc{greets(t, func(p *peer) {
				p.say(`{"type":"expiring","in_ms":60000}`)
				p.serve()
			})}
		}, func(o *client.Config) { o.Renew = forever }, client.Connected},
		{"while nothing is answered", func(t *testing.T) []http.HandlerFunc {
			return []http.HandlerFunc{greets(t, func(p *peer) { p.hear(); p.hear(); p.hear() })}
		}, nil, client.Connected},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, c.plays, c.change, func(t *testing.T, k *client.Client, _ *script) {
				ended := make(chan struct{}, 2)
				go func() { k.Subscribe(t.Context(), "room:1", client.FeedOptions{}); ended <- struct{}{} }()
				go func() { k.Publish(t.Context(), "room:1", 1); ended <- struct{}{} }()
				time.Sleep(time.Second)
				if got := k.State().Phase; got != c.wants {
					t.Errorf("the client is %s, want %s: this shows nothing", got, c.wants)
				}
				k.Close()
				<-ended
				<-ended
				synctest.Wait() // the last statement of a goroutine may still be going on
				if left := moving(); left != "" {
					t.Errorf("this was left behind:\n%s", left)
				}
			})
		})
	}
}

// moving returns a goroutine in which something of the package runs.
func moving() string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	for one := range strings.SplitSeq(string(all), "\n\n") {
		if strings.Contains(one, "portcullis/client.(") {
			return one
		}
	}
	return ""
}
