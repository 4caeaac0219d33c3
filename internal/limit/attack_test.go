package limit_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/limit"
)

// Whoever makes room for a tenant may have to wait for a core. Meanwhile an attacker that goes on queueing waits, once it is clearly above the limit, and does not run away.
func TestAnAttackerDoesNotOutrunTheTenantsOwnLimit(t *testing.T) {
	const most, size = 160_000, 10_000
	tenant := limit.NewTenant(limit.Limits{Outbox: most})
	queue := func(evict func()) {
		p, _ := tenant.Enter("eve")
		p.Hold(size-reference, nil)
		p.OnEvict(nil, func(limit.Quota) {
			evict()
			p.Drop(size-reference, nil)
		})
		p.MakeRoom()
	}
	var held int
	var others sync.WaitGroup
	first := sync.OnceFunc(func() { // room is being made, and takes its time
		for range 4 {
			others.Go(func() {
				for range 100 {
					queue(func() {})
				}
			})
		}
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); runtime.Gosched() {
			held = max(held, tenant.Queued())
		}
	})
	for range most/size + 1 {
		queue(first)
	}
	others.Wait()
	if want := most + most/16 + 5*size; held > want || tenant.Queued() > most {
		t.Errorf("%d bytes waited while room was made, and %d do at the end; want at most %d and %d", held, tenant.Queued(), want, most)
	}
}

// What is booked for a tenant covers what it holds, also where it queues at the moment at which the node's account is settled.
func TestWhatIsQueuedWhileTheAccountIsSettledIsBooked(t *testing.T) {
	node := limit.NewOutboxes(64 << 20)
	var tenants []*limit.Tenant
	var all []*limit.Place
	for range 16 { // each of them meets the settling at a moment of its own
		tenant := node.Tenant(limit.Limits{})
		p, _ := tenant.Enter("eve")
		p.Hold(1, nil)
		tenants, all = append(tenants, tenant), append(all, p)
	}
	var round, settled atomic.Int64
	var settler sync.WaitGroup
	defer settler.Wait()
	defer round.Store(-1)
	settler.Go(func() {
		for last := int64(0); last >= 0; last = round.Load() {
			if last > settled.Load() {
				node.Held()
				settled.Store(last)
			} else {
				runtime.Gosched()
			}
		}
	})
	i := int64(0)
	for end := time.Now().Add(2 * time.Second); i%256 != 0 || time.Now().Before(end); i++ {
		round.Store(i + 1)
		for _, p := range all {
			p.Hold(100, nil)
		}
		for settled.Load() <= i {
			runtime.Gosched()
		}
		held := 0
		for _, tenant := range tenants {
			held += tenant.Queued()
		}
		if booked := node.Booked(); booked < int64(held) {
			t.Fatalf("round %d: %d bytes are booked, and %d wait", i, booked, held)
		}
		for _, p := range all {
			p.Drop(100, nil)
		}
	}
}
