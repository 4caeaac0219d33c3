package channels_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
)

// silent is an engine that never says what it stores.
type silent struct{ broker.Broker }

func (silent) Since(ctx context.Context, _ channel.Ref, _ message.Position, _ int) ([]message.Message, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

func (silent) Purge(ctx context.Context, _ channel.Ref) (message.Position, error) {
	<-ctx.Done()
	return message.Position{}, ctx.Err()
}

func (silent) Heads(ctx context.Context, _ []channel.Ref) ([]message.Position, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Whoever waits for an engine that says nothing is answered so, while the listener still lets somebody answer: it cuts what takes ten seconds.
func TestAnEngineThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, `
    channels: [{match: "room:*", history: {messages: 10}}]
    rules: [{name: all, allow: [history], channels: ["**"]}, {name: ana manages, allow: [manage], for: {users: [ana]}}]
`, func(_ *counter, engine broker.Broker) broker.Broker { return silent{engine} })
		for path, method := range map[string]string{"/v1/channels/room:1/messages?limit=1": http.MethodGet, "/v1/channels/room:1/messages": http.MethodDelete, "/v1/channels/room:1": http.MethodGet} {
			began := time.Now()
			w := k.answer(k.request(method, path, ""))
			if took := time.Since(began); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"unavailable"`) || w.Header().Get("Retry-After") == "" || took < time.Second || took > 9*time.Second {
				t.Errorf("%s %s: got %d %s, Retry-After %q, after %v; want 503 before ten seconds", method, path, w.Code, w.Body, w.Header().Get("Retry-After"), took)
			}
		}
	})
}
