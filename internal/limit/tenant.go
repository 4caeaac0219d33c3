package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Limits are what a tenant may use. They count on this node alone. [Unlimited] is a value of each.
type Limits struct {
	Connections              int
	ConnectionsPerUser       int
	ConnectionsPerSecond     int // handshakes that were accepted
	Subscriptions            int // that are open
	SubscriptionsPerConn     int
	Channels                 int // that have a subscriber
	MessageSize              int // bytes of one message
	MessagesPerSecond        int
	MessagesPerSecondPerUser int
	MessagesPerSecondPerConn int
	BytesPerSecond           int // that its clients send
	BytesPerSecondPerConn    int
	Outbox                   int // bytes that wait for slow readers
	History                  int // bytes that its channels keep, where the engine keeps them in this process
}

// Tenant is the account of one tenant on this node. It outlives a change of the tenant's limits, and all that its clients hold stands in it.
type Tenant struct {
	terms                   atomic.Pointer[terms]
	subscriptions, channels held
	queued                  atomic.Int64 // bytes that wait for slow readers
	booked                  atomic.Int64 // of the node's account, for them
	lent                    atomic.Int64 // bytes that requests over HTTP hold
	listed                  atomic.Bool  // in the node's account; changed under its mu
	evicting                sync.Mutex   // held by whoever makes room; nobody of another tenant waits for it
	counts                  Counts
	backlog                 Backlog
	rota                    *Rota     // set by NewTenant, then read-only
	node                    *Outboxes // set by Outboxes.Tenant, then read-only; nil for none

	// Guarded by mu.
	mu     sync.Mutex
	places []*Place
	users  map[string]*User
	left   int // users without a place since the last look
}

// terms are a tenant's limits at one time, and the rates that are shared by all its clients. Nobody changes them: a change makes new ones, with the same rates set anew.
type terms struct {
	limits                    Limits
	since                     time.Time
	messages, bytes, arrivals *Rate
}

// User is the account of one user of a tenant. It outlives the user's last place until its rate is full again: whoever reconnects
// does not start anew.
type User struct {
	messages    atomic.Pointer[Rate]
	connections int // guarded by the tenant's mu
}

// NewTenant returns an account on which nothing is used.
func NewTenant(l Limits) *Tenant {
	t := &Tenant{users: make(map[string]*User), rota: newRota()}
	t.terms.Store(new(terms).with(l))
	return t
}

// with returns the terms that follow on t, with other limits. What was used of a rate stays used.
func (t *terms) with(l Limits) *terms {
	now := time.Now()
	return &terms{
		limits:   l,
		since:    now,
		messages: adjusted(t.messages, l.MessagesPerSecond, now),
		bytes:    adjusted(t.bytes, l.BytesPerSecond, now),
		arrivals: adjusted(t.arrivals, l.ConnectionsPerSecond, now),
	}
}

// Limits returns what the tenant may use.
func (t *Tenant) Limits() Limits { return t.terms.Load().limits }

// Set changes what the tenant may use, from now on and for everybody who is there. Nobody loses a place or a subscription for it: where more is held than the
// new limits allow, nothing new is given until enough was given back. The size of messages is each connection's own, as its welcome said.
func (t *Tenant) Set(l Limits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.terms.Load()
	if before.limits == l {
		return
	}
	now := before.with(l)
	t.terms.Store(now)
	if before.limits.MessagesPerSecondPerUser == l.MessagesPerSecondPerUser {
		return
	}
	for _, u := range t.users {
		u.messages.Store(adjusted(u.messages.Load(), l.MessagesPerSecondPerUser, now.since))
	}
}

// Place is one connection's hold on its tenant's and its user's account. Message is for one goroutine at a time.
type Place struct {
	// Set by Enter, then read-only.
	tenant *Tenant
	user   *User

	waiting atomic.Int64 // bytes in the connection's outbox

	// Guarded by the tenant's mu.
	index int // in its places
	shed  func()
	evict func(over Quota)

	// The connection's own account, and the terms that its rates follow.
	terms           *terms
	messages, bytes *Rate
}

// Enter takes a place for a connection of the named user. When there is none it says which limit was reached. Leave gives the place back.
func (t *Tenant) Enter(user string) (*Place, Over) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.terms.Load()
	if over := t.full(now, user); over.Any() {
		return nil, over
	}
	u := t.users[user]
	if u == nil {
		u = new(User)
		u.messages.Store(NewRate(now.limits.MessagesPerSecondPerUser))
	}
	if retry, ok := now.arrivals.Take(time.Now(), 1); !ok { // last, so that whoever finds no place uses up nothing
		return nil, t.counts.refuse(Over{ConnectionsPerSecond, retry})
	}
	t.users[user] = u
	u.connections++
	p := &Place{tenant: t, user: u, index: len(t.places)}
	t.places = append(t.places, p)
	p.follow(now)
	return p, Over{}
}

// Full says which limit leaves no place for a connection of the named user at this moment. It takes none: whoever is told that there is one may find it taken.
func (t *Tenant) Full(user string) Over {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.full(t.terms.Load(), user)
}

// full is called with mu held.
func (t *Tenant) full(now *terms, user string) Over {
	if full(now.limits.Connections, len(t.places)) {
		return t.counts.refuse(Over{Quota: Connections})
	}
	used := 0
	if u := t.users[user]; u != nil {
		used = u.connections
	}
	if full(now.limits.ConnectionsPerUser, used) {
		return t.counts.refuse(Over{Quota: ConnectionsPerUser})
	}
	return Over{}
}

// full reports whether a limit leaves no place beside those that are used.
func full(most, used int) bool { return most != Unlimited && used >= most }

// follow sets the connection's own rates as its tenant's terms have them, since when they have: the connection may have said nothing for a while, and that counts.
func (p *Place) follow(t *terms) {
	p.terms = t
	p.messages = adjusted(p.messages, t.limits.MessagesPerSecondPerConn, t.since)
	p.bytes = adjusted(p.bytes, t.limits.BytesPerSecondPerConn, t.since)
}

// Leave gives the place back. It is called once.
func (p *Place) Leave() {
	t := p.tenant
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.places) - 1
	t.places[p.index] = t.places[last]
	t.places[p.index].index = p.index
	t.places[last] = nil
	t.places = t.places[:last]
	if p.user.connections--; p.user.connections == 0 {
		t.left++
	}
	if t.left > len(t.users)/2 {
		t.forget(time.Now())
	}
}

// forget drops the accounts of users who left and used up nothing, once about half of all are of users who left: so it costs each of them little. The
// caller holds mu.
func (t *Tenant) forget(now time.Time) {
	t.left = 0
	for name, u := range t.users {
		if u.connections > 0 {
			continue
		}
		if u.messages.Load().full(now) {
			delete(t.users, name)
		}
	}
}

// Connections returns how many places are taken.
func (t *Tenant) Connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.places)
}

// Message counts one message of size bytes against the connection, its user and its tenant, in this order, so that a
// connection over its own limit takes nothing from the others. When one is over it returns which limit that is and
// after how long a retry helps.
func (p *Place) Message(now time.Time, size int) Over {
	c := &p.tenant.counts
	c.receive(size)
	terms := p.tenant.terms.Load()
	if terms != p.terms {
		p.follow(terms)
	}
	if retry, ok := p.messages.Take(now, 1); !ok {
		return c.refuse(Over{MessagesPerSecondPerConnection, retry})
	}
	if retry, ok := p.bytes.Take(now, size); !ok {
		return c.refuse(Over{BytesPerSecondPerConnection, retry})
	}
	if retry, ok := p.user.messages.Load().Take(now, 1); !ok {
		return c.refuse(Over{MessagesPerSecondPerUser, retry})
	}
	if retry, ok := terms.messages.Take(now, 1); !ok {
		return c.refuse(Over{MessagesPerSecond, retry})
	}
	if retry, ok := terms.bytes.Take(now, size); !ok {
		return c.refuse(Over{BytesPerSecond, retry})
	}
	return Over{}
}
