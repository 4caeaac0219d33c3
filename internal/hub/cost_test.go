package hub_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
)

// heap is what is in use of it, once everything was collected that can be.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools hold
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// keeping lets the rooms of acme keep so many messages.
func (h *house) keeping(t *testing.T, messages int) {
	t.Helper()
	rooms, err := channel.ParsePattern("room:**")
	if err != nil {
		t.Fatal(err)
	}
	history := channel.History{Messages: messages, Age: time.Minute}
	h.tenants["acme"].Channels = channel.NewSettings([]channel.Matched{{Pattern: rooms, Setting: channel.Setting{History: history}}})
}

// What the manual says of limits.subscriptions and limits.channels is true: how much of the heap an idle subscription takes, and an idle channel, with its one subscription.
// Twice of what was measured is allowed. Names are as long as those that clients use: 30 bytes.
func TestWhatASubscriptionAndAChannelCost(t *testing.T) {
	const many, few = 100_000, 20_000
	for _, tt := range []struct {
		name     string
		each     int // subscriptions of a member
		channels int
		spoken   bool
		keeps    int // messages of a channel
		most     int64
	}{
		{"a subscription of a member with one", 1, 10, false, 0, 160},
		{"a subscription of a member with 10", 10, 250, false, 0, 180},
		{"a subscription of a member with 25: they are in a map", 25, 250, false, 0, 310},
		{"a channel", 10, many, false, 0, 1200},
		{"a channel that has spoken", 10, many, true, 0, 1200},
		{"a channel with history that nobody spoke on", 10, few, false, 100, 1200},
		{"a channel with history that has spoken, with the message", 10, few, true, 100, 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, limit.Limits{})
			h.keeping(t, tt.keeps)
			subscriptions := many
			if tt.keeps > 0 {
				subscriptions = few
			}
			members := make([]*hub.Member, subscriptions/tt.each)
			var heard atomic.Int64
			nobody := &deaf{h.dialect, &heard}
			place, _ := h.tenants["acme"].Account.Enter("ana")
			for i := range members {
				members[i] = h.Join(h.tenants["acme"], principal(h, "acme", "ana"), place, "c_1", nobody)
			}
			before := heap()
			for i, m := range members {
				for k := range tt.each {
					name := fmt.Sprintf("room:company:department:%06d", (i*tt.each+k)%tt.channels)
					must(t, m.Subscribe(context.Background(), name, hub.Start{}, ignore))
					if tt.spoken {
						must(t, say(m, name, []byte(`"hello"`)))
						for int(heard.Load()) <= i*tt.each+k { // one at a time: the runtime keeps what many goroutines took
							runtime.Gosched()
						}
					}
				}
			}
			each := (heap() - before) / int64(subscriptions)
			t.Logf("%d bytes", each)
			if each > tt.most {
				t.Errorf("it costs %d bytes, want at most %d", each, tt.most)
			}
			runtime.KeepAlive(members)
		})
	}
}

// Names that somebody was subscribed to and spoke on leave nothing behind, however many there were: neither with history, once it is old, nor without.
func TestChannelsThatWereLeftCostNothing(t *testing.T) {
	names := 50_000
	if os.Getenv("PORTCULLIS_LONG") != "" && !raced {
		names = 1_000_000
	}
	for _, keeps := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, limit.Limits{})
			h.keeping(t, keeps)
			m := h.enter(t, "acme", "ana", &ear{read: func([]byte) {}})
			before := heap()
			for i := range names {
				name := fmt.Sprint("room:", i)
				must(t, m.Subscribe(context.Background(), name, hub.Start{}, ignore))
				must(t, say(m, name, []byte("1")))
				must(t, m.Unsubscribe(name))
			}
			m.Leave()
			time.Sleep(4 * time.Minute)
			synctest.Wait()
			if grown := heap() - before; grown > 12<<20 || h.Rooms() != 0 {
				t.Errorf("of %d channels that keep %d, %d rooms and %d bytes are left", names, keeps, h.Rooms(), grown)
			}
		})
	}
}
