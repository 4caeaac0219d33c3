package client

import (
	"context"
	"fmt"
	"time"
)

// Gap is a part of a channel that a [Feed] does not deliver.
type Gap struct {
	// After and Before are the ends, both exclusive: from Before on everything comes again. 0 is an end that is not known, as both are on a channel
	// that keeps no history.
	After, Before uint64
	Epoch         string // of Before
	// Reason is why: slow or engine while connected; trimmed, epoch, limit or no_history when the feed could not continue on another connection;
	// client when the caller was slower than the channel, and the feed was full.
	Reason string
	// Lost is how many messages are missing, where that is known; 0 where it is not.
	Lost int
}

// through lets a gap reach to a position. Offsets of two epochs have no order: where a gap spans them its beginning is not known.
func (g *Gap) through(p Position) {
	if g.Epoch != p.Epoch {
		g.After, g.Epoch = 0, p.Epoch
	}
	g.Before = p.Offset
}

// FeedOptions say what a [Feed] does besides messages. Their functions are called by [Feed.Next], in its caller's goroutine, where they stand among
// the messages.
type FeedOptions struct {
	// Since is a position to continue from, such as that of the last message that was served before the program was started anew. The zero one means
	// the present.
	Since Position
	// Strict ends the feed with an [*Error], code unrecoverable, where it cannot continue without a gap. OnGap is not told then.
	Strict bool
	// OnGap hears of what does not come. nil means that nobody wants to know.
	OnGap func(Gap)
	// OnPresence hears of users who come and go. The channel must have presence, and the user the right to it.
	OnPresence func(PresenceEvent)
}

// Feed is one channel's messages, over all connections of its [Client]: from Subscribe, or Config.OnFeed, until Unsubscribe, the gateway's
// "unsubscribed", or the end of the client. On a channel that keeps history each message comes once and in order, or a gap says which do not; on others a new connection is
// a gap. It is safe for concurrent use; each message goes to one caller of Next.
//
// A feed holds 1,024 messages, or 4 MiB of them, for a caller that is slower than its channel; what it drops is a gap.
type Feed struct {
	// Set by Subscribe, then read-only.
	client  *Client
	channel string
	options FeedOptions
	queue   queue
	ready   chan struct{} // closed with the gateway's first ok
	gone    chan struct{} // closed when the channel can be subscribed to again

	// Guarded by the client's mu.
	at       Position  // of what was put last; what the next connection continues from
	own      bool      // Subscribe was called for it: it is asked for where the gateway does not choose it
	begun    bool      // the gateway agreed once
	next     time.Time // it is not asked before
	failures int       // of asking, since it last succeeded
	leaving  bool
	err      error // why it is gone
	on       onConnection
}

// onConnection is how far a feed is on the connection that there is.
type onConnection struct {
	chosen  bool // the gateway subscribed to it by itself
	asked   bool // a request is out, or none is needed
	instead bool // the request asks for what the gateway chose to be replaced
	live    bool // what comes is the feed's: before that it may be of what is being replaced
}

// Subscribe asks for a channel's messages, and returns when the gateway has agreed. A client has one feed of a channel: a second one is an [*Error]
// with code already_subscribed, also where Config.OnFeed got the first.
func (k *Client) Subscribe(ctx context.Context, channel string, o FeedOptions) (*Feed, error) {
	f, err := k.claim(ctx, channel, o)
	if err != nil {
		return nil, err
	}
	k.poke()
	select {
	case <-f.ready:
		return f, nil
	case <-f.gone:
		k.mu.Lock()
		defer k.mu.Unlock()
		return nil, f.err
	case <-ctx.Done():
		k.leave(f)
		return nil, fmt.Errorf("subscribe to %s: %w", channel, ctx.Err())
	}
}

// claim takes the place of a channel's one feed. It waits for one that is being left.
func (k *Client) claim(ctx context.Context, channel string, o FeedOptions) (*Feed, error) {
	for {
		k.mu.Lock()
		held := k.feeds[channel]
		switch {
		case k.err != nil:
			defer k.mu.Unlock()
			return nil, k.err
		case held == nil:
			defer k.mu.Unlock()
			f := k.newFeed(channel, o)
			f.own = true
			return f, nil
		case !held.leaving:
			defer k.mu.Unlock()
			return nil, &Error{Code: "already_subscribed", Message: "this client has a feed of " + channel}
		}
		k.mu.Unlock()
		select {
		case <-held.gone:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// newFeed takes the place of a channel's one feed. The caller holds mu.
func (k *Client) newFeed(channel string, o FeedOptions) *Feed {
	f := &Feed{
		client: k, channel: channel, options: o, at: o.Since,
		queue: queue{ready: make(chan struct{}, 1), at: o.Since}, ready: make(chan struct{}), gone: make(chan struct{}),
	}
	k.feeds[channel] = f
	return f
}

// Channel returns the channel's name.
func (f *Feed) Channel() string { return f.channel }

// Next returns the oldest message that nobody has taken, and waits for one where there is none; on its way it tells OnGap and OnPresence. When
// the feed has ended, and all that had come before is taken, it returns why: [ErrUnsubscribed], an [*Error], or what [Client.Err] tells.
func (f *Feed) Next(ctx context.Context) (Message, error) {
	for {
		e, found, err := f.queue.take()
		switch {
		case err != nil:
			return Message{}, err
		case e.message != nil:
			return *e.message, nil
		case e.gap != nil:
			if f.options.OnGap != nil {
				f.options.OnGap(*e.gap)
			}
		case e.presence != nil:
			f.options.OnPresence(*e.presence)
		}
		if found {
			continue
		}
		select {
		case <-f.queue.ready:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

// Unsubscribe leaves the channel. What was not taken is dropped, and Next returns [ErrUnsubscribed] at once. Unsubscribe itself returns when the
// gateway has agreed, or has no connection of this client any more; when the context ends before, the channel is left all the same.
func (f *Feed) Unsubscribe(ctx context.Context) error {
	f.client.leave(f)
	select {
	case <-f.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
