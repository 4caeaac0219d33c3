package gateway

import (
	"context"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

const (
	// retryLeast is the earliest that a client is asked to come back, and reconnectRate how many a second the other nodes should see.
	retryLeast    = 500 * time.Millisecond
	reconnectRate = 500
)

// Roster is every live session. It sees what http.Server.Shutdown does not: connections that were upgraded.
type Roster struct {
	present sync.WaitGroup

	// Guarded by mu.
	mu     sync.Mutex
	live   map[tenant.ID]map[string]*session.Session // by the connection's id
	count  int                                       // of live
	coming int                                       // reserved and not yet in
	opened uint64
	closed bool // everybody was asked to leave
	over   bool // and whoever is left is cut
}

// reserve announces a session, so that a roster that is being emptied waits for it or refuses it. leave must be called once,
// with nil when there was no session after all.
func (r *Roster) reserve() (leave func(*session.Session), open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	r.coming++
	r.present.Add(1)
	return r.leave, true
}

func (r *Roster) enter(s *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.coming--
	r.opened++
	r.add(s)
	switch { // it was let in while everybody was asked to leave
	case r.over:
		s.Cut()
	case r.closed:
		s.End(wire.Draining, retryLeast+rand.N(retryLeast))
	}
}

// Stand puts a session among those who are there, until leave is called, once. ok is false where everybody has been asked to leave.
func (r *Roster) Stand(s *session.Session) (leave func(), ok bool) {
	out, open := r.reserve()
	if !open {
		return nil, false
	}
	r.enter(s)
	return func() { out(s) }, true
}

func (r *Roster) leave(s *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s == nil {
		r.coming--
	} else {
		r.remove(s)
	}
	r.present.Done()
}

// add puts s among the sessions of its tenant, which never changes. The caller holds mu.
func (r *Roster) add(s *session.Session) {
	id := s.Principal().Tenant
	if r.live == nil {
		r.live = make(map[tenant.ID]map[string]*session.Session)
	}
	if r.live[id] == nil {
		r.live[id] = make(map[string]*session.Session)
	}
	r.live[id][s.ID()] = s
	r.count++
}

// remove takes s out, and forgets a tenant without sessions. The caller holds mu.
func (r *Roster) remove(s *session.Session) {
	id := s.Principal().Tenant
	if r.live[id][s.ID()] != s {
		return
	}
	r.count--
	if delete(r.live[id], s.ID()); len(r.live[id]) == 0 {
		delete(r.live, id)
	}
}

// EndIf ends every session of a tenant for which ended has a reason, and returns how many. It looks at nobody else's, and nobody waits for it: tenants revoke as often as they like.
func (r *Roster) EndIf(id tenant.ID, ended func(*auth.Principal) (wire.Close, bool)) (n int) {
	for _, s := range r.of(id) { // those too who are being sent away, and still hear
		if reason, yes := ended(s.Principal()); yes {
			s.End(reason, 0)
			n++
		}
	}
	return n
}

// Each calls f with every session that is live now. It holds no lock meanwhile: a session may end, and f may take its time.
func (r *Roster) Each(f func(*session.Session)) {
	for _, s := range r.sessions() {
		f(s)
	}
}

func (r *Roster) sessions() []*session.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.AppendSeq(make([]*session.Session, 0, r.count), r.all())
}

// all are the live sessions. The caller holds mu.
func (r *Roster) all() iter.Seq[*session.Session] {
	return func(yield func(*session.Session) bool) {
		for _, of := range r.live {
			for _, s := range of {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Of returns the sessions of one tenant, in no order: not those that are ending, of whom nobody can ask anything any more.
func (r *Roster) Of(id tenant.ID) []*session.Session {
	return slices.DeleteFunc(r.of(id), (*session.Session).Ending)
}

func (r *Roster) of(id tenant.ID) []*session.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.AppendSeq(make([]*session.Session, 0, len(r.live[id])), maps.Values(r.live[id]))
}

// Find returns a tenant's session by its connection's id, nil when that tenant has none of this id, or it is ending.
func (r *Roster) Find(id tenant.ID, connection string) *session.Session {
	r.mu.Lock()
	s := r.live[id][connection]
	r.mu.Unlock()
	if s == nil || s.Ending() {
		return nil
	}
	return s
}

// Len returns how many sessions live or are being let in.
func (r *Roster) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count + r.coming
}

// Opened returns how many sessions there ever were.
func (r *Roster) Opened() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// Empty asks every client to leave, each with a time of its own to come back, lets nobody in any more, and waits until all have left; those who were
// on their way in are asked as soon as they are in.
// When ctx ends first it closes their sockets without a word; it then still waits, for a moment.
func (r *Roster) Empty(ctx context.Context) (asked int, cut int) {
	r.mu.Lock()
	r.closed = true
	spread := time.Duration(r.count) * time.Second / reconnectRate
	for s := range r.all() {
		s.End(wire.Draining, retryLeast+rand.N(spread+retryLeast))
	}
	asked = r.count + r.coming
	r.mu.Unlock()

	gone := make(chan struct{})
	go func() { // ends with the last session
		r.present.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
		cut = r.cut()
		<-gone
	}
	return asked, cut
}

// cut closes all sockets that are left.
func (r *Roster) cut() int {
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	left := r.sessions()
	for _, s := range left {
		s.Cut()
	}
	return len(left)
}
