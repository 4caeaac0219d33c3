package hub

import (
	"cmp"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/presence"
	"portcullis/internal/wire"
)

// attendance is a member's presence on one channel.
type attendance struct {
	seat *presence.Seat
	ear  *listener // nil where it does not hear of joins and leaves
}

// Presence calls f with who is on a channel, for whoever may know: f comes before whatever happens there next, and must neither wait nor call the hub. Nobody takes the member's right away between the question and
// the answer.
func (m *Member) Presence(name string, f func(wire.Attendance)) *wire.Fault {
	n, fault := parse(name)
	if fault != nil {
		return fault
	}
	defer m.hub.turn(m.account())()
	m.mu.Lock()
	r := m.rights
	d := r.decide(acl.Presence, n)
	if d.Allowed {
		fault = m.hub.attendance(r, n, f)
	}
	m.mu.Unlock()
	return cmp.Or(m.hub.decided(r, acl.Presence, n, d), fault)
}

// turn waits for a turn among what the tenant's clients make this node do, and returns how to give it back: a list of a thousand is a longer piece of work than the request for it looks, and the tenant's to wait for.
func (h *Hub) turn(a *limit.Tenant) (over func()) {
	rota := a.Rota()
	rota.Take()
	return func() {
		if rota.Due() {
			h.breath.Take()
		}
		rota.Give()
	}
}

// account is the tenant's, as the member knows it.
func (m *Member) account() *limit.Tenant {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rights.tenant.Account
}

// attendance answers a question that is allowed.
func (h *Hub) attendance(r rights, n channel.Name, f func(wire.Attendance)) *wire.Fault {
	most := r.lists(n)
	if most == 0 {
		return noPresence(n)
	}
	if !h.presence.Members(r.ref(n), most, f) {
		return &wire.Fault{Code: wire.Unavailable, Message: "the engine has not said yet who is there", Retry: time.Second}
	}
	return nil
}

// lists is how many members of a channel are told by name, 0 where it has no presence.
func (r rights) lists(n channel.Name) int { return r.tenant.Channels.Of(n).Presence }

func noPresence(n channel.Name) *wire.Fault {
	return &wire.Fault{Code: wire.NotAvailable, Message: "presence is not available on " + n.String()}
}

// attend makes the member, who is in the room, one of those who are on the channel, where it has presence; hears says that it wants to hear of the others, and it hears of itself then. confirm runs first: whoever
// asks for the list once the client knows that it is subscribed finds it there. The caller holds mu.
func (m *Member) attend(ref channel.Ref, hears bool, confirm func()) {
	most := m.rights.lists(ref.Name)
	if most == 0 {
		confirm()
		return
	}
	a := new(attendance)
	a.seat = m.hub.presence.Enter(ref, message.Member{User: m.rights.principal.User, Connection: m.connection, Info: m.rights.principal.Info}, most, func() {
		confirm()
		if hears { // after the ok, and before its own join
			a.ear = m.hub.listen(ref, m.rights.tenant.Account, m.subscriber)
		}
	})
	if m.attends == nil {
		m.attends = make(map[channel.Name]*attendance)
	}
	m.attends[ref.Name] = a
}

// absent ends the member's presence on a channel, where it has one. Nothing more of joins and leaves comes once settled, where there is one, is closed. The caller holds mu.
func (m *Member) absent(n channel.Name) (settled <-chan struct{}) {
	a := m.attends[n]
	if a == nil {
		return nil
	}
	delete(m.attends, n)
	m.hub.presence.Leave(a.seat)
	if a.ear == nil {
		return nil
	}
	return a.ear.leave(m.hub)
}

// reattend brings the member's presence on a channel up to date with its rights. It returns the notice of what it hears no more, nil for none. The caller holds mu.
func (m *Member) reattend(ref channel.Ref) (n *wire.Notice, settled <-chan struct{}) {
	most, a := m.rights.lists(ref.Name), m.attends[ref.Name]
	switch {
	case a == nil:
		m.attend(ref, false, func() {}) // the channel may have no presence still
		return nil, nil
	case most == 0:
		if a.ear != nil {
			n = deaf(ref.Name, noPresence(ref.Name))
		}
		return n, m.absent(ref.Name)
	}
	m.hub.presence.Update(a.seat, m.rights.principal.Info, most)
	if a.ear == nil || m.rights.decide(acl.Presence, ref.Name).Allowed {
		return nil, nil
	}
	ear := a.ear
	a.ear = nil
	return deaf(ref.Name, &wire.Fault{Code: wire.Forbidden, Message: "presence on " + ref.Name.String() + " is not allowed any more"}), ear.leave(m.hub)
}

// deaf says that a member hears of joins and leaves no more.
func deaf(n channel.Name, why *wire.Fault) *wire.Notice {
	return &wire.Notice{Kind: wire.JoinLeave, Channel: n.String(), Fault: why}
}

// leave ends a subscription, and with it the member's presence on the channel. Nothing more of it comes once all of settled that are not nil are closed. The caller holds mu.
func (m *Member) leave(s *Subscription) (settled []<-chan struct{}) {
	absent := m.absent(s.room.ref.Name)
	return []<-chan struct{}{m.hub.leave(s), absent}
}
