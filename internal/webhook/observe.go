package webhook

import (
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/session"
	"portcullis/internal/wire/json"
)

// Sessions hears sessions for the hooks, and hands everything on.
type Sessions struct {
	session.Observer
	hooks *Hooks
}

// Sessions returns an observer that tells the hooks of connections, and hands everything on to next.
func (h *Hooks) Sessions(next session.Observer) *Sessions { return &Sessions{next, h} }

// Opened implements [session.Observer].
func (s *Sessions) Opened(id, remote, protocol string, p *auth.Principal) {
	s.Observer.Opened(id, remote, protocol, p)
	s.hooks.happened(p.Tenant, ConnectionOpened, channel.Name{}, func() event {
		return event{subject: id, at: time.Now(), data: opened{id, p.User, string(p.Method), protocol}}
	})
}

// Closed implements [session.Observer].
func (s *Sessions) Closed(r *session.Report) {
	s.Observer.Closed(r)
	s.hooks.happened(r.Principal.Tenant, ConnectionClosed, channel.Name{}, func() event {
		return event{subject: r.Connection, at: time.Now(),
			data: closed{r.Connection, r.Principal.User, string(r.Initiator), r.Reason, r.Code, r.Duration.Milliseconds()}}
	})
}

// Subscribed implements [hub.Follower].
func (h *Hooks) Subscribed(p *auth.Principal, connection string, name channel.Name) {
	h.happened(p.Tenant, SubscriptionStarted, name, func() event {
		return event{subject: name.String(), at: time.Now(), data: subscription{Channel: name.String(), Connection: connection, User: p.User}}
	})
}

// Unsubscribed implements [hub.Follower].
func (h *Hooks) Unsubscribed(p *auth.Principal, connection string, name channel.Name, why hub.Ending) {
	h.happened(p.Tenant, SubscriptionEnded, name, func() event {
		return event{subject: name.String(), at: time.Now(), data: subscription{name.String(), connection, p.User, string(why)}}
	})
}

// Occupied implements [hub.Follower].
func (h *Hooks) Occupied(ref channel.Ref) { h.peopled(ref, ChannelOccupied) }

// Vacated implements [hub.Follower].
func (h *Hooks) Vacated(ref channel.Ref) { h.peopled(ref, ChannelVacated) }

func (h *Hooks) peopled(ref channel.Ref, kind Kind) {
	h.happened(ref.Tenant, kind, ref.Name, func() event {
		return event{subject: ref.Name.String(), at: time.Now(), data: presence{ref.Name.String()}}
	})
}

// Published implements [hub.Follower].
func (h *Hooks) Published(m message.Message) {
	h.happened(m.Channel.Tenant, MessagePublished, m.Channel.Name, func() event {
		encryption := ""
		if m.Sealed {
			encryption = json.Encryption
		}
		return event{subject: m.Channel.Name.String(), at: m.Time, payload: &payload{m.Data, m.Binary}, data: published{
			Channel: m.Channel.Name.String(), From: sender(m.From), Offset: m.Position.Offset, Epoch: m.Position.Epoch, Bytes: len(m.Data), Encryption: encryption,
		}}
	})
}
