package tenants_test

import (
	"testing"
	"time"

	"portcullis/internal/limit"
)

// What waits for all tenants' slow readers is told of before it is too much, with the tenant that holds most, and again when somebody was closed for it.
func TestTheNodesOutboxesAreToldOf(t *testing.T) {
	watched(t, func(t *testing.T, w *world) {
		acme, globex := w.come("acme", limit.Limits{}), w.come("globex", limit.Limits{})
		modest, _ := globex.Account.Enter("bob")
		modest.Hold(100_000-64, nil)
		modest.OnEvict(nil, func(limit.Quota) { t.Error("the tenant that holds less had to pay") })
		hold := func(size int) {
			p, _ := acme.Account.Enter("eve")
			p.Hold(size-64, nil)
			p.OnEvict(nil, func(limit.Quota) { p.Drop(size-64, nil) })
			p.MakeRoom()
			w.wait(time.Second)
		}
		hold(600_000)
		w.said(t)
		hold(150_000)
		w.said(t, "node.limit_near acme outbox_per_node 850000/1000000 0")
		hold(10_000)
		w.said(t)
		if want := "860000 of 1000000"; w.waits != want {
			t.Errorf("got %s, want %s", w.waits, want)
		}
		hold(200_000)
		w.said(t, "node.limit_reached acme outbox_per_node 460000/1000000 1")
		if n := w.met[limit.OutboxPerNode]; n != 1 {
			t.Errorf("the limit was met %d times, want once", n)
		}
		if all := w.scrape(t); all["acme"]["limit_refusals_total outbox_per_node"] != 1 || all["globex"]["limit_refusals_total outbox_per_node"] != 0 {
			t.Error("it is not acme alone that paid")
		}
	})
}
