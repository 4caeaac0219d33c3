package realm

import (
	"sync/atomic"

	"portcullis/internal/acl"
)

// Counts are what a tenant's rules, candidate and door said no to on this node since it was configured. They only grow. Like the account they outlive a change of the
// tenant, and are its own: whoever counts has them in hand, and no other tenant's lie in the same line of a cache.
type Counts struct {
	_ [64]byte

	denied    [acl.Manage + 1]atomic.Uint64 // by the action
	disagreed [2]atomic.Uint64              // by the place in Changes
	handshake [3]atomic.Uint64              // by the place in Outcomes

	_ [64]byte
}

// Outcome is what became of a handshake whose tenant is known: it was accepted, or refused by whose fault. The set is closed: it is a metric label.
type Outcome uint8

// The outcomes.
const (
	LetIn Outcome = iota
	ClientsFault
	ServersFault
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{LetIn, ClientsFault, ServersFault}

// Denied counts a question that the rules answered with no. nil counts nothing: it is that of a tenant that nobody has configured.
func (c *Counts) Denied(a acl.Action) {
	if c != nil && int(a) < len(c.denied) {
		c.denied[a].Add(1)
	}
}

// Handshake counts one that was answered.
func (c *Counts) Handshake(o Outcome) { c.handshake[o].Add(1) }

// Arrivals is how many handshakes were answered.
func (c *Counts) Arrivals() (n uint64) {
	for i := range c.handshake {
		n += c.handshake[i].Load()
	}
	return n
}

func (c *Counts) disagree(change Change) {
	if change == WouldAllow {
		c.disagreed[0].Add(1)
	} else {
		c.disagreed[1].Add(1)
	}
}

// Counted is what stood in [Counts] at one time.
type Counted struct {
	Denied     [acl.Manage + 1]uint64
	Disagreed  [2]uint64 // as Changes
	Handshakes [3]uint64 // as Outcomes
}

// Read returns what was counted until now.
func (c *Counts) Read() (r Counted) {
	for i := range c.denied {
		r.Denied[i] = c.denied[i].Load()
	}
	for i := range c.disagreed {
		r.Disagreed[i] = c.disagreed[i].Load()
	}
	for i := range c.handshake {
		r.Handshakes[i] = c.handshake[i].Load()
	}
	return r
}
