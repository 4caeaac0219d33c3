package hub

import (
	"slices"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Ending says why a subscription ended before its connection. The set is closed: it is a metric label.
type Ending string

// The endings.
const (
	ByClient  Ending = "client"  // who unsubscribed
	ByRefresh Ending = "refresh" // the new credential gives no right to it
	ByPolicy  Ending = "policy"  // the tenant's rules give no right to it any more
	ByBackend Ending = "backend" // a service of the tenant took it away

	// WithConnection is the ending of those that live as long as their connection. Only a follower hears of it.
	WithConnection Ending = "connection"
)

// Endings lists every ending before a connection's, for label sets that are created at zero.
var Endings = []Ending{ByClient, ByRefresh, ByPolicy, ByBackend}

// Loss is what a member hears no more: subscriptions that it lost, whose rooms it has left, and joins and leaves of channels that it is subscribed to still. It must be told of both. Where rights changed, it is also
// what the member is to hear from now on: see [Member.Gain].
type Loss struct {
	member        *Member
	why           Ending
	subscriptions int
	notices       []*wire.Notice
	settled       []<-chan struct{}
	gains         []channel.Name // chosen for it by its rights, and not by those before
}

// taken is a subscription that a policy took, and why.
type taken struct {
	name     channel.Name
	decision acl.Decision
	unchosen bool // the policy allows it; it was the tenant's choice, and is no more
}

// Renew makes the member speak for p, nil for whom it speaks for already, of its tenant as tenants says it is now, and takes from it the subscriptions that
// its rights do not allow any more, and those that were its tenant's choice and are no more. It is nil where nothing is lost and nothing new is chosen; a loss must be told, and until then the member subscribes to nothing.
//
// tenants is asked while no other Renew of the member runs, so that the newest answer is the one that stays.
func (m *Member) Renew(p *auth.Principal, tenants func(tenant.ID) *realm.Tenant) *Loss {
	m.lock()
	loss, all := m.renew(p, tenants)
	p = m.rights.principal
	m.mu.Unlock()
	for _, t := range all {
		if t.unchosen {
			continue
		}
		m.hub.trace("subscription lost", "acl.lost", p, acl.Subscribe, t.name, t.decision)
	}
	return loss
}

// renew is Renew for a caller that holds mu.
func (m *Member) renew(p *auth.Principal, tenants func(tenant.ID) *realm.Tenant) (*Loss, []taken) {
	was, why := m.rights, ByPolicy
	if p != nil {
		m.rights.principal, why = p, ByRefresh
	}
	t := tenants(was.principal.Tenant)
	if t == nil { // it is gone, and the session about to end
		return nil, nil
	}
	if m.rights.tenant = t; m.rights.principal == was.principal && t.Policy == was.tenant.Policy && t.Channels == was.tenant.Channels && t.Choices == was.tenant.Choices {
		return nil, nil
	}
	choices := m.rights.choices()
	loss := &Loss{member: m, why: why}
	var all []taken
	for s := range m.subscriptions.all() {
		name := s.room.ref.Name
		s.room.slow.Store(int32(t.Channels.Of(name).SlowReader))
		if d := m.rights.decide(acl.Subscribe, name); !d.Allowed {
			all = append(all, taken{name, d, false})
		} else if s.by == theTenant && !slices.Contains(choices, name) {
			all = append(all, taken{name, d, true})
		} else if !s.begun {
			continue // it is brought up to date when it begins
		} else if n, settled := m.reattend(s.room.ref); n != nil {
			loss.add(n, settled)
		}
	}
	for _, t := range all {
		loss.take(m.subscriptions.remove(t.name), t.unchosen)
	}
	if m.greeted { // else its welcome goes by the new rights
		loss.gains = m.gains(was)
	}
	return loss.orNone(), all
}

// gains returns which of its tenant's choices become subscriptions by the member's rights, and did not by those before: what its client has left since stays left. The caller holds mu.
func (m *Member) gains(was rights) []channel.Name {
	now := m.rights.tenant.Chosen(m.rights.principal)
	if len(now) == 0 {
		return nil
	}
	before := was.tenant.Chosen(was.principal)
	return slices.DeleteFunc(now, func(name channel.Name) bool {
		return slices.Contains(before, name) || m.subscriptions.find(name) != nil
	})
}

// Take takes one subscription from the member, whatever its rights are: somebody who manages the tenant wants it so. It is nil where there is none; a loss must be
// told, as one of Renew. The member may subscribe again as soon as it was told. One that had not begun yet is no loss that a notice tells: whoever asked for it is answered forbidden.
func (m *Member) Take(name channel.Name) *Loss {
	m.lock()
	defer m.mu.Unlock()
	s := m.subscriptions.remove(name)
	if s == nil {
		return nil
	}
	loss := &Loss{member: m, why: ByBackend}
	loss.take(s, false)
	return loss
}

// orNone is nil for a loss of nothing.
func (l *Loss) orNone() *Loss {
	if len(l.notices) == 0 && len(l.gains) == 0 {
		return nil
	}
	return l
}

// take makes the member leave the room of s, which is not among its subscriptions any more; unchosen says that its rights allow it still. The caller holds the member's mu.
func (l *Loss) take(s *Subscription, unchosen bool) {
	m, name := l.member, s.room.ref.Name
	if !s.begun { // it has not begun: whoever asked for it is told
		m.leave(s)
		return
	}
	text := "subscribe on " + name.String() + " is not allowed any more"
	switch {
	case unchosen:
		text = "users like this one are not subscribed to " + name.String() + " any more"
	case l.why == ByBackend:
		text = "a service of the tenant ended the subscription to " + name.String()
	}
	l.subscriptions++
	l.add(&wire.Notice{Kind: wire.Unsubscribed, Channel: name.String(), Fault: &wire.Fault{Code: wire.Forbidden, Message: text}}, m.leave(s)...)
	m.hub.observer.Unsubscribed(l.why)
	m.follower().Unsubscribed(m.rights.principal, m.connection, name, l.why)
}

// add adds a notice, and what has to be over before it is told. The caller holds the member's mu.
func (l *Loss) add(n *wire.Notice, settled ...<-chan struct{}) {
	if l.member.untold == nil {
		l.member.untold = make(chan struct{})
	}
	l.notices = append(l.notices, n)
	for _, s := range settled {
		if s != nil {
			l.settled = append(l.settled, s)
		}
	}
}

// Len is how many subscriptions were lost.
func (l *Loss) Len() int {
	if l == nil {
		return 0
	}
	return l.subscriptions
}

// Why says what took them.
func (l *Loss) Why() Ending { return l.why }

// Gains is how many subscriptions the member is to have from now on.
func (l *Loss) Gains() int {
	if l == nil {
		return 0
	}
	return len(l.gains)
}

// Tell waits until nothing of what was lost is being delivered any more, calls tell with a notice for each, and lets the member subscribe again. It is called once. The
// wait is for dispatchers, which never wait for a client.
func (l *Loss) Tell(tell func(all []*wire.Notice)) {
	if len(l.notices) == 0 {
		return
	}
	for _, settled := range l.settled {
		<-settled
	}
	tell(l.notices)
	m := l.member
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.untold)
	m.untold = nil
}
