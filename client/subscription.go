package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Subscription is one channel's messages, from Subscribe until Unsubscribe, the gateway's "unsubscribed", or the end of the connection.
// A gateway that takes the right to a channel away says "unsubscribed", and nothing of the channel comes behind it.
// It is safe for concurrent use; each message goes to one caller of Next.
type Subscription struct {
	// Set by claim, then read-only.
	conn    *Conn
	channel string
	gone    chan struct{} // closed when the channel can be subscribed to again

	leaving bool // this client wants out, and the gateway's last word is still to come; guarded by the connection's mu

	inbox inbox
}

// Subscribe asks for a channel's messages, and returns when the gateway has agreed. Everything published from then on arrives. A connection has
// one subscription to a channel: a second one is an [*Error] with code already_subscribed. What the gateway chose by itself ([Welcome].Chosen) is
// heard by nobody until Subscribe takes it over.
func (c *Conn) Subscribe(ctx context.Context, channel string) (*Subscription, error) {
	s, err := c.claim(ctx, channel)
	if err != nil {
		return nil, err
	}
	p, err := c.send(ctx, request{Type: "subscribe", Channel: channel})
	if err != nil {
		c.release(s)
		return nil, err
	}
	f, answered := c.wait(ctx, p)
	if !answered {
		err = c.unanswered(ctx)
		c.leave(s, p)
		return nil, err
	}
	// This client has no other: the gateway subscribed it by itself.
	if err := f.fault(); err != nil && f.Code != "already_subscribed" {
		c.release(s)
		return nil, err
	}
	return s, nil
}

// Channel returns the channel's name.
func (s *Subscription) Channel() string { return s.channel }

// Next returns the oldest message that nobody has taken, and waits for one where there is none. When the subscription has ended, and all
// that had come before is taken, it returns why: [ErrUnsubscribed], an [*Error] with the code of the gateway's "unsubscribed", or what
// [Conn.Err] tells.
func (s *Subscription) Next(ctx context.Context) (Message, error) {
	for {
		m, found, err := s.inbox.take()
		if found || err != nil {
			return m, err
		}
		select {
		case <-s.inbox.ready:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

// Unsubscribe leaves the channel. What was not taken is dropped, and Next returns [ErrUnsubscribed] at once. Unsubscribe itself returns when the
// gateway has agreed; when the context ends before, its error is returned and the channel is left all the same.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	s.conn.leave(s, nil)
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim takes the place of a channel's one subscription. Messages may come from then on. It waits for one that is being left, so that the
// gateway hears of it in order.
func (c *Conn) claim(ctx context.Context, channel string) (*Subscription, error) {
	for {
		s, held, err := c.tryClaim(channel)
		if held == nil {
			return s, err
		}
		select {
		case <-held.gone:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Conn) tryClaim(channel string) (s, held *Subscription, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, nil, c.err
	}
	if held = c.subscriptions[channel]; held == nil {
		s = &Subscription{conn: c, channel: channel, gone: make(chan struct{}), inbox: inbox{ready: make(chan struct{}, 1)}}
		c.subscriptions[channel] = s
		return s, nil, nil
	}
	if held.leaving {
		return nil, held, nil
	}
	return nil, nil, &Error{Code: "already_subscribed", Message: fmt.Sprintf("this connection has a subscription to %s", channel)}
}

// release gives the place back, unless that has happened.
func (c *Conn) release(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s)
}

// drop is release for a holder of mu.
func (c *Conn) drop(s *Subscription) {
	if c.subscriptions[s.channel] == s {
		delete(c.subscriptions, s.channel)
		close(s.gone)
	}
}

// leave ends s for this client at once, and for the gateway in a goroutine of its own: no caller that has no more time leaves the gateway sending.
// asked is the request to subscribe when its answer is still to come.
func (c *Conn) leave(s *Subscription, asked *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || s.leaving || c.subscriptions[s.channel] != s {
		return // the end of the connection ends it too, or somebody else did
	}
	s.leaving = true
	s.inbox.end(ErrUnsubscribed)
	s.inbox.clear()
	c.workers.Go(func() {
		c.part(s, asked)
		c.release(s)
	})
}

// part tells the gateway that s is left. A gateway that is asked too often says so and is asked again.
func (c *Conn) part(s *Subscription, asked *call) {
	if asked != nil {
		if f, answered := c.wait(c.life, asked); !answered || f.fault() != nil {
			return
		}
	}
	for {
		_, err := c.ask(c.life, request{Type: "unsubscribe", Channel: s.channel})
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Retry == 0 { // with not_subscribed the gateway was first
			return
		}
		select {
		case <-time.After(refused.Retry):
		case <-c.ending:
			return
		}
	}
}

// deliver gives a message to its subscription. It never waits.
func (c *Conn) deliver(f frame) {
	c.mu.Lock()
	s := c.subscriptions[f.Channel]
	c.mu.Unlock()
	if s != nil {
		s.inbox.put(f.message(f.Channel, ""))
	}
}

// unsubscribed ends a subscription that the gateway takes away.
func (c *Conn) unsubscribed(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subscriptions[f.Channel]
	if s == nil || s.leaving { // the answer to leaving is still to come
		return
	}
	c.drop(s)
	s.inbox.end(f.fault())
}

// endSubscriptions tells everybody who waits for a message why there will be none.
func (c *Conn) endSubscriptions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subscriptions {
		c.drop(s)
		s.inbox.end(c.err)
	}
}
