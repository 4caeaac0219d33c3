package hub

import (
	"context"

	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// Speaker is a principal without a connection: a backend, or a page that has something to say and nothing to hear. What it may do is asked as a member's is, by the
// rights that it had when it came.
type Speaker struct{ member Member }

// Speaker makes a speaker, which holds nothing of the hub.
func (h *Hub) Speaker(t *realm.Tenant, p *auth.Principal) *Speaker {
	return &Speaker{Member{hub: h, rights: rights{t, p}}}
}

// Aside is [Member.Aside].
func (s *Speaker) Aside() *Speaker {
	s.member.aside = true
	return s
}

// Publish is [Member.Publish]. The message is of the user, and of no connection.
func (s *Speaker) Publish(ctx context.Context, name string, p Publication) (broker.Receipt, *wire.Fault) {
	return s.member.Publish(ctx, name, p)
}

// History is [Member.History].
func (s *Speaker) History(ctx context.Context, name string, how Reading) (*Read, *wire.Fault) {
	return s.member.History(ctx, name, how)
}

// Purge is [Member.Purge].
func (s *Speaker) Purge(ctx context.Context, name string) (message.Position, *wire.Fault) {
	return s.member.Purge(ctx, name)
}

// Presence is [Member.Presence].
func (s *Speaker) Presence(name string, f func(wire.Attendance)) *wire.Fault {
	return s.member.Presence(name, f)
}
