package presence

import (
	"sync"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// Seat is one connection's membership of one channel, for as long as it is subscribed, and how this node has the engine know of it.
type Seat struct {
	// Set by Enter, then read-only.
	ref              channel.Ref
	user, connection string

	// Guarded by the mu of leases.
	info   string
	gone   bool      // it is to be removed
	queued bool      // it is among the changes
	known  bool      // the engine was told, or may have been
	due    time.Time // of the renewal that counts
}

// leases are what this node's members are to the engine: changes that it does not know yet, and when the rest is renewed. They are as long as the node's members and those who left a short while ago:
// subscriptions, which are bounded. Renewals go first, because what is not renewed is lost, and each tenant's changes wait behind its own alone: an engine may be slower than one tenant's clients.
type leases struct {
	wake chan struct{} // there is a change

	// Guarded by mu.
	mu       sync.Mutex
	lines    map[tenant.ID]*line
	turns    []*line   // those lines, the next first
	renewals []renewal // the first is the next
}

// line is the changes of one tenant, in their order.
type line struct{ changes []*Seat }

type renewal struct {
	seat *Seat
	due  time.Time
}

func newLeases() leases {
	return leases{wake: make(chan struct{}, 1), lines: make(map[tenant.ID]*line)}
}

// want has the engine told of a member.
func (a *leases) want(s *Seat) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue(s)
}

// inform has the engine told of a member's new info.
func (a *leases) inform(s *Seat, info string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.info = info
	a.queue(s)
}

// drop has the engine forget a member.
func (a *leases) drop(s *Seat) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.gone = true
	a.queue(s)
}

// queue puts a change behind all others of its tenant. The caller holds mu.
func (a *leases) queue(s *Seat) {
	if s.queued {
		return
	}
	s.queued = true
	l := a.line(s.ref.Tenant)
	l.changes = append(l.changes, s)
	signal(a.wake)
}

// line returns a tenant's, which has its turn behind all others where it is new. The caller holds mu.
func (a *leases) line(of tenant.ID) *line {
	l := a.lines[of]
	if l == nil {
		l = new(line)
		a.lines[of] = l
		a.turns = append(a.turns, l)
	}
	return l
}

// next returns what the engine must be told now, and takes it off the list. Without any there is nothing to do before wait is over.
func (a *leases) next(now time.Time) (s *Seat, e entry, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, wait = a.due(now)
	for s == nil && len(a.turns) > 0 {
		if s = a.change(); s.gone && !s.known {
			s = nil // it came and left before the engine heard of it
		}
	}
	if s == nil {
		return nil, entry{}, wait
	}
	return s, entry{s.user, s.info, s.gone}, 0
}

// due returns the first that is to be renewed, or how long nobody is. The caller holds mu.
func (a *leases) due(now time.Time) (s *Seat, wait time.Duration) {
	for len(a.renewals) > 0 {
		r := a.renewals[0]
		if r.due.After(now) {
			return nil, r.due.Sub(now)
		}
		a.renewals[0] = renewal{}
		if a.renewals = a.renewals[1:]; r.seat.due.Equal(r.due) && !r.seat.gone {
			return r.seat, 0
		}
	}
	a.renewals = nil
	return nil, forever
}

// change returns the first change of the tenant whose turn it is. The caller holds mu.
func (a *leases) change() *Seat {
	l := a.turns[0]
	a.turns[0] = nil
	a.turns = a.turns[1:]
	s := l.changes[0]
	l.changes[0] = nil
	if l.changes = l.changes[1:]; len(l.changes) > 0 {
		a.turns = append(a.turns, l)
	} else {
		delete(a.lines, s.ref.Tenant)
	}
	s.queued = false
	return s
}

// entry is what a seat is to the engine at one moment.
type entry struct {
	user, info string
	gone       bool
}

// told notes that the engine was told of s at now.
func (a *leases) told(s *Seat, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.known = true
	if s.gone {
		return
	}
	s.due = now.Add(Renew)
	a.renewals = append(a.renewals, renewal{s, s.due})
}

// failed puts s, of which nobody knows whether the engine was told, before all others of its tenant: of two seats of one connection on one channel the later one must be told last.
func (a *leases) failed(s *Seat) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.known = true
	if s.queued { // it changed meanwhile, and stands at its new place: nothing of its connection can be behind that
		return
	}
	s.queued = true
	l := a.line(s.ref.Tenant)
	l.changes = append([]*Seat{s}, l.changes...)
}
