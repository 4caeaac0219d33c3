package hub_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// packer keeps what it is given, and for whom.
type packer struct {
	ear
	mu      sync.Mutex
	parcels []wire.Parcel
	lane    wire.Lane
}

func (p *packer) Deliver(parcel *wire.Parcel, lane wire.Lane) hub.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parcels, p.lane = append(p.parcels, *parcel), lane
	return hub.Kept
}

// setting lets a channel keep a history, and have a way with slow readers.
func setting(t *testing.T, way channel.SlowReader) *channel.Settings {
	t.Helper()
	pattern, err := channel.ParsePattern("room:*")
	if err != nil {
		t.Fatal(err)
	}
	return channel.NewSettings([]channel.Matched{{Pattern: pattern, Setting: channel.Setting{History: channel.History{Messages: 100, Age: time.Hour}, SlowReader: way}}})
}

// Whoever queues a batch knows which messages it has, where the last begins, and what its channel does with slow readers: as the tenant has it now.
func TestAParcelSaysWhatItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		h.tenants["acme"].Channels = setting(t, channel.DropOldest)
		alice := h.enter(t, "acme", "alice", new(ear))
		first, _ := alice.Publish(t.Context(), "room:1", hub.Publication{Data: []byte("0")})
		bob := new(packer)
		bob.dialect = h.dialect
		place, _ := h.tenants["acme"].Account.Enter("bob")
		m := h.Join(h.tenants["acme"], principal(h, "acme", "bob"), place, "c_bob", bob)
		since := message.Position{Offset: first.Position.Offset, Epoch: first.Position.Epoch}
		var at []message.Position
		for i := range 3 {
			r, fault := alice.Publish(t.Context(), "room:1", hub.Publication{Data: fmt.Append(nil, i)})
			must(t, fault)
			at = append(at, r.Position)
		}
		must(t, m.Subscribe(context.Background(), "room:1", hub.Start{Since: &since}, ignore)) // three are replayed
		for i := range 2 {
			r, fault := alice.Publish(t.Context(), "room:1", hub.Publication{Data: fmt.Append(nil, i)})
			must(t, fault)
			at = append(at, r.Position)
		}
		synctest.Wait()
		heard := 0
		for i := range bob.parcels {
			p := &bob.parcels[i]
			if p.First != at[heard] || p.Last != at[heard+p.Messages-1] || heard > 0 && p.Previous != at[heard-1].Offset || strings.Count(string(p.Frames[p.Tail:]), "\n") != 1 || p.Stays {
				t.Errorf("parcel %d of %d messages: got %+v behind %d of %v", i, p.Messages, p, heard, at)
			}
			heard += p.Messages
		}
		if heard != len(at) {
			t.Errorf("%d messages came, want %d", heard, len(at))
		}
		if got := bob.lane.Slow(); got != channel.DropOldest {
			t.Errorf("the channel would %v, want drop_oldest", got)
		}
		changed := *h.tenants["acme"]
		changed.Channels = setting(t, channel.Conflate)
		if loss := m.Renew(nil, func(tenant.ID) *realm.Tenant { return &changed }); loss != nil {
			t.Errorf("got %v, want that nothing is lost", loss)
		}
		if got := bob.lane.Slow(); got != channel.Conflate {
			t.Errorf("after a change the channel would %v, want conflate", got)
		}
		bob.lane.Dropped(3, false)
		bob.lane.Dropped(2, true)
		if got := h.tenants["acme"].Account.Counts().Read().Dropped; got != 5 {
			t.Errorf("the tenant lost %d messages, want 5", got)
		}
		if got := string(bob.lane.AppendGap(nil, &wire.Gap{Reason: wire.Slow})); got != "gap" {
			t.Errorf("the gap is %q, want that of the subscriber's dialect", got)
		}
	})
}

// A subscription that a service chose has the way of its channel too, and does not take it from those who are there.
func TestAChosenSubscriptionHasTheWayOfItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		h.tenants["acme"].Channels = setting(t, channel.DropOldest)
		var ears [2]*packer
		for i := range ears {
			ears[i] = new(packer)
			ears[i].dialect = h.dialect
			place, _ := h.tenants["acme"].Account.Enter("bob")
			m := h.Join(h.tenants["acme"], principal(h, "acme", "bob"), place, fmt.Sprint("c_", i), ears[i])
			must(t, m.Greet(t.Context(), func([]wire.Subscription) {}))
			if i == 0 {
				must(t, m.Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
			} else {
				must(t, m.Give(t.Context(), channel.MustParse("room:1"), func([]wire.Subscription) {}))
			}
		}
		must(t, say(h.enter(t, "acme", "alice", new(ear)), "room:1", []byte("1")))
		synctest.Wait()
		for i, e := range ears {
			if got := e.lane.Slow(); got != channel.DropOldest {
				t.Errorf("subscriber %d: the channel would %v, want drop_oldest", i, got)
			}
		}
	})
}
