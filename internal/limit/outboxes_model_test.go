package limit_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"portcullis/internal/limit"
)

// parcel is bytes of which the model knows that many may refer to them.
type parcel struct {
	size   int
	shared *limit.Shared
}

// waiter is a client of the model.
type waiter struct {
	place  *limit.Place
	of     *customer
	queued []parcel
}

func (w *waiter) hold(p parcel) {
	w.queued = append(w.queued, p)
	w.place.Hold(p.size, p.shared)
}

func (w *waiter) drop(n int) {
	for _, p := range w.queued[:n] {
		w.place.Drop(p.size, p.shared)
	}
	w.queued = w.queued[n:]
}

func (w *waiter) waits() (n int) {
	for _, p := range w.queued {
		n += p.size
	}
	return n
}

// customer is a tenant of the model.
type customer struct {
	account *limit.Tenant
	clients []*waiter
}

// holds counts naively: each reference, and once what is referred to.
func (c *customer) holds() (n int) {
	seen := make(map[*limit.Shared]bool)
	for _, w := range c.clients {
		for _, p := range w.queued {
			n += reference
			if p.shared == nil || !seen[p.shared] {
				n += p.size
			}
			seen[p.shared] = true
		}
	}
	return n
}

// At random everybody queues, reads and comes anew. All outboxes together never hold more than they may but for what is being queued, whoever pays holds most and more than an equal share and pays by its slowest, and
// at the end nothing is counted any more.
func TestOutboxesOfANodeAgreeWithAModel(t *testing.T) {
	const most, batch = 1 << 20, 64 << 10
	for seed := range uint64(30) {
		dice := rand.New(rand.NewPCG(seed, 0))
		node := limit.NewOutboxes(most)
		var all []*customer
		share, paid := 0, 0
		sum := func() (n, holders int) {
			for _, c := range all {
				held := c.holds()
				if got := c.account.Queued(); got != held {
					t.Fatalf("seed %d: a tenant holds %d, want %d", seed, got, held)
				}
				if n += held; held > 0 {
					holders++
				}
			}
			return n, holders
		}
		come := func(c *customer) {
			p, _ := c.account.Enter("eve")
			w := &waiter{place: p, of: c}
			c.clients = append(c.clients, w)
			var evicted func(limit.Quota)
			evicted = func(limit.Quota) {
				paid++
				if held := c.holds(); held <= share {
					t.Errorf("seed %d: a tenant paid that holds %d, which is no more than its share of %d", seed, held, share)
				}
				for _, other := range all {
					if other.holds() > c.holds() {
						t.Errorf("seed %d: a tenant paid that holds %d, and another holds %d", seed, c.holds(), other.holds())
					}
				}
				for _, other := range c.clients {
					if other.waits() > w.waits() {
						t.Errorf("seed %d: a client paid for which %d wait, and for another %d do", seed, w.waits(), other.waits())
					}
				}
				w.drop(len(w.queued))
				p.OnEvict(nil, evicted) // another one comes
			}
			p.OnEvict(nil, evicted)
		}
		for range 2 + dice.IntN(6) {
			c := &customer{account: node.Tenant(limit.Limits{})}
			all = append(all, c)
			for range 1 + dice.IntN(8) {
				come(c)
			}
		}
		for range 3000 {
			c := all[dice.IntN(len(all))]
			w := c.clients[dice.IntN(len(c.clients))]
			switch dice.IntN(8) {
			case 0:
				w.drop(dice.IntN(len(w.queued) + 1))
			case 1, 2: // to several of them
				p := parcel{dice.IntN(batch), new(limit.Shared)}
				p.shared.Of(c.account, p.size)
				for _, w := range c.clients {
					if dice.IntN(2) == 0 {
						w.hold(p)
						n, holders := sum()
						if share = most * 15 / 16 / max(1, holders); n > most+batch+reference {
							t.Fatalf("seed %d: %d bytes, want at most %d and a batch", seed, n, most)
						}
						w.place.MakeRoom()
					}
				}
			default:
				w.hold(parcel{size: dice.IntN(batch)})
				_, holders := sum()
				share = most * 15 / 16 / max(1, holders)
				w.place.MakeRoom()
			}
			if n, _ := sum(); n > most {
				t.Fatalf("seed %d: %d bytes, want at most %d", seed, n, most)
			}
		}
		if paid == 0 {
			t.Errorf("seed %d: nobody paid: nothing was tried", seed)
		}
		for _, c := range all {
			for _, w := range c.clients {
				w.drop(len(w.queued))
			}
		}
		if n := node.Held(); n != 0 || node.Booked() != 0 || node.Listed() != 0 {
			t.Errorf("seed %d: at the end %d are held, %d booked, %d tenants listed; want none", seed, n, node.Booked(), node.Listed())
		}
	}
}

// eater is a client of whom several goroutines know.
type eater struct {
	place *limit.Place

	// Guarded by mu.
	mu   sync.Mutex
	held []int
	over bool
}

func (e *eater) hold(size int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.over {
		e.held = append(e.held, size)
		e.place.Hold(size, nil)
	}
}

func (e *eater) drop(all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.held)
	if !all {
		n = min(n, 1)
	}
	for _, size := range e.held[:n] {
		e.place.Drop(size, nil)
	}
	e.held, e.over = e.held[n:], e.over || all
}

// Tenants of which three take what they get, and one holds next to nothing, queue at once, and come and go: it never pays, no count is lost, and what is too much is paid for.
func TestOutboxesOfANodeAtOnce(t *testing.T) {
	const most, batch, rounds = 1 << 20, 16 << 10, 20_000
	node := limit.NewOutboxes(most)
	var all sync.WaitGroup
	ended := make([]int, 4)
	var counting sync.Mutex
	for i := range ended {
		tenant := node.Tenant(limit.Limits{})
		come := func() *eater {
			p, _ := tenant.Enter(fmt.Sprint(i))
			e := &eater{place: p}
			p.OnEvict(nil, func(limit.Quota) {
				counting.Lock()
				ended[i]++
				counting.Unlock()
				e.drop(true)
			})
			return e
		}
		for range 2 { // goroutines of one tenant
			all.Go(func() {
				dice := rand.New(rand.NewPCG(uint64(i), 1))
				e, modest := come(), i == 0
				for n := range rounds {
					if modest || n%256 == 0 { // it reads
						e.drop(!modest)
					}
					if !modest && n%256 == 0 {
						e.place.Leave()
						e = come()
					}
					e.hold(dice.IntN(batch))
					e.place.MakeRoom()
					if n%1000 == 0 {
						node.Held()
					}
				}
				e.place.MakeRoom()
				if held := node.Held(); held > 2*most+8*batch { // one alone may have all, and loses it as others come, who may then have a half, a third and a fourth
					t.Errorf("%d bytes are held at the end, want at most %d and what is being queued", held, 2*most)
				}
				e.drop(true)
				e.place.Leave()
			})
		}
	}
	all.Wait()
	if ended[0] > 0 || ended[1]+ended[2]+ended[3] == 0 {
		t.Errorf("ended: %v, want none of the first and some of the others", ended)
	}
	if n := node.Held(); n != 0 || node.Booked() != 0 || node.Listed() != 0 {
		t.Errorf("at the end %d are held, %d booked, %d tenants listed; want none", n, node.Booked(), node.Listed())
	}
}
