package hub_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/limit"
)

// busy hears as a socket does: it takes some microseconds of the core.
type busy struct {
	ear
	heard *atomic.Int64
}

func (b *busy) Deliver([]byte, int, *limit.Shared) hub.Outcome {
	for begin := time.Now(); time.Since(begin) < 10*time.Microsecond; {
	}
	b.heard.Add(1)
	return hub.Taken
}

// acme has 100 channels that all have something to say, to 200 subscribers each, and more than the cores can deliver. globex's one message waits for a small part of that: how much is counted
// in deliveries of acme's, which does not depend on the machine.
func TestATenantThatHasMuchToSayWaitsInItsOwnLine(t *testing.T) {
	const rooms, subscribers = 100, 200
	h := open(t, limit.Limits{})
	var heard atomic.Int64
	for i := range rooms {
		for n := range subscribers {
			e := &busy{heard: &heard}
			e.dialect = h.dialect
			place, _ := h.tenants["acme"].Account.Enter("bob")
			m := h.Join(h.tenants["acme"], principal(h, "acme", "bob"), place, fmt.Sprint("c_", i, n), e)
			must(t, m.Subscribe(t.Context(), fmt.Sprint("room:", i), hub.Start{}, ignore))
		}
	}
	stop := make(chan struct{})
	var storm sync.WaitGroup
	for range 4 {
		mallory := h.enter(t, "acme", "mallory", new(ear))
		storm.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					if fault := say(mallory, fmt.Sprint("room:", i%rooms), []byte("x")); fault != nil {
						t.Error(fault)
					}
					if i%rooms == rooms-1 {
						time.Sleep(10 * time.Millisecond)
					}
				}
			}
		})
	}
	ana := h.enter(t, "globex", "ana", new(ear))
	told := make(chan int64, 1)
	must(t, h.enter(t, "globex", "dave", &ear{tell: func() { told <- heard.Load() }}).Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
	for heard.Load() < rooms*subscribers { // until all of acme's channels speak
		time.Sleep(time.Millisecond)
	}
	var before []int64
	for range 25 {
		from := heard.Load()
		runtime.Gosched() // as whoever has just read it from the network: behind all who are ready
		must(t, say(ana, "room:1", []byte("x")))
		before = append(before, <-told-from)
		time.Sleep(5 * time.Millisecond)
	}
	close(stop)
	storm.Wait()
	slices.Sort(before)
	t.Logf("deliveries of acme's in front of one message of globex's: %v", before)
	if got := before[len(before)/2]; got > 2*subscribers {
		t.Errorf("globex's message waited for %d deliveries of acme's, want no more than a few of a hundred channels' %d each", got, subscribers)
	}
}
