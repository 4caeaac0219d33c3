package limit

import "sync/atomic"

// line is a cache line, on all machines that a gateway runs on.
const line = 64

// Counts are what happened to one tenant on this node since it was configured. They only grow. They are the tenant's own: whoever counts has them in hand, and
// looks nothing up by a name; and no other tenant's counts, nor what is only read, lie in the same line of a cache.
type Counts struct {
	_ [line]byte

	received, receivedBytes atomic.Uint64
	sent, sentBytes         atomic.Uint64
	slow, dropped           atomic.Uint64
	refused                 [quotas]atomic.Uint64

	_ [line]byte
}

// Sent counts messages that were written or queued for clients of the tenant, with so many bytes together.
func (c *Counts) Sent(messages, bytes int) {
	c.sent.Add(uint64(messages))
	c.sentBytes.Add(uint64(bytes))
}

// Slow counts a client that was lost because it did not read as fast as its channels spoke.
func (c *Counts) Slow() { c.slow.Add(1) }

// Dropped counts messages that a client was told it does not get, because it did not read as fast as their channel spoke.
func (c *Counts) Dropped(messages int) { c.dropped.Add(uint64(messages)) }

// Messages is how many there were, of clients and to them.
func (c *Counts) Messages() uint64 { return c.received.Load() + c.sent.Load() }

// receive counts one message of a client, whether it is within the limits or not.
func (c *Counts) receive(bytes int) {
	c.received.Add(1)
	c.receivedBytes.Add(uint64(bytes))
}

// refuse counts something that o's limit did not allow.
func (c *Counts) refuse(o Over) Over {
	c.refused[o.Quota].Add(1)
	return o
}

// Counts returns what happens to the tenant.
func (t *Tenant) Counts() *Counts { return &t.counts }

// Counts returns what happens to the tenant of the place.
func (p *Place) Counts() *Counts { return &p.tenant.counts }

// Counted is what stood in [Counts] at one time.
type Counted struct {
	Received, ReceivedBytes uint64 // messages of clients
	Sent, SentBytes         uint64 // messages to clients: answers, and what channels said once for each subscriber
	Slow                    uint64
	Dropped                 uint64         // messages, for clients that were too slow for them
	Refused                 [quotas]uint64 // by the Quota's number
}

// Read returns what was counted until now. Numbers that belong together may differ by what is being counted meanwhile.
func (c *Counts) Read() (r Counted) {
	r.Received, r.ReceivedBytes = c.received.Load(), c.receivedBytes.Load()
	r.Sent, r.SentBytes = c.sent.Load(), c.sentBytes.Load()
	r.Slow, r.Dropped = c.slow.Load(), c.dropped.Load()
	for q := range c.refused {
		r.Refused[q] = c.refused[q].Load()
	}
	return r
}
