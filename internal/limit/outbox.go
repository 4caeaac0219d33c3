package limit

import "sync/atomic"

// The outboxes of a tenant are what this node holds in memory for those of its clients that read too slowly. What many refer to is there once and counts once; each that
// refers to it counts for what a reference costs.
//
// When a tenant's outboxes hold more than they may, those clients lose for which most bytes wait, one after the other until it is enough: messages that their channels drop for slow readers, else the connection.
// Whoever queues at that moment sees to it, and what is being queued meanwhile may be above the limit: one batch for each channel that speaks. What all tenants' outboxes hold is bounded too, see [Outboxes].

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
		p.tenant.count(int64(reference + size))
		return
	}
	p.tenant.count(reference)
	if shared.holders.Add(1) == 1 {
		shared.account.count(int64(shared.size))
	}
}

// Drop gives back what Hold counted, once.
func (p *Place) Drop(size int, shared *Shared) {
	p.waiting.Add(-int64(size))
	if shared == nil {
		p.tenant.count(-int64(reference + size))
		return
	}
	p.tenant.count(-reference)
	if shared.holders.Add(-1) == 0 {
		shared.account.count(-int64(shared.size))
	}
}

// OnEvict sets what makes room in the connection's outbox. shed, nil for nothing, drops what waits and may be dropped; evict ends the connection because of a limit that is over, and must give up what waits before
// it returns; it is called once. Neither may wait for anything.
func (p *Place) OnEvict(shed func(), evict func(over Quota)) {
	p.tenant.mu.Lock()
	defer p.tenant.mu.Unlock()
	p.shed, p.evict = shed, evict
}

// Queued is how many bytes the outboxes of the tenant hold.
func (t *Tenant) Queued() int { return int(t.queued.Load()) }

func (t *Tenant) crowded() bool {
	most := t.terms.Load().limits.Outbox
	return most != Unlimited && t.queued.Load() > int64(most)
}

// MakeRoom lets slow readers of the tenant lose while its outboxes hold more than they may, and then those of whoever has to pay for the node. It is called after Hold, without any lock that an OnEvict may need.
func (p *Place) MakeRoom() {
	t := p.tenant
	if t.crowded() {
		t.makeRoom()
	}
	if t.node != nil && t.node.crowded() {
		t.node.makeRoom(t)
	}
}

// runsAway reports whether the outboxes hold so much more than they may that whoever queues has to wait for room.
func (t *Tenant) runsAway() bool {
	most := int64(t.terms.Load().limits.Outbox)
	return t.queued.Load() > most+most/spare
}

func (t *Tenant) makeRoom() {
	if !t.evicting.TryLock() {
		if !t.runsAway() {
			return // somebody is at it, and looks again
		}
		t.evicting.Lock() // who may have no core for it
	}
	defer t.evicting.Unlock()
	for paid := true; paid && t.crowded(); { // others come in meanwhile, and are not among those who were looked at
		paid = false
		for s := t.slowest(); t.crowded() && s.yield(Outbox); {
			paid = true
		}
	}
}
