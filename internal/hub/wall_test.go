package hub_test

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/limit"
)

// The ok to a subscription is written to its client, which may take a while. Whoever waits for it is in the same room: no channel of another tenant, on whatever
// shard, waits.
func TestASlowJoinHoldsUpNoOtherTenant(t *testing.T) {
	h := open(t, limit.Limits{})
	slow, release := make(chan struct{}), make(chan struct{})
	var acme sync.WaitGroup
	defer acme.Wait()
	defer close(release)
	first := h.enter(t, "acme", "ana", new(ear))
	acme.Go(func() {
		_ = first.Subscribe(context.Background(), "room:slow", hub.Start{}, func(hub.Begun) { close(slow); <-release })
	})
	<-slow
	for _, user := range []string{"bob", "carol"} { // they wait behind ana
		m := h.enter(t, "acme", user, new(ear))
		acme.Go(func() { _ = m.Subscribe(context.Background(), "room:slow", hub.Start{}, ignore) })
	}
	time.Sleep(10 * time.Millisecond) // so that they do
	m := h.enter(t, "globex", "dave", new(ear))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 { // of 64 shards none is left out
			name := fmt.Sprintf("room:%d", i)
			if fault := cmp.Or(m.Subscribe(context.Background(), name, hub.Start{}, ignore), say(m, name, []byte("x")), m.Unsubscribe(name)); fault != nil {
				t.Error(fault)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the other tenant waits for a client of acme")
	}
}
