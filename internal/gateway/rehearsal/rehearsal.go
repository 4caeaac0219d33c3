// Package rehearsal has connections that nobody made: sessions with nobody at their other end, in a roster that is not the node's. What a tenant's backends may do with connections can be tried there, by the code that
// serves them, and nobody who is connected is part of it or sees it.
package rehearsal

import (
	"log/slog"
	"sync"

	"portcullis/internal/auth"
	"portcullis/internal/gateway"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Rehearsal is a roster and those who stand in it. It is safe for concurrent use.
type Rehearsal struct {
	Backend
	hub     *hub.Hub
	dialect wire.Dialect
	host    *session.Host
	present sync.WaitGroup

	// Guarded by mu.
	mu   sync.Mutex
	over bool
	all  []*nobody // whoever entered
}

// New returns an empty rehearsal. Its sessions are members of h that no follower hears of, and tell nobody else. Close ends it.
func New(h *hub.Hub, d wire.Dialect) *Rehearsal {
	return &Rehearsal{Backend: Backend{new(gateway.Roster)}, hub: h, dialect: d, host: session.NewHost("n_rehearsal", unheard{}, slog.New(slog.DiscardHandler))}
}

// Enter lets somebody in, with a place that leave gives back. leave ends the connection where nobody has, and reports whether somebody had: exactly, however it did. ok is false once Close was called.
func (r *Rehearsal) Enter(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string) (leave func() (dismissed bool), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil, false
	}
	n := &nobody{gone: make(chan struct{})}
	s := session.New(r.host, session.Config{
		ID: connection, Socket: n, Dialect: r.dialect, Principal: p, Renewed: func(*session.Session) {},
		Tenants: func(tenant.ID) *realm.Tenant { return t },
		Join:    func(e hub.Subscriber) *hub.Member { return r.hub.Join(t, p, place, connection, e).Aside() },
	})
	out, ok := r.Roster.Stand(s)
	if !ok {
		return nil, false
	}
	s.Greet()
	left := make(chan struct{})
	r.present.Go(func() {
		defer close(left)
		s.Run()
		place.Leave()
		out()
	})
	r.all = append(r.all, n)
	return func() bool {
		n.CloseNow()
		<-left
		return n.dismissed.Load()
	}, true
}

// Close ends whoever is still there, and waits for them. It may be called again.
func (r *Rehearsal) Close() {
	r.mu.Lock()
	r.over = true
	for _, n := range r.all {
		n.CloseNow()
	}
	r.mu.Unlock()
	r.present.Wait()
	r.host.Close()
}
