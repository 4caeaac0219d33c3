package session

import (
	"time"

	"portcullis/internal/wire"
)

// refresh puts a new token in the place of the credential: the same user, for longer, and perhaps with other rights. What these do not allow any
// more is unsubscribed. The new principal is known before anybody is asked whether it was revoked, so that a revocation finds one of the two.
func (s *Session) refresh(r *wire.Request) {
	p, t, fault := s.renew(s.host.context, s, r.Token)
	if fault != nil {
		s.answer(r, fault)
		return
	}
	s.principal.Store(p)
	s.mu.Lock()
	s.clock.warned = false
	s.mu.Unlock()
	s.wind(time.Time{})
	lost := s.member.Renew(t, p)
	s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Expires: p.Expires})
	for _, name := range lost {
		s.notice(&wire.Notice{Kind: wire.Unsubscribed, Channel: name.String(), Fault: &wire.Fault{
			Code: wire.Forbidden, Message: "subscribe on " + name.String() + " is not allowed any more",
		}})
	}
	s.host.observer.Renewed(s.id, s.remote, p)
	s.renewed(s)
}
