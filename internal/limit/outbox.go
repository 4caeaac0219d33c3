package limit

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// The outboxes of a tenant are what this node holds in memory for those of its clients that read too slowly. What many refer to is there once and counts once; each that
// refers to it counts for what a reference costs.
//
// When a tenant's outboxes hold more than they may, those clients lose for which most bytes wait, one after the other until it is enough. Whoever queues at that
// moment sees to it, and what is being queued meanwhile may be above the limit: one batch for each channel that speaks.

// reference is what an entry of an outbox costs beside its bytes.
const reference = 64

// Shared is bytes to which several outboxes of one tenant may refer.
type Shared struct {
	// Set by Of, before anybody holds them.
	account *Tenant
	size    int

	holders atomic.Int32
}

// Of says whose they are and how many.
func (s *Shared) Of(t *Tenant, size int) { s.account, s.size = t, size }

// Hold counts size bytes that wait for the client; shared is nil for bytes of its own.
func (p *Place) Hold(size int, shared *Shared) {
	p.waiting.Add(int64(size))
	if shared == nil {
		p.tenant.queued.Add(int64(reference + size))
		return
	}
	p.tenant.queued.Add(reference)
	if shared.holders.Add(1) == 1 {
		shared.account.queued.Add(int64(shared.size))
	}
}

// Drop gives back what Hold counted, once.
func (p *Place) Drop(size int, shared *Shared) {
	p.waiting.Add(-int64(size))
	if shared == nil {
		p.tenant.queued.Add(-int64(reference + size))
		return
	}
	p.tenant.queued.Add(-reference)
	if shared.holders.Add(-1) == 0 {
		shared.account.queued.Add(-int64(shared.size))
	}
}

// OnEvict sets what ends the connection when its outbox has to go. It must give up what waits before it returns, and wait for nothing.
func (p *Place) OnEvict(f func()) {
	p.tenant.mu.Lock()
	defer p.tenant.mu.Unlock()
	p.evict = f
}

// Queued is how many bytes the outboxes of the tenant hold.
func (t *Tenant) Queued() int { return int(t.queued.Load()) }

func (t *Tenant) crowded() bool {
	most := t.terms.Load().limits.Outbox
	return most != Unlimited && t.queued.Load() > int64(most)
}

// MakeRoom ends readers of the tenant while their outboxes hold more than they may. It is called after Hold, without any lock that an OnEvict may need.
func (p *Place) MakeRoom() {
	if p.tenant.crowded() {
		p.tenant.makeRoom()
	}
}

func (t *Tenant) makeRoom() {
	if !t.evicting.TryLock() {
		return // somebody is at it, and looks again after each
	}
	defer t.evicting.Unlock()
	for _, r := range t.readers() {
		if !t.crowded() {
			return
		}
		t.counts.refuse(Over{Quota: Outbox})
		r.evict()
	}
}

// reader is a client for which something waits.
type reader struct {
	waiting int64
	evict   func()
}

// readers returns those of the tenant, the slowest first.
func (t *Tenant) readers() (all []reader) {
	t.mu.Lock()
	for _, p := range t.places {
		if n := p.waiting.Load(); n > 0 && p.evict != nil {
			all = append(all, reader{n, p.evict})
		}
	}
	t.mu.Unlock()
	slices.SortFunc(all, func(a, b reader) int { return cmp.Compare(b.waiting, a.waiting) })
	return all
}
