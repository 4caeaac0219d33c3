package hub

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// Member is one connection's hold on the hub: whom it speaks for, what it may use and what it hears. The connection's session calls one verb
// at a time; whoever applies a changed policy calls Renew beside it.
type Member struct {
	// Set by Join, then read-only.
	hub        *Hub
	place      *limit.Place
	connection string
	subscriber Subscriber
	aside      bool
	greeted    bool // the client was welcomed; guarded by mu
	gone       bool // the connection is; guarded by mu

	// Guarded by mu, which nobody holds while anything waits. It is taken before the locks of shards and rooms.
	mu            sync.Mutex
	rights        rights
	subscriptions subscriptions
	attends       map[channel.Name]*attendance // those of them that are to channels with presence; nil where there was none
	untold        chan struct{}                // closed when the member was told of a loss; nil when there is none to tell
}

// rights are whom a member speaks for, and the tenant as it is now.
type rights struct {
	tenant    *realm.Tenant
	principal *auth.Principal
}

func (r rights) decide(action acl.Action, name channel.Name) acl.Decision {
	return r.tenant.Decide(r.principal, action, name)
}

// Join makes a member. The place was taken for it and stays the caller's to give back, after Leave.
func (h *Hub) Join(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s Subscriber) *Member {
	return &Member{hub: h, rights: rights{t, p}, place: place, connection: connection, subscriber: s}
}

// Aside lets the hub's follower hear nothing of the member: it examines, and stands for nobody. It is called before anything else, and returns the member.
func (m *Member) Aside() *Member {
	m.aside = true
	return m
}

func (m *Member) follower() Follower {
	if m.aside {
		return nobody{}
	}
	return m.hub.follower
}

// Leave ends all subscriptions.
func (m *Member) Leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = true
	for s := range m.subscriptions.all() {
		m.leave(s)
		if !s.begun {
			continue // it never began
		}
		m.follower().Unsubscribed(m.rights.principal, m.connection, s.room.ref.Name, WithConnection)
	}
	m.subscriptions = subscriptions{}
}

// Channels returns the names that the member is subscribed to, in no order.
func (m *Member) Channels() []channel.Name {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]channel.Name, 0, m.subscriptions.len())
	for s := range m.subscriptions.all() {
		names = append(names, s.room.ref.Name)
	}
	return names
}

// Chosen returns the names of those subscriptions that the member has by its tenant's choice, in no order.
func (m *Member) Chosen() (names []channel.Name) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range m.subscriptions.all() {
		if s.by == theTenant {
			names = append(names, s.room.ref.Name)
		}
	}
	return names
}

// Has reports whether the member is subscribed to a channel, or about to be.
func (m *Member) Has(name channel.Name) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.subscriptions.find(name) != nil
}

// lock takes mu once the member was told of what it lost: whoever lost a channel must not begin to hear it again before that.
func (m *Member) lock() {
	for {
		m.mu.Lock()
		untold := m.untold
		if untold == nil {
			return
		}
		m.mu.Unlock()
		<-untold
	}
}

// Counts returns what happens to the member's tenant.
func (m *Member) Counts() *limit.Counts { return m.place.Counts() }

// Admit counts one request of size bytes against every limit that it may reach.
func (m *Member) Admit(now time.Time, size int) *wire.Fault {
	over := m.place.Message(now, size)
	if !over.Any() {
		return nil
	}
	return &wire.Fault{Code: wire.RateLimited, Message: over.Text(), Retry: over.Retry}
}

// Echo says whether the member may echo that on a channel. The answer is the session's: nothing of it leaves the connection.
func (m *Member) Echo(name string, p Publication) *wire.Fault {
	r, ref, fault := m.allowed(acl.Echo, name)
	if fault != nil {
		return fault
	}
	if setting := r.tenant.Channels.Of(ref.Name); p.Sealed || setting.Sealed {
		return sealed(p, setting, ref)
	}
	return nil
}

// Unsubscribe ends the delivery of a channel. Nothing of it arrives once Unsubscribe has returned.
func (m *Member) Unsubscribe(name string) *wire.Fault { return m.End(name, func() {}) }

// End is Unsubscribe for a client that is to be told: it calls told once nothing of the channel arrives any more, and before anything of it begins again, which others may choose for the client at any moment. told
// must not wait.
func (m *Member) End(name string, told func()) *wire.Fault {
	n, fault := parse(name)
	if fault != nil {
		return fault
	}
	ended := m.end(n, anybodys)
	defer m.mu.Unlock()
	if !ended {
		return &wire.Fault{Code: wire.NotSubscribed, Message: "there is no subscription to " + name}
	}
	told()
	return nil
}

// end ends a subscription that the client was told of, because the client wants it, and reports whether there was one. Nothing of it arrives any more then. It takes mu for its caller, and nothing has begun for the
// member between the end and that.
func (m *Member) end(n channel.Name, which func(*Subscription) bool) bool {
	m.lock()
	s := m.subscriptions.find(n)
	if s == nil || !s.begun || !which(s) {
		return false
	}
	m.subscriptions.remove(n)
	settled := m.leave(s)
	m.follower().Unsubscribed(m.rights.principal, m.connection, n, ByClient)
	m.untold = make(chan struct{})
	m.mu.Unlock()
	for _, over := range settled {
		if over != nil {
			<-over
		}
	}
	m.hub.observer.Unsubscribed(ByClient)
	m.mu.Lock()
	close(m.untold)
	m.untold = nil
	return true
}

// parse reads a channel that a client names.
func parse(name string) (channel.Name, *wire.Fault) {
	n, err := channel.Parse(name)
	if err != nil {
		return n, &wire.Fault{Code: wire.BadChannel, Message: err.Error()}
	}
	return n, nil
}

// ref is a channel of the member's own tenant. Nobody can make one of another's.
func (r rights) ref(name channel.Name) channel.Ref {
	return channel.Ref{Tenant: r.principal.Tenant, Name: name}
}

// allowed asks the policy about a channel that a client names, and says by which rights.
func (m *Member) allowed(action acl.Action, name string) (r rights, ref channel.Ref, fault *wire.Fault) {
	n, fault := parse(name)
	if fault != nil {
		return r, ref, fault
	}
	r = m.current()
	return r, r.ref(n), m.hub.decided(r, action, n, r.decide(action, n))
}

// current is the member's rights as they are now.
func (m *Member) current() rights {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rights
}

// decided makes an answer of a decision. A channel that does not exist and one that is forbidden have one answer: there is nothing to find out
// by asking.
func (h *Hub) decided(r rights, action acl.Action, name channel.Name, d acl.Decision) *wire.Fault {
	p := r.principal
	h.observer.Decided(action, d)
	if d.Allowed {
		return nil
	}
	r.tenant.Counts.Denied(action)
	h.observer.Denied(p, action, name, d)
	h.trace("denied", "acl.denied", p, action, name, d)
	return denied(action, name)
}

func denied(action acl.Action, name channel.Name) *wire.Fault {
	return &wire.Fault{Code: wire.Forbidden, Message: action.String() + " on " + name.String() + " is not allowed"}
}

// trace tells the operator who asks for it, at level debug, which rule said no. The client hears only that.
func (h *Hub) trace(text, event string, p *auth.Principal, action acl.Action, name channel.Name, d acl.Decision) {
	ctx := context.Background()
	if !h.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	h.log.LogAttrs(ctx, slog.LevelDebug, text,
		slog.String("event", event), slog.String("tenant", p.Tenant.String()), slog.String("user", p.User),
		slog.String("action", action.String()), slog.String("channel", name.String()),
		slog.String("basis", string(d.Basis)), slog.String("rule", d.Rule))
}
