package hub_test

import (
	"context"
	"slices"
	"testing"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
)

// A backend, a policy and the client itself end the same subscription at the same moment. One of them does, the client has one notice or one ok of it, and whoever follows hears of one end,
// with the reason of whoever it was. Nothing is left behind, and the member may subscribe again.
func TestABackendAPolicyAndTheClientEndTheSameSubscription(t *testing.T) {
	h := open(t, limit.Limits{})
	var d diary
	h.Follow(&d)
	m := h.enter(t, "acme", "bob", &ear{})
	every, none := h.only(t, "room:1"), h.only(t, "none")
	room := channel.MustParse("room:1")
	won := map[hub.Ending]int{}
	for range 5000 {
		told(m.Renew(nil, every))
		must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		d.read()
		var byBackend, byPolicy []string
		var byClient bool
		race(
			func() { byBackend = told(m.Take(room)) },
			func() { byPolicy = told(m.Renew(nil, none)) },
			func() { byClient = m.Unsubscribe("room:1") == nil },
		)
		var ended []hub.Ending
		for range byBackend {
			ended = append(ended, hub.ByBackend)
		}
		for range byPolicy {
			ended = append(ended, hub.ByPolicy)
		}
		if byClient {
			ended = append(ended, hub.ByClient)
		}
		if len(ended) != 1 {
			t.Fatalf("it was ended by %v, want one of them", ended)
		}
		if got, want := d.read(), []string{"acme room:1 vacated", "acme/bob c_bob unsubscribed room:1: " + string(ended[0])}; !slices.Equal(got, want) {
			t.Fatalf("the follower heard %q, want %q", got, want)
		}
		if left, n := m.Channels(), h.watcher.subscriptions.Load(); len(left) != 0 || n != 0 || h.Rooms() != 0 {
			t.Fatalf("%v is left, with %d subscriptions and %d rooms", left, n, h.Rooms())
		}
		won[ended[0]]++
	}
	if len(won) != 3 {
		t.Errorf("only %v ever ended one: it was no race", won)
	}
	t.Log(won)
}
