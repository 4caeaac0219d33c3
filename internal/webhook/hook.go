package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/tenant"
	"portcullis/internal/webhook/courier"
)

const (
	// linger is how long an event waits for others that could go with it.
	linger = 50 * time.Millisecond

	// The pause before another request is any time below a bound (full jitter), which begins with firstPause, doubles with each failure and ends at longestPause.
	firstPause   = 500 * time.Millisecond
	longestPause = time.Minute
	// longestAsked is how long a receiver may ask for with Retry-After.
	longestAsked = 10 * time.Minute
	// lastPause is the longest one of a node that is about to end.
	lastPause = 250 * time.Millisecond

	// keepFor is how old a batch may be that is sent once more.
	keepFor = time.Hour
)

// hook is one address that one tenant is told at.
type hook struct {
	// Set by newHook, then read-only.
	tenant   tenant.ID
	origin   origin
	queue    *queue
	observer Observer
	log      *slog.Logger
	turns    *limit.Lines    // of the lines that it fails and delivers again: a receiver decides how often
	lines    *limit.Lines    // of those about losses
	hurry    <-chan struct{} // closed when the node is about to end

	setting atomic.Pointer[setting]
	cancel  context.CancelFunc // nil until it runs; for whoever holds the mutex of the hooks

	// Owned by run.
	failures int       // in a row
	failing  time.Time // since when
}

// run sends what the queue holds, batch by batch, until ctx ends.
func (h *hook) run(ctx context.Context) {
	defer h.over(ctx)
	for b := h.next(ctx); b != nil; b = h.next(ctx) {
		for again := true; again; {
			again = h.send(ctx, b)
		}
	}
}

// send sends a batch once, and reports whether it is to be sent again. Otherwise it is done.
func (h *hook) send(ctx context.Context, b *batch) (again bool) {
	a := h.post(ctx, h.setting.Load().courier, b)
	why := lossOf(a.Result)
	switch {
	case a.Result == courier.Taken, why != "":
	case ctx.Err() != nil:
		why = h.why(ctx)
	case time.Since(b.begun) > keepFor:
		why = Expired
	default:
		h.tell(a)
		h.rest(ctx, a)
		if ctx.Err() == nil {
			return true
		}
		h.queue.done(b, h.why(ctx))
		return false
	}
	h.queue.done(b, why)
	if why == Gone {
		h.queue.stop(Gone)
	}
	if ctx.Err() != nil {
		return false
	}
	h.tell(a)
	if a.Result != courier.Taken {
		h.rest(ctx, a)
	}
	return false
}

// over loses what waits still.
func (h *hook) over(ctx context.Context) {
	why := h.why(ctx)
	h.queue.stop(why)
	s := h.setting.Load()
	s.courier.Rest()
	if n := h.queue.losses(); n > 0 {
		h.line(slog.LevelWarn, "a webhook ended with events that its receiver did not get", "webhook.lost", s, slog.Uint64("events", n), slog.String("reason", string(why)))
	}
}

// next waits for the next batch. It is nil when ctx ends.
func (h *hook) next(ctx context.Context) *batch {
	for ctx.Err() == nil {
		b, after := h.queue.take(time.Now(), h.hurried())
		if b != nil {
			return b
		}
		var wait, told <-chan time.Time
		if h.confess() {
			told = time.After(time.Second)
		}
		hurry := h.hurry
		if after > 0 {
			wait = time.After(after)
		} else {
			hurry = nil
		}
		select {
		case <-h.queue.ready:
		case <-wait:
		case <-told:
		case <-hurry:
		case <-ctx.Done():
		}
	}
	return nil
}

func (h *hook) hurried() bool {
	select {
	case <-h.hurry:
		return true
	default:
		return false
	}
}

// rest waits before the next request, as long as the receiver asks for and a part of a bound that grows.
func (h *hook) rest(ctx context.Context, a courier.Answer) {
	bound := min(longestPause, firstPause<<min(h.failures-1, 16))
	pause := min(a.After, longestAsked) + rand.N(bound) //nolint:gosec // a pause is no secret
	hurry := h.hurry
	if h.hurried() {
		pause, hurry = min(pause, lastPause), nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-ctx.Done():
	}
}

// tell counts failures in a row, and tells the operator when they begin and end, and what was lost meanwhile.
func (h *hook) tell(a courier.Answer) {
	s := h.setting.Load()
	switch {
	case a.Result != courier.Taken:
		if h.failures++; h.failures == 1 {
			h.failing = time.Now()
			h.turn(slog.LevelWarn, "a webhook fails", "webhook.failed", s, slog.String("result", string(a.Result)), slog.String("detail", a.Detail))
		}
	case h.failures > 0:
		h.turn(slog.LevelInfo, "a webhook delivers again", "webhook.recovered", s, slog.Int("failures", h.failures), slog.Int64("failed_for_ms", time.Since(h.failing).Milliseconds()))
		h.failures = 0
	}
	if a.Result == courier.Ended {
		h.line(slog.LevelError, "a webhook's receiver is gone: it is told nothing until the configuration is taken anew; take the webhook out of it", "webhook.gone", s)
	}
	h.confess()
}

// confess tells the operator what was lost, a line a second at most, and reports whether that is to be done later.
func (h *hook) confess() (later bool) {
	if !h.queue.lossy() {
		return false
	}
	if _, ok := h.lines.Next(time.Now()); !ok {
		return true
	}
	h.line(slog.LevelWarn, "a webhook lost events; the receiver is told how many", "webhook.lost", h.setting.Load(), slog.Uint64("events", h.queue.losses()))
	return false
}

// turn writes a line that a receiver could cause as often as it likes.
func (h *hook) turn(level slog.Level, text, event string, s *setting, more ...slog.Attr) {
	if suppressed, ok := h.turns.Next(time.Now()); ok {
		h.line(level, text, event, s, append(more, slog.Int64("suppressed", suppressed))...)
	}
}

// line writes one line. No event stands in it, no answer, and of the address the host alone: some paths and queries are keys.
func (h *hook) line(level slog.Level, text, event string, s *setting, more ...slog.Attr) {
	h.log.LogAttrs(context.Background(), level, text, append([]slog.Attr{slog.String("event", event), slog.String("tenant", h.tenant.String()), slog.String("webhook", s.place), slog.String("host", s.courier.Host())}, more...)...)
}

// why is why a hook ended whose context did.
func (h *hook) why(ctx context.Context) Loss {
	if errors.Is(context.Cause(ctx), errRemoved) {
		return Removed
	}
	return Shutdown
}

// marker is the event that tells of a loss.
func (h *hook) marker(b *batch) []byte {
	text := encode(h.origin.head("events.lost"), "", b.lost.to, lost{b.lost.count, stamp(b.lost.from), stamp(b.lost.to)}, nil)
	id := strconv.AppendQuote([]byte(`{"id":`), b.id+"_lost")
	return append(append(id, ','), text...)
}
