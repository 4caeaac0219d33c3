package presence

import (
	"context"
	"sync"
	"time"

	"portcullis/internal/channel"
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
	due    time.Time // of the renewal that counts
}

// leases are what this node's members are to the engine: changes that it does not know yet, and when the rest is renewed. They are as long as the node's members and those who left a short while ago:
// subscriptions, which are bounded.
type leases struct {
	wake chan struct{} // there is a change

	// Guarded by mu.
	mu       sync.Mutex
	changes  []*Seat
	renewals []renewal // the first is the next
}

type renewal struct {
	seat *Seat
	due  time.Time
}

func newLeases() leases { return leases{wake: make(chan struct{}, 1)} }

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

// queue puts a change behind all others. The caller holds mu.
func (a *leases) queue(s *Seat) {
	if s.queued {
		return
	}
	s.queued = true
	a.changes = append(a.changes, s)
	signal(a.wake)
}

// next returns what the engine must be told now, and takes it off the list. Without any there is nothing to do before wait is over.
func (a *leases) next(now time.Time) (s *Seat, e entry, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.changes) > 0 {
		s = a.changes[0]
		a.changes[0] = nil
		a.changes = a.changes[1:]
		s.queued = false
		return s, s.entry(), 0
	}
	a.changes = nil
	for len(a.renewals) > 0 {
		r := a.renewals[0]
		if r.due.After(now) {
			return nil, entry{}, r.due.Sub(now)
		}
		a.renewals[0] = renewal{}
		if a.renewals = a.renewals[1:]; r.seat.due.Equal(r.due) && !r.seat.gone {
			return r.seat, r.seat.entry(), 0
		}
	}
	a.renewals = nil
	return nil, entry{}, forever
}

// entry is what a seat is to the engine at one moment.
type entry struct {
	user, info string
	gone       bool
}

func (s *Seat) entry() entry { return entry{s.user, s.info, s.gone} }

// told notes that the engine was told of s at now.
func (a *leases) told(s *Seat, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.gone {
		return
	}
	s.due = now.Add(Renew)
	a.renewals = append(a.renewals, renewal{s, s.due})
}

// failed puts s, of which the engine was not told, before all others: of two seats of one connection on one channel the later one must be told last.
func (a *leases) failed(s *Seat) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.queued { // it changed meanwhile, and stands at its new place: nothing of its connection can be behind that
		return
	}
	s.queued = true
	a.changes = append([]*Seat{s}, a.changes...)
}

const (
	// retry is how long an engine that did not take a change is left alone.
	retry = time.Second
	// farewell is how long what has left at the end of a node is still told to the engine.
	farewell = time.Second
	forever  = time.Hour
)

// keep tells the engine of this node's members, one after the other, until ctx ends and everybody who left is told of.
func (p *Presence) keep(ctx context.Context) {
	repeat(ctx, p.leases.wake, func() time.Duration { return p.leases.work(ctx, p.store) })
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	p.leases.work(last, p.store)
}

// work tells the engine all that is to be told now, and returns when there may be more.
func (a *leases) work(ctx context.Context, s Store) time.Duration {
	for ctx.Err() == nil {
		l, e, wait := a.next(time.Now())
		if l == nil {
			return wait
		}
		if err := put(ctx, s, key(l.ref, l.connection), e); err != nil {
			a.failed(l)
			return retry
		}
		a.told(l, time.Now())
	}
	return 0
}

func put(ctx context.Context, s Store, key string, e entry) error {
	if e.gone {
		return s.Put(ctx, key, nil, -1)
	}
	return s.Put(ctx, key, write(e.user, e.info), Lease)
}

// repeat calls f when it asked to be called, and when there is a signal, until ctx ends.
func repeat(ctx context.Context, wake <-chan struct{}, f func() time.Duration) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
		timer.Reset(f())
	}
}

// signal leaves one word in c, where there is none yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
