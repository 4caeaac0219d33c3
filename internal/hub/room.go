package hub

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

const (
	// A batch joins at most about so much; what is more goes into the next.
	batchBytes    = 64 << 10
	batchMessages = 256

	// pendingMost and pendingBytes are how much a room holds before it lets its publishers wait. Nobody loses: a publisher that waits
	// reads nothing from its client, and TCP slows that down. Deliveries never wait for a client, so it is a wait for this machine.
	pendingMost  = 4096
	pendingBytes = 2 << 20

	// keepPending is how many messages a quiet room keeps the space of.
	keepPending = 16

	// sliceSize is how many subscribers are worth a goroutine of their own, where cores are free.
	sliceSize = 512
)

// room is one channel's subscribers on this node and what they have not been given yet.
type room struct {
	// Set when it is made, then read-only.
	ref      channel.Ref
	account  *limit.Tenant
	follower Follower
	observer Observer

	slow atomic.Int32 // what becomes of subscribers that do not keep up, a channel.SlowReader: as the newest of them knows the tenant

	// Guarded by the shard's mu.
	places int // of members, also of those who are coming or going

	// Guarded by mu.
	mu         sync.Mutex
	groups     []group
	pending    []*message.Message
	bytes      int    // of pending
	count      uint64 // how many messages dispatchers were given so far
	course     course
	late       late
	dispatches bool          // a dispatcher runs; there is one while there is something to say
	gives      bool          // and it holds a batch
	eased      chan struct{} // closed when pending is short again; made by the first publisher that waits
	settled    chan struct{} // closed when the dispatcher holds another batch or none; made by whoever leaves while it gives
}

// group is the subscribers of one dialect, who all get the same bytes.
type group struct {
	dialect wire.Dialect
	members []*Subscription
}

// Subscription is one subscriber's place in a room.
type Subscription struct {
	subscriber Subscriber
	room       *room
	index      int32              // in its group's members, -1 while it is in none; guarded by the room's mu
	by         chooser            // who wanted it; guarded by the member's mu
	speaks     bool               // it is in the batch that is being taken; guarded by the room's mu
	begun      bool               // the client was told so; guarded by the member's mu
	slow       channel.SlowReader // as the tenant was when it began
	mute       *string            // the connection that it does not hear, its own; nil for none
	catch      *catch             // there while it catches up; guarded by the room's mu
}

// add puts s in. confirm runs before anything is delivered to s.
func (r *room) add(s *Subscription, confirm func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	confirm()
	r.late.silence(s)
	r.seat(s)
}

// seat gives s its place among those who hear. The caller holds mu.
func (r *room) seat(s *Subscription) {
	g := r.group(s.subscriber.Dialect())
	s.index = int32(len(g.members))
	g.members = append(g.members, s)
}

func (r *room) group(d wire.Dialect) *group {
	for i := range r.groups {
		if r.groups[i].dialect == d {
			return &r.groups[i]
		}
	}
	r.groups = append(r.groups, group{dialect: d})
	return &r.groups[len(r.groups)-1]
}

// remove takes s out. The dispatcher may hold a batch that was for s too: once settled is closed nothing more comes; it is nil where nothing comes as it is.
func (r *room) remove(s *Subscription) (settled <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gives && r.settled == nil {
		r.settled = make(chan struct{})
	}
	r.late.forget(s)
	if s.index < 0 {
		return r.settled
	}
	g := r.group(s.subscriber.Dialect())
	last := g.members[len(g.members)-1]
	g.members[s.index] = last
	last.index = s.index
	g.members[len(g.members)-1] = nil
	g.members = g.members[:len(g.members)-1]
	return r.settled
}

// enqueue puts m behind what is pending and makes sure that somebody delivers it.
func (r *room) enqueue(h *Hub, m *message.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := &r.course; m.Position.Epoch != "" || c.heard.Epoch != "" || c.lost { // else the channel keeps no history
		r.follow(m)
	}
	r.pending = append(r.pending, m)
	r.bytes += len(m.Data)
	r.account.Backlog().Add(sizeOf(m))
	if len(r.late.catching) > 0 {
		r.come(m)
	}
	r.wake(h)
}

// wake makes sure that somebody delivers what is pending. The caller holds mu.
func (r *room) wake(h *Hub) {
	if !r.dispatches {
		r.dispatches = true
		h.dispatchers.Go(func() { r.dispatch(h) })
	}
}

// full returns a channel to wait for when the room holds as much as it may, or all of its tenant do, nil when they do not.
func (r *room) full() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.crowded() {
		return r.account.Backlog().Full()
	}
	if r.eased == nil {
		r.eased = make(chan struct{})
	}
	return r.eased
}

func (r *room) crowded() bool { return len(r.pending) >= pendingMost || r.bytes >= pendingBytes }

// dispatch delivers batch after batch until nothing is pending. While it waits for its turn among those of its tenant, the batch grows.
func (r *room) dispatch(h *Hub) {
	w, rota := works.Get().(*work), r.account.Rota()
	rota.Take()
	for r.take(w) {
		w.deliver(h, r)
		if len(w.crowded) > 0 {
			r.settle()
			h.hold(w.crowded, rota)
			clear(w.crowded)
			w.crowded = w.crowded[:0]
		}
		if rota.Due() {
			h.breath.Take()
		}
		rota.Pass()
	}
	rota.Give()
	works.Put(w)
}

// settle tells those who left that the dispatcher has given everything that was for them too.
func (r *room) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hasSettled()
}

func (r *room) hasSettled() {
	r.gives = false
	if r.settled != nil {
		close(r.settled)
		r.settled = nil
	}
}

// take moves what is pending, and who is there to hear it, into w. It reports false, and ends the dispatcher, when there is nothing.
func (r *room) take(w *work) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hasSettled()
	r.admit()
	if w.gap = r.nextGap(); w.gap != nil {
		w.messages, r.gives = w.messages[:0], true
		r.hearers(w)
		return true
	}
	if len(r.pending) == 0 {
		r.dispatches = false
		if cap(r.pending) > keepPending {
			r.pending = nil
		}
		return false
	}
	n, size, held, most := 0, 0, 0, r.untilNext(min(len(r.pending), batchMessages))
	for n < most && size < batchBytes {
		size += len(r.pending[n].Data)
		held += sizeOf(r.pending[n])
		n++
	}
	r.account.Backlog().Sub(held)
	w.messages = append(w.messages[:0], r.pending[:n]...)
	rest := copy(r.pending, r.pending[n:])
	clear(r.pending[rest:])
	r.pending = r.pending[:rest]
	if r.bytes -= size; r.eased != nil && !r.crowded() {
		close(r.eased)
		r.eased = nil
	}
	if c := &r.course; c.heard.Epoch != "" || c.taken.Epoch != "" {
		c.taken = w.messages[n-1].Position
	}
	r.passed(n)
	r.gives = true
	r.hearers(w)
	return true
}

// hearers writes down who is to hear the batch of w. The caller holds mu.
func (r *room) hearers(w *work) {
	w.members, w.groups = w.members[:0], w.groups[:0]
	w.speakers = r.late.speakers(w.speakers[:0], w.messages)
	for _, g := range r.groups {
		if len(g.members) == 0 {
			continue
		}
		from := len(w.members)
		w.members = append(w.members, g.members...)
		if len(w.speakers) > 0 { // they hear it without what they said
			rest := slices.DeleteFunc(w.members[from:], func(s *Subscription) bool { return s.speaks })
			w.members = w.members[:from+len(rest)]
		}
		w.groups = append(w.groups, span{g.dialect, len(w.members) - from})
	}
	for _, s := range w.speakers {
		s.speaks = false
	}
}

// Batch is what was delivered at once.
type Batch struct {
	Messages   []*message.Message // to read, until the observer returns
	Recipients int
	Bytes      int // on the wire, to all recipients
	Done       time.Time
}
