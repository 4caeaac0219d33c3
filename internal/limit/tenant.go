package limit

import (
	"sync"
	"time"
)

// Limits are what a tenant may use. They count on this node alone. [Unlimited] is a value of each.
type Limits struct {
	Connections              int
	ConnectionsPerUser       int
	SubscriptionsPerConn     int
	MessageSize              int // bytes of one message
	MessagesPerSecond        int
	MessagesPerSecondPerUser int
	MessagesPerSecondPerConn int
	BytesPerSecondPerConn    int
}

// Tenant is the account of one tenant on this node.
type Tenant struct {
	// Set by NewTenant, then read-only.
	limits   Limits
	messages *Rate

	// Guarded by mu.
	mu          sync.Mutex
	connections int
	users       map[string]*User
	left        int // users without a place since the last look
}

// User is the account of one user of a tenant. It outlives the user's last place until its rate is full again: whoever reconnects
// does not start anew.
type User struct {
	messages    *Rate
	connections int // guarded by the tenant's mu
}

// NewTenant returns an account on which nothing is used.
func NewTenant(l Limits) *Tenant {
	return &Tenant{limits: l, messages: NewRate(l.MessagesPerSecond), users: make(map[string]*User)}
}

// Limits returns what the tenant may use.
func (t *Tenant) Limits() Limits { return t.limits }

// Scope says whose limit was reached. The set is closed: it is a metric label.
type Scope string

// The scopes.
const (
	Connection Scope = "connection"
	PerUser    Scope = "user"
	PerTenant  Scope = "tenant"
)

// Place is one connection's hold on its tenant's and its user's account.
type Place struct {
	tenant *Tenant
	name   string
	user   *User

	// The connection's own account.
	messages, bytes *Rate
}

// Enter takes a place for a connection of the named user. When there is none it says whose limit was reached. Leave gives the place back.
func (t *Tenant) Enter(user string) (place *Place, full Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limits.Connections != Unlimited && t.connections >= t.limits.Connections {
		return nil, PerTenant
	}
	u := t.users[user]
	if u == nil {
		u = &User{messages: NewRate(t.limits.MessagesPerSecondPerUser)}
	}
	if t.limits.ConnectionsPerUser != Unlimited && u.connections >= t.limits.ConnectionsPerUser {
		return nil, PerUser
	}
	t.users[user] = u
	u.connections++
	t.connections++
	return &Place{
		tenant: t, name: user, user: u,
		messages: NewRate(t.limits.MessagesPerSecondPerConn),
		bytes:    NewRate(t.limits.BytesPerSecondPerConn),
	}, ""
}

// Leave gives the place back. It is called once.
func (p *Place) Leave() {
	t := p.tenant
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connections--
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
		if u.messages.full(now) {
			delete(t.users, name)
		}
	}
}

// Connections returns how many places are taken.
func (t *Tenant) Connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connections
}

// Message counts one message of size bytes against the connection, its user and its tenant, in this order, so that a
// connection over its own limit takes nothing from the others. When one is over it returns whose limit that is and
// after how long a retry helps; scope is empty when none is.
func (p *Place) Message(now time.Time, size int) (scope Scope, retry time.Duration) {
	if retry, ok := p.messages.Take(now, 1); !ok {
		return Connection, retry
	}
	if retry, ok := p.bytes.Take(now, size); !ok {
		return Connection, retry
	}
	if retry, ok := p.user.messages.Take(now, 1); !ok {
		return PerUser, retry
	}
	if retry, ok := p.tenant.messages.Take(now, 1); !ok {
		return PerTenant, retry
	}
	return "", 0
}
