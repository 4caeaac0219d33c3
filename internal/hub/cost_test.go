package hub_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

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

// What the manual says of limits.subscriptions and limits.channels is true: how much of the heap an idle subscription takes, and an idle channel without history, with its one subscription.
// Twice of what was measured is allowed. Names are as long as those that clients use: 30 bytes.
func TestWhatASubscriptionAndAChannelCost(t *testing.T) {
	const many = 100_000
	for _, tt := range []struct {
		name     string
		each     int // subscriptions of a member
		channels int
		spoken   bool
		most     int64
	}{
		{"a subscription of a member with one", 1, 10, false, 160},
		{"a subscription of a member with 10", 10, 250, false, 180},
		{"a subscription of a member with 25: they are in a map", 25, 250, false, 310},
		{"a channel", 10, many, false, 1200},
		{"a channel that has spoken", 10, many, true, 1200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, limit.Limits{})
			members := make([]*hub.Member, many/tt.each)
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
			each := (heap() - before) / many
			t.Logf("%d bytes", each)
			if each > tt.most {
				t.Errorf("it costs %d bytes, want at most %d", each, tt.most)
			}
			runtime.KeepAlive(members)
		})
	}
}
