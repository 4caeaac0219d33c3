package hub

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// Member is one connection's hold on the hub: whom it speaks for, what it may use and what it hears. It is owned by the connection's
// session, which calls one method at a time.
type Member struct {
	hub        *Hub
	tenant     *realm.Tenant
	principal  *auth.Principal
	place      *limit.Place
	connection string
	subscriber Subscriber

	subscriptions subscriptions
}

// Join makes a member. The place was taken for it and stays the caller's to give back, after Leave.
func (h *Hub) Join(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s Subscriber) *Member {
	return &Member{hub: h, tenant: t, principal: p, place: place, connection: connection, subscriber: s}
}

// Renew makes the member speak for p, of the tenant as it is now, and returns the channels whose subscriptions it lost: those that its rights do
// not allow any more. What is on its way may still arrive.
func (m *Member) Renew(t *realm.Tenant, p *auth.Principal) (lost []channel.Name) {
	m.tenant, m.principal = t, p
	for s := range m.subscriptions.all() {
		name := s.room.ref.Name
		if d := t.Decide(p, acl.Subscribe, name); !d.Allowed {
			m.hub.denied(p, acl.Subscribe, name, d)
			lost = append(lost, name)
		}
	}
	for _, name := range lost {
		m.hub.leave(m.subscriptions.remove(name))
	}
	return lost
}

// Leave ends all subscriptions.
func (m *Member) Leave() {
	for s := range m.subscriptions.all() {
		m.hub.leave(s)
	}
	m.subscriptions = subscriptions{}
}

// Admit counts one request of size bytes against every limit that it may reach.
func (m *Member) Admit(now time.Time, size int) *wire.Fault {
	scope, retry := m.place.Message(now, size)
	if scope == "" {
		return nil
	}
	return &wire.Fault{Code: wire.RateLimited, Message: "too many messages for this " + string(scope), Retry: retry}
}

// Echo says whether the member may echo on a channel. The answer is the session's: nothing of it leaves the connection.
func (m *Member) Echo(name string) *wire.Fault {
	_, fault := m.allowed(acl.Echo, name)
	return fault
}

// Publish sends data to everyone who hears the channel, and returns once the engine has it. It copies data.
func (m *Member) Publish(ctx context.Context, name string, data []byte) *wire.Fault {
	ref, fault := m.allowed(acl.Publish, name)
	if fault != nil {
		return fault
	}
	if err := m.hub.waitForRoom(ctx, ref); err != nil {
		return &wire.Fault{Code: wire.Unavailable, Message: "the gateway is too busy on this channel", Retry: time.Second}
	}
	_, err := m.hub.broker.Publish(ctx, message.Message{
		Channel: ref,
		From:    message.Sender{User: m.principal.User, Connection: m.connection},
		Time:    time.Now(),
		Data:    bytes.Clone(data),
	}, broker.Keep{})
	if err != nil {
		return &wire.Fault{Code: wire.Unavailable, Message: "the engine did not take the message", Retry: time.Second}
	}
	return nil
}

// waitForRoom lets a publisher wait while the channel has more to say on this node than it may hold.
func (h *Hub) waitForRoom(ctx context.Context, ref channel.Ref) error {
	r := h.shard(ref).find(ref)
	if r == nil {
		return nil
	}
	for wait := r.full(); wait != nil; wait = r.full() {
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Subscribe begins the delivery of a channel, until Unsubscribe or Leave. confirm runs when it is certain and before the first message, so that a client
// hears the ok first; it must not wait. Everything published after it arrives. No channel keeps history: whoever wants to continue since a position
// is told that in confirm, or, when it is strict, refused.
func (m *Member) Subscribe(name string, since *message.Position, strict bool, confirm func(*wire.Recovery)) *wire.Fault {
	ref, fault := m.allowed(acl.Subscribe, name)
	if fault != nil {
		return fault
	}
	if m.subscriptions.find(ref.Name) != nil {
		return &wire.Fault{Code: wire.AlreadySubscribed, Message: "there is a subscription to " + name}
	}
	if most := m.tenant.Account.Limits().SubscriptionsPerConn; most != limit.Unlimited && m.subscriptions.len() >= most {
		return &wire.Fault{Code: wire.QuotaExceeded, Message: "subscriptions_per_connection is reached: unsubscribe from a channel first"}
	}
	var from *wire.Recovery
	if since != nil {
		if strict {
			return &wire.Fault{Code: wire.Unrecoverable, Message: "this channel keeps no history"}
		}
		from = &wire.Recovery{Reason: "no_history"}
	}
	s := &Subscription{subscriber: m.subscriber}
	if err := m.hub.join(ref, s, func() { confirm(from) }); err != nil {
		return &wire.Fault{Code: wire.Unavailable, Message: "the engine cannot be reached", Retry: time.Second}
	}
	m.subscriptions.add(s)
	return nil
}

// Unsubscribe ends the delivery of a channel. What is on its way may still arrive.
func (m *Member) Unsubscribe(name string) *wire.Fault {
	n, err := channel.Parse(name)
	if err != nil {
		return &wire.Fault{Code: wire.BadChannel, Message: err.Error()}
	}
	s := m.subscriptions.remove(n)
	if s == nil {
		return &wire.Fault{Code: wire.NotSubscribed, Message: "there is no subscription to " + name}
	}
	m.hub.leave(s)
	return nil
}

// denied tells the operator who asks for it, at level debug, which rule said no. The client hears only that.
func (h *Hub) denied(p *auth.Principal, action acl.Action, name channel.Name, d acl.Decision) {
	h.observer.Denied(p, action, name, d)
	h.log.LogAttrs(context.Background(), slog.LevelDebug, "denied",
		slog.String("event", "acl.denied"), slog.String("tenant", p.Tenant.String()), slog.String("user", p.User),
		slog.String("action", action.String()), slog.String("channel", name.String()),
		slog.String("basis", string(d.Basis)), slog.String("rule", d.Rule))
}

// allowed makes a ref of the member's own tenant and asks the policy. A channel that does not exist and one that is forbidden
// have one answer: there is nothing to find out by asking.
func (m *Member) allowed(action acl.Action, name string) (channel.Ref, *wire.Fault) {
	n, err := channel.Parse(name)
	if err != nil {
		return channel.Ref{}, &wire.Fault{Code: wire.BadChannel, Message: err.Error()}
	}
	d := m.tenant.Decide(m.principal, action, n)
	m.hub.observer.Decided(action, d)
	if !d.Allowed {
		m.hub.denied(m.principal, action, n, d)
		return channel.Ref{}, &wire.Fault{Code: wire.Forbidden, Message: action.String() + " on " + name + " is not allowed"}
	}
	return channel.Ref{Tenant: m.principal.Tenant, Name: n}, nil
}
