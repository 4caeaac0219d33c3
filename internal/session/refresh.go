package session

import (
	"context"
	"slices"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// refresh puts a new token in the place of the credential: the same user, for longer, and perhaps with other rights. What these do not allow any
// more is unsubscribed. The new principal is known before anybody is asked whether it was revoked, so that a revocation finds one of the two.
func (s *Session) refresh(r *wire.Request) {
	p, fault := s.renew(s.host.context, s, r.Token)
	if fault != nil {
		s.answer(r, fault)
		return
	}
	s.principal.Store(p)
	s.mu.Lock()
	s.clock.warned = false
	s.mu.Unlock()
	s.wind(time.Time{})
	lost := s.member.Renew(p, s.tenants)
	s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Expires: p.Expires})
	s.Tell(lost)
	s.Gain(s.host.context, lost)
	s.host.observer.Renewed(s.id, s.remote, p)
	s.renewed(s)
}

// Follow brings the session's rights up to date with its tenant as it is now. The channels that it lost it has left already; Tell must be called with them, nil
// or not, before the client can subscribe again. Whoever follows for many sessions has all of them leave before it waits for the first.
func (s *Session) Follow() (lost *hub.Loss) { return s.member.Renew(nil, s.tenants) }

// Tell tells the client, by one notice each, what it hears no more, once nothing of it can arrive. It waits for that.
func (s *Session) Tell(lost *hub.Loss) {
	if lost == nil {
		return
	}
	if n := lost.Len(); n > 0 {
		s.host.observer.Lost(s.id, s.remote, s.Principal(), lost.Why(), n)
	}
	lost.Tell(func(all []*wire.Notice) {
		for some := range slices.Chunk(all, noticesAtOnce) {
			s.tell(some)
		}
	})
}

// noticesAtOnce go into one write. A connection may have lost very many channels, and an outbox takes only so much.
const noticesAtOnce = 64

// Take takes one subscription from the client, who is told by one notice; nothing of the channel arrives behind it. It reports false where there is none.
func (s *Session) Take(name channel.Name) bool {
	lost := s.member.Take(name)
	s.Tell(lost)
	return lost != nil
}

func (s *Session) tell(notices []*wire.Notice) {
	var frames []byte
	for _, n := range notices {
		before := len(frames)
		frames = s.dialect.AppendNotice(frames, n)
		s.member.Counts().Sent(1, len(frames)-before)
		s.host.observer.Sent(string(n.Kind), len(frames)-before)
	}
	if len(frames) == 0 { // the dialect has no word for it
		return
	}
	if _, err := s.socket.Send(frames, len(notices)); err != nil {
		s.failed(err)
	}
}

// Gain begins what the tenant chose for its client by a change of its rights, which Tell has told of. It may wait for the engine; a client for whom that does not answer comes back, and asks by that again.
func (s *Session) Gain(ctx context.Context, change *hub.Loss) {
	if change.Gains() == 0 || !s.toldOfChoices() {
		return
	}
	if s.member.Gain(ctx, change, s.subscribed) != nil {
		s.End(wire.ClosedInternal, jitter(comeBackSlower))
	}
}

// Give subscribes the client to a channel that a service of its tenant chose, where the rules allow that to the client. It returns where the subscription begins; the client was told so then.
func (s *Session) Give(ctx context.Context, name channel.Name) (at message.Position, fault *wire.Fault) {
	if !s.toldOfChoices() {
		return at, &wire.Fault{Code: wire.NotAvailable, Message: "the connection's protocol has no subscriptions"}
	}
	fault = s.member.Give(ctx, name, func(all []wire.Subscription) {
		at = all[0].Position
		s.subscribed(all)
	})
	return at, fault
}

// subscribed tells the client what was chosen for it.
func (s *Session) subscribed(all []wire.Subscription) {
	notices := make([]*wire.Notice, len(all))
	for i, one := range all {
		notices[i] = noticeOf(one)
	}
	s.tell(notices)
}

func noticeOf(s wire.Subscription) *wire.Notice {
	return &wire.Notice{Kind: wire.Subscribed, Channel: s.Channel, Position: s.Position}
}

// toldOfChoices reports whether the dialect has a word for a subscription that nobody asked for. Without one nothing is chosen for the client.
func (s *Session) toldOfChoices() bool {
	return len(s.dialect.AppendNotice(nil, noticeOf(wire.Subscription{}))) > 0
}

// Chosen returns the names of those subscriptions that the client has by its tenant's choice, in no order, and whether it can be told of others.
func (s *Session) Chosen() (names []channel.Name, more bool) {
	return s.member.Chosen(), s.toldOfChoices()
}

// Has reports whether the client is subscribed to a channel, or about to be.
func (s *Session) Has(name channel.Name) bool { return s.member.Has(name) }

// Channels returns the names that the client is subscribed to, in no order.
func (s *Session) Channels() []channel.Name { return s.member.Channels() }
