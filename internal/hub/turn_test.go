package hub_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// busy hears as a socket does: it takes some microseconds of the core.
type busy struct {
	ear
	takes time.Duration
	heard *atomic.Int64
}

func (b *busy) Deliver(*wire.Parcel, wire.Lane) hub.Outcome {
	for begin := time.Now(); time.Since(begin) < b.takes; {
	}
	b.heard.Add(1)
	return hub.Taken
}

// busyRoom has n subscribers of a tenant's channel, who count what they hear.
func (h *house) busyRoom(t *testing.T, tenant, channel string, n int, takes time.Duration, heard *atomic.Int64) {
	t.Helper()
	for i := range n {
		e := &busy{takes: takes, heard: heard}
		e.dialect = h.dialect
		place, _ := h.tenants[tenant].Account.Enter("bob")
		m := h.Join(h.tenants[tenant], principal(h, tenant, "bob"), place, fmt.Sprint("c_", channel, i), e)
		must(t, m.Subscribe(t.Context(), channel, hub.Start{}, ignore))
	}
}

// acme has 100 channels that all have something to say, to 200 subscribers each, and more than the cores can deliver. globex's one message waits for a small part of that: how much is counted
// in deliveries of acme's, which does not depend on the machine.
func TestATenantThatHasMuchToSayWaitsInItsOwnLine(t *testing.T) {
	const rooms, subscribers = 100, 200
	h := open(t, limit.Limits{})
	var heard atomic.Int64
	for i := range rooms {
		h.busyRoom(t, "acme", fmt.Sprint("room:", i), subscribers, 10*time.Microsecond, &heard)
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

// A delivery stands back for others when it has lasted for a while, but for a tenant that was silent: that one has credit.
func TestWhoWasSilentDoesNotStandBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		r := h.tenants["globex"].Account.Rota()
		steps := []struct {
			name   string
			silent time.Duration
			took   time.Duration
			kept   int
			want   bool
		}{
			{"it has just begun", 0, hub.Stretch - 1, 0, false},
			{"it speaks all the time", 0, hub.Stretch, 0, true},
			{"it was silent", time.Second, hub.Stretch, 0, false},
			{"it was silent, and has spent half of that", 0, 3 * hub.Stretch, 0, false},
			{"it was silent, and has spent it", 0, 3 * hub.Stretch, 0, true},
			{"it was silent, but many of its own wait for their turn", time.Second, hub.Stretch, hub.Stride, true},
		}
		r.Take()
		for _, s := range steps {
			if s.silent > 0 {
				r.Give()
				time.Sleep(s.silent)
				r.Take()
			}
			if got := h.StandsBack(r, s.took, s.kept); got != s.want {
				t.Errorf("%s: stood back: %v, want %v", s.name, got, s.want)
			}
		}
		r.Give()
	})
}

// What the kernel takes of large messages is time too: a delivery of them looks at the clock sooner.
func TestLargeMessagesLookAtTheClockSooner(t *testing.T) {
	for bytes, want := range map[int]int{0: hub.Stride, 1: hub.Stride, 1 << 10: hub.Stride, 8 << 10: 4, 32 << 10: 1, 1 << 20: 1} {
		if got := hub.LooksAfter(bytes); got != want {
			t.Errorf("a delivery of %d bytes looks after %d subscribers, want %d", bytes, got, want)
		}
	}
}
