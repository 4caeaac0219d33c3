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

// slow is an engine that takes a while for each message, and tells of it.
type slow struct {
	broker.Broker
	tell func()
}

func (s slow) Publish(ctx context.Context, m message.Message, k broker.Keep) (broker.Receipt, error) {
	s.tell()
	time.Sleep(300 * time.Millisecond)
	return s.Broker.Publish(ctx, m, k)
}

func (s slow) Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	s.tell()
	time.Sleep(time.Second)
	return s.Broker.Since(ctx, ref, from, limit)
}

// Whose credential is revoked while the engine reads for them gets no page.
func TestAPageOfSomebodyWhoIsRevokedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revokes := false
		k := open(t, `
    channels: [{match: "**", history: {messages: 10}}]
    rules: [{name: all, allow: [history], channels: ["**"]}]
`, func(k *counter, engine broker.Broker) broker.Broker {
			return slow{engine, func() {
				if revokes {
					k.revoke(t, "ana")
				}
			}}
		})
		r := func() *http.Request { return k.request(http.MethodGet, "/v1/channels/a/messages", "") }
		if w := k.answer(r()); w.Code != http.StatusOK {
			t.Errorf("at first: got %d %s, want 200", w.Code, w.Body)
		}
		last := r()
		revokes = true
		time.Sleep(time.Second) // the token is older than the revocation
		if w := k.answer(last); w.Code != http.StatusUnauthorized {
			t.Errorf("got %d %s, want 401", w.Code, w.Body)
		}
	})
}

// Whose credential is revoked while their batch is said says no more of it.
func TestABatchOfSomebodyWhoIsRevokedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := 0
		k := open(t, `    rules: [{name: all, allow: [publish], channels: ["**"]}]`, func(k *counter, engine broker.Broker) broker.Broker {
			return slow{engine, func() {
				if said++; said == 1 {
					k.revoke(t, "ana")
				}
			}}
		})
		r := k.request(http.MethodPost, "/v1/messages/batch", `{"messages":[`+strings.TrimSuffix(strings.Repeat(`{"channel":"a","data":1},`, 9), ",")+`]}`)
		time.Sleep(time.Second) // the token is older than the revocation
		w := k.answer(r)
		if n := strings.Count(w.Body.String(), `{"channel":"a"}`); w.Code != http.StatusOK || said != 2 || n != 2 || strings.Count(w.Body.String(), `"unauthorized"`) != 7 {
			t.Errorf("got %d %s; %d were said, want 2 within half a second, and 7 refused", w.Code, w.Body, said)
		}
	})
}
