package session

import (
	"slices"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
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
	if _, err := s.socket.Send(frames, len(notices), nil); err != nil {
		s.failed(err)
	}
}

// Channels returns the names that the client is subscribed to, in no order.
func (s *Session) Channels() []channel.Name { return s.member.Channels() }
