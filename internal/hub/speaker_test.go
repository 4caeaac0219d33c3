package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// Nobody tells a speaker that its right has ended: where a channel has too much to say, it does not wait with what it had.
func TestASpeakerDoesNotWaitWithOldRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		e := &ear{hold: make(chan struct{})}
		must(t, h.enter(t, "acme", "bob", e).Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
		speaker := h.Speaker(h.tenants["acme"], &auth.Principal{Tenant: h.tenants["acme"].ID, User: "svc"})
		if _, fault := speaker.Publish(t.Context(), "room:1", hub.Publication{Data: []byte("1")}); fault != nil {
			t.Fatal(fault)
		}
		alice := h.enter(t, "acme", "alice", &ear{})
		go func() {
			for range 10_000 {
				if fault := say(alice, "room:1", []byte("1")); fault != nil {
					t.Error(fault)
				}
			}
		}()
		synctest.Wait()
		began := time.Now()
		_, fault := speaker.Publish(t.Context(), "room:1", hub.Publication{Data: []byte("2")})
		if took := time.Since(began); fault == nil || fault.Code != wire.Unavailable || took != 500*time.Millisecond {
			t.Errorf("got %v after %v, want unavailable after 500ms", fault, took)
		}
		close(e.hold)
		synctest.Wait()
		if e.count != 10_001 {
			t.Errorf("%d messages arrived, want 10001", e.count)
		}
	})
}
