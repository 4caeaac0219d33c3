package hub_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"portcullis/internal/hub"
	"portcullis/internal/limit"
)

// An attacker speaks on very many channels faster than this machine delivers. Each may hold 2 MiB: what all of them hold is bounded too, and its publishers wait; another tenant's do not, and nothing is lost.
func TestAnAttackerSpeaksOnVeryManyChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		e := &ear{hold: make(chan struct{})}
		bob, alice := h.enter(t, "acme", "bob", e), h.enter(t, "acme", "alice", &ear{})
		const rooms, each, size = 100, 8, 64 << 10
		for i := range rooms {
			must(t, bob.Subscribe(t.Context(), fmt.Sprint("room:", i), hub.Start{}, ignore))
		}
		data := []byte(`"` + strings.Repeat("x", size) + `"`)
		var sent atomic.Int64
		go func() {
			for i := range rooms * each {
				if fault := say(alice, fmt.Sprint("room:", i%rooms), data); fault != nil {
					t.Error(fault)
				}
				sent.Add(1)
			}
		}()
		synctest.Wait()
		if held := sent.Load() * size; held < 30<<20 || held > 40<<20 {
			t.Errorf("%d MiB were taken while nothing could be delivered, want about 32", held>>20)
		}
		must(t, say(h.enter(t, "globex", "eve", &ear{}), "room:1", data))
		close(e.hold)
		synctest.Wait()
		if e.count != rooms*each {
			t.Errorf("%d messages arrived, want %d", e.count, rooms*each)
		}
	})
}
