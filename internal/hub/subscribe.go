package hub

import (
	"cmp"
	"context"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// Start is how a subscriber wants to begin.
type Start struct {
	Since  *message.Position // where it wants to continue; nil begins with the present
	Strict bool              // not at all, rather than with something missing
	Mute   bool              // without what its own connection says
	// JoinLeave asks to hear who comes to the channel and who leaves it.
	JoinLeave bool
	// Refused, nil for nobody, hears why there is no subscription, before anything of the channel can begin, which others may choose for the client at any moment. It must not wait.
	Refused func(*wire.Fault)

	from *wire.Recovery // the answer to whoever cannot continue at all
}

// refuse says no, and returns it.
func (s *Start) refuse(fault *wire.Fault) *wire.Fault {
	if s.Refused != nil {
		s.Refused(fault)
	}
	return fault
}

// Begun is how a subscription began.
type Begun struct {
	Position message.Position // everything after it comes, or a gap says what does not; zero on channels without history
	Recovery *wire.Recovery   // nil for whoever did not want to continue
}

// Subscribe begins the delivery of a channel, until Unsubscribe or Leave. confirm runs when it is certain and before the first message, so that a client
// hears the ok first; it must not wait. Everything after the position that it is told comes, or a gap says what does not.
//
// To continue takes the right to subscribe alone, unless a rule denies history: then nothing that was said before is heard.
func (m *Member) Subscribe(ctx context.Context, name string, how Start, confirm func(Begun)) *wire.Fault {
	n, fault := parse(name)
	if fault != nil {
		return how.refuse(fault)
	}
	if how.Since == nil {
		m.lock() // until the room is joined: a policy is applied before the decision, or to the subscription
	} else {
		m.end(n, (*Subscription).chosen) // the client's own takes the place of one that was chosen for it
	}
	r := m.rights
	d, hears := r.decide(acl.Subscribe, n), acl.Decision{Allowed: true}
	if how.JoinLeave {
		hears = r.decide(acl.Presence, n)
	}
	var s *Subscription
	switch {
	case !d.Allowed:
		fault = denied(acl.Subscribe, n)
	case !hears.Allowed:
		fault = denied(acl.Presence, n)
	default:
		s, fault = m.subscribe(r.ref(n), &how, confirm)
	}
	if fault != nil {
		_ = how.refuse(fault)
	}
	m.mu.Unlock()
	_ = m.hub.decided(r, acl.Subscribe, n, d)
	if how.JoinLeave && d.Allowed {
		_ = m.hub.decided(r, acl.Presence, n, hears)
	}
	if fault != nil || s == nil {
		return fault
	}
	return m.catchUp(ctx, s, how, confirm)
}

// subscribe joins the room of a channel that the member may hear. It returns the subscription where that has to catch up before it begins. The caller holds mu.
func (m *Member) subscribe(ref channel.Ref, how *Start, confirm func(Begun)) (*Subscription, *wire.Fault) {
	if m.subscriptions.find(ref.Name) != nil {
		return nil, &wire.Fault{Code: wire.AlreadySubscribed, Message: alreadySubscribed(ref.Name)}
	}
	if how.JoinLeave && m.rights.lists(ref.Name) == 0 {
		return nil, noPresence(ref.Name)
	}
	setting := m.rights.tenant.Channels.Of(ref.Name)
	s := &Subscription{subscriber: m.subscriber, slow: setting.SlowReader}
	if how.Mute {
		s.mute = &m.connection
	}
	keeps := setting.History.Kept()
	var from *wire.Recovery
	if how.Since != nil && (!keeps || m.rights.mayNotRead(ref.Name)) {
		m.hub.observer.Recovered(wire.NoHistory, 0)
		if how.Strict {
			return nil, unrecoverable(wire.NoHistory)
		}
		how.Since, from = nil, &wire.Recovery{Reason: wire.NoHistory}
	}
	told := func(at message.Position) { m.attend(ref, how.JoinLeave, func() { confirm(Begun{at, from}) }) }
	begun := func() { told(message.Position{}) }
	if keeps {
		begun = nil
	}
	if fault := m.hub.join(ref, m.rights.tenant.Account, m.subscriptions.len(), s, m.follower(), begun); fault != nil {
		return nil, fault
	}
	m.subscriptions.add(s)
	if !keeps || how.Since == nil && s.settle(told) {
		m.began(s)
		return nil, nil
	}
	how.from = from
	return s, nil
}

// mayNotRead reports whether a rule denies history. That no rule allows it is another matter: whoever may hear a channel may continue to.
func (r rights) mayNotRead(name channel.Name) bool {
	d := r.decide(acl.History, name)
	return !d.Allowed && d.Basis == acl.ExplicitDeny
}

func alreadySubscribed(name channel.Name) string {
	return "there is a subscription to " + name.String() + "; unsubscribe before you begin another"
}

func unrecoverable(why wire.Unrecovered) *wire.Fault {
	return &wire.Fault{Code: wire.Unrecoverable, Message: "this position cannot be continued from: " + string(why) + "; ask without strict for what there is"}
}

// settle lets s begin where its room knows the position from which on it hears, and reports whether it does.
func (s *Subscription) settle(confirm func(message.Position)) bool {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.course.taken
	if at.Epoch == "" || r.course.lost || s.catch.over {
		return false
	}
	confirm(at)
	r.late.catching = without(r.late.catching, s)
	s.catch = nil
	r.seat(s)
	return true
}

// catchUp asks the engine where the channel is and what the subscriber missed, and lets it begin.
func (m *Member) catchUp(ctx context.Context, s *Subscription, how Start, confirm func(Begun)) *wire.Fault {
	ctx, cancel := context.WithTimeout(ctx, readBy)
	defer cancel()
	found, err := m.hub.find(ctx, s, how)
	m.lock()
	defer m.mu.Unlock()
	name := s.room.ref.Name
	if m.subscriptions.find(name) != s {
		return how.refuse(denied(acl.Subscribe, name))
	}
	fault := cmp.Or(m.stillHears(name, how), m.stillReads(name, how, found, err))
	if err == nil && how.Since != nil && (fault == nil || fault.Code == wire.Unrecoverable) {
		m.hub.observer.Recovered(found.recovery.Reason, found.recovery.Replayed)
	}
	if fault != nil {
		m.subscriptions.remove(name)
		m.leave(s)
		return how.refuse(fault)
	}
	m.attend(s.room.ref, how.JoinLeave, func() { confirm(Begun{found.at, found.recovery}) })
	m.hub.replay(s, found)
	m.began(s)
	return nil
}

// stillHears asks again, after the wait for the engine, whether whoever wants to hear of joins and leaves may. The caller holds mu.
func (m *Member) stillHears(name channel.Name, how Start) *wire.Fault {
	switch {
	case !how.JoinLeave:
	case !m.rights.decide(acl.Presence, name).Allowed:
		return denied(acl.Presence, name)
	case m.rights.lists(name) == 0:
		return noPresence(name)
	}
	return nil
}

// stillReads is why a subscription does not begin where it was found to. What is found is not replayed where history was denied meanwhile. The caller holds mu.
func (m *Member) stillReads(name channel.Name, how Start, f *found, err error) *wire.Fault {
	if err == nil && f.recovery != nil && m.rights.mayNotRead(name) {
		f.page, f.recovery = nil, &wire.Recovery{Reason: wire.NoHistory}
	}
	return f.fault(how, err)
}

// began tells others of a subscription that began. The caller holds mu.
func (m *Member) began(s *Subscription) {
	s.begun = true
	m.follower().Subscribed(m.rights.principal, m.connection, s.room.ref.Name)
}

// fault is why a subscription does not begin.
func (f *found) fault(how Start, err error) *wire.Fault {
	switch {
	case err != nil:
		return &wire.Fault{Code: wire.Unavailable, Message: "the engine cannot say where the channel is", Retry: time.Second}
	case how.Strict && f.recovery != nil && !f.recovery.Recovered:
		return unrecoverable(f.recovery.Reason)
	}
	return nil
}
