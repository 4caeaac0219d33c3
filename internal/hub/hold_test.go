package hub_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// packed is an ear whose flush goroutine never gets a core.
type packed struct {
	ear
	given   atomic.Int64
	awaited atomic.Int64 // how long it let dispatchers wait, in nanoseconds
}

func (p *packed) Deliver(parcel *wire.Parcel, lane wire.Lane) hub.Outcome {
	p.ear.Deliver(parcel, lane)
	p.given.Store(int64(p.count))
	return hub.Crowded
}

func (p *packed) Await(until time.Time) {
	from := time.Now()
	time.Sleep(time.Until(until))
	p.awaited.Add(int64(time.Since(from)))
}

// A channel waits after a batch for the flush goroutines of its subscribers, for a quarter of a second at most: its publishers pay for it. Others, of the same tenant too, and whoever leaves, do not.
func TestAChannelWaitsForItsFlushGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		alice := h.enter(t, "acme", "alice", new(ear))
		rooms := 2 * runtime.GOMAXPROCS(0) // all turns would be taken
		full := make([]*packed, rooms)
		var last *hub.Member
		for i := range full {
			full[i] = new(packed)
			full[i].dialect = h.dialect
			place, _ := h.tenants["acme"].Account.Enter("bob")
			last = h.Join(h.tenants["acme"], principal(h, "acme", "bob"), place, fmt.Sprint("c_", i), full[i])
			must(t, last.Subscribe(t.Context(), fmt.Sprint("room:", i), hub.Start{}, ignore))
		}
		var other, foreign ear
		must(t, h.enter(t, "acme", "carol", &other).Subscribe(t.Context(), "room:other", hub.Start{}, ignore))
		must(t, h.enter(t, "globex", "dave", &foreign).Subscribe(t.Context(), "room:0", hub.Start{}, ignore))
		begun := time.Now()
		for i := range full {
			must(t, say(alice, fmt.Sprint("room:", i), []byte("1")))
		}
		synctest.Wait()
		must(t, say(alice, "room:other", []byte("1")))
		must(t, say(h.enter(t, "globex", "eve", new(ear)), "room:0", []byte("1")))
		must(t, last.Unsubscribe(fmt.Sprint("room:", rooms-1)))
		synctest.Wait()
		if other.count != 1 || foreign.count != 1 || time.Since(begun) != 0 {
			t.Errorf("another channel heard %d messages and another tenant's %d after %v, want both at once", other.count, foreign.count, time.Since(begun))
		}
		for range 3 {
			must(t, say(alice, "room:0", []byte("2")))
		}
		synctest.Wait()
		if got := full[0].given.Load(); got != 1 {
			t.Errorf("the crowded one was given %d messages, want no more than the one", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if given, awaited := full[0].given.Load(), time.Duration(full[0].awaited.Load()); given != 4 || awaited != 500*time.Millisecond {
			t.Errorf("it was given %d messages and waited for %v, want 4 in two batches and 250ms for each", given, awaited)
		}
	})
}
