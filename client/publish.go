package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// keyCounts is how long a publication is repeated: less than the five minutes for which the gateway knows its key.
	keyCounts = 4 * time.Minute
	// mostBare bounds what is known of channels without history. When it is full all of it is forgotten, which costs a request for each.
	mostBare = 1024
)

var errKeyOld = errors.New("no answer came for " + keyCounts.String() + ", and the gateway may forget that it had the message")

// Published is what the gateway says of a publication that its engine has.
type Published struct {
	Position       // on a channel that keeps history
	Duplicate bool // an attempt before this one had come through, and its answer had not
}

// published reads the ok of a publication.
func (f *frame) published() Published {
	return Published{Position{f.Offset, f.Epoch}, f.Duplicate}
}

// Publish sends data to everybody who hears a channel, and returns when the gateway's engine has it. Data is what it is for [Conn.Publish].
//
// On a channel that keeps history it is sent again, with an idempotency key, where the answer was lost: it is published once. That goes on for as long
// as the context does, and for four minutes at the most, because the gateway knows a key for five. On other channels it is sent once. Where
// nobody knows whether it was published, because the answer is still missing then, the error is [ErrUncertain]. What the gateway refused, with an
// [*Error], and what was never sent was not published.
func (k *Client) Publish(ctx context.Context, channel string, data any) (Published, error) {
	r, err := publication(channel, data)
	if err != nil {
		return Published{}, err
	}
	r.Key = k.key(channel)
	p := publishing{client: k, request: r}
	for {
		f, done, err := p.attempt(ctx)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = errKeyOld
		}
		switch {
		case err != nil && p.sent:
			return Published{}, fmt.Errorf("publish on %s: %w: %w", channel, ErrUncertain, err)
		case err != nil:
			return Published{}, err
		case done:
			k.keeps(channel, f.Epoch != "")
			return f.published(), nil
		}
	}
}

// publishing is one publication, over all its attempts.
type publishing struct {
	client  *Client
	request request
	sent    bool // an attempt went out whose fate is not known
	since   time.Time
}

// attempt sends the request once. Without an answer and without an error there is to be another attempt.
func (p *publishing) attempt(ctx context.Context) (f frame, answered bool, err error) {
	if p.sent {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, p.since.Add(keyCounts))
		defer stop()
	}
	conn, err := p.client.connected(ctx)
	if err != nil {
		return f, false, err
	}
	asked, err := conn.send(ctx, p.request)
	if err != nil {
		if !lostWith(conn, err) {
			return f, false, err
		}
		return f, false, p.client.pause(ctx, conn) // nothing was sent
	}
	if p.since.IsZero() {
		p.since = time.Now()
	}
	if f, answered = conn.wait(ctx, asked); answered {
		return p.judge(ctx, f)
	}
	conn.forget(asked)
	p.sent = true
	if err := conn.unanswered(ctx); p.request.Key == "" || ctx.Err() != nil {
		return f, false, err
	}
	return f, false, p.client.pause(ctx, conn)
}

// judge says what an answer means. An unavailable is one that nobody knows the meaning of.
func (p *publishing) judge(ctx context.Context, f frame) (frame, bool, error) {
	err := f.fault()
	switch {
	case err == nil:
		return f, true, nil
	case f.Code == "not_available" && p.request.Key != "" && !p.sent:
		p.client.keeps(p.request.Channel, false)
		p.request.Key = ""
		return f, false, nil
	case f.Code == "unavailable":
		p.sent = true
	case f.Code == "rate_limited" && p.sent: // it must still find out
	default:
		return f, false, err
	}
	if p.request.Key == "" {
		return f, false, err
	}
	sleep(ctx, max(milliseconds(f.RetryMS), shortPause))
	return f, false, ctx.Err()
}

// key makes an idempotency key, empty where the channel is known to keep no history.
func (k *Client) key(channel string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bare[channel] {
		return ""
	}
	k.number++
	return k.keyed + "-" + strconv.FormatUint(k.number, 36)
}

// keeps remembers whether a channel keeps history.
func (k *Client) keeps(channel string, history bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if history {
		delete(k.bare, channel)
		return
	}
	if len(k.bare) >= mostBare {
		clear(k.bare)
	}
	k.bare[channel] = true
}
