package limit

import "sync/atomic"

// Counts are what happened to one tenant on this node since it was configured. They only grow. They are the tenant's own: whoever counts has them in hand, and looks
// nothing up by a name.
type Counts struct {
	Requests      atomic.Uint64 // of its clients, within their limits
	RequestBytes  atomic.Uint64
	Deliveries    atomic.Uint64 // messages, once for each subscriber
	DeliveryBytes atomic.Uint64
	arrivals      atomic.Uint64 // clients that were let in

	Denied [8]atomic.Uint64 // what the rules said no to, by the action's number

	over [quotas]atomic.Uint64
}

// Over is how often a limit was met.
func (c *Counts) Over(q Quota) uint64 { return c.over[q].Load() }

// Counts returns what happened to the tenant.
func (t *Tenant) Counts() *Counts { return &t.counts }

// Counts returns what happened to the tenant of the place.
func (p *Place) Counts() *Counts { return &p.tenant.counts }

// over counts a limit that was met.
func (t *Tenant) over(q Quota, o Over) Over {
	o.Quota = q
	t.counts.over[q].Add(1)
	return o
}
