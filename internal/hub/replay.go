package hub

import (
	"context"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

const (
	// replayMost and replayBytes are how much is sent to a subscriber that continues: half of what its outbox holds.
	replayMost  = 500
	replayBytes = 512 << 10
	// readBy is how long the engine may take to say what it stores.
	readBy = 10 * time.Second
	// readAgain is how often it is asked anew because too much was said meanwhile.
	readAgain = 3
)

// found is where a subscriber begins.
type found struct {
	at       message.Position   // everything after it comes
	page     []*message.Message // before that
	recovery *wire.Recovery     // nil for whoever did not want to continue
}

// find asks the engine where s is to begin. What comes in meanwhile s holds; where that was too much, the engine is asked again.
func (h *Hub) find(ctx context.Context, s *Subscription, how Start) (f *found, err error) {
	for range readAgain {
		s.room.restart(s)
		if how.Since == nil {
			f, err = h.present(ctx, s.room.ref)
		} else {
			f, err = h.since(ctx, s, *how.Since)
		}
		if err != nil || !s.room.overran(s) {
			break
		}
	}
	if err == nil && how.from != nil {
		f.recovery = how.from
	}
	return f, err
}

// restart drops what s holds: the engine is about to be asked for it.
func (r *room) restart(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.catch != nil {
		s.catch.take()
	}
}

// overran reports whether more came in than s holds.
func (r *room) overran(s *Subscription) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.catch != nil && s.catch.over
}

// present is where the channel is now.
func (h *Hub) present(ctx context.Context, ref channel.Ref) (*found, error) {
	heads, err := h.broker.Heads(ctx, []channel.Ref{ref})
	if err != nil {
		return nil, err
	}
	return &found{at: heads[0]}, nil
}

// since is what s missed since a position, or that it cannot be told.
func (h *Hub) since(ctx context.Context, s *Subscription, from message.Position) (*found, error) {
	stored, complete, err := h.broker.Since(ctx, s.room.ref, from, replayMost+1)
	if err != nil {
		return nil, err
	}
	f, size := &found{at: from, page: make([]*message.Message, 0, len(stored))}, 0
	for i := range stored {
		m := &stored[i]
		f.at = m.Position
		if s.hears(m) {
			f.page = append(f.page, m)
			size += sizeOf(m)
		}
	}
	switch {
	case !complete:
	case len(stored) > replayMost || size > replayBytes:
		return h.anew(ctx, s, wire.TooMany)
	default:
		f.recovery = &wire.Recovery{Recovered: true, Replayed: len(f.page)}
		return f, nil
	}
	f, err = h.anew(ctx, s, wire.Trimmed)
	if err == nil && (f.at.Epoch != from.Epoch || f.at.Offset < from.Offset) {
		f.recovery.Reason = wire.Epoch
	}
	return f, err
}

// anew begins with the present, for somebody who wanted to continue.
func (h *Hub) anew(ctx context.Context, s *Subscription, why wire.Unrecovered) (*found, error) {
	f, err := h.present(ctx, s.room.ref)
	if err != nil {
		return nil, err
	}
	f.recovery = &wire.Recovery{Reason: why}
	return f, nil
}

// replay gives s what it missed, then what it held, and seats it among those who hear. Nobody waits for s meanwhile. The caller holds the member's mu.
func (h *Hub) replay(s *Subscription, f *found) {
	r, at := s.room, f.at
	h.alone(s, f.page)
	for {
		r.mu.Lock()
		held := s.catch.take()
		if len(held.held) == 0 && !held.over {
			r.know(at)
			r.ready(s, at)
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		if held.over && after(held.last, at) {
			s.tell(between(at, held.last))
			h.observer.Gap(wire.Slow, 1)
			at = held.last
		}
		rest := held.held
		for len(rest) > 0 && !after(rest[0].Position, at) {
			rest = rest[1:]
		}
		h.alone(s, rest)
		if len(rest) > 0 {
			at = rest[len(rest)-1].Position
		}
	}
}

// between is a gap that begins behind one position and ends with another: without offsets where that has none.
func between(at, last message.Position) *wire.Gap {
	g := &wire.Gap{Reason: wire.Slow}
	if last.Epoch != "" {
		g.Before, g.Epoch = last.Offset+1, last.Epoch
	}
	if at.Epoch == last.Epoch {
		g.After = at.Offset
	}
	return g
}

// after reports whether a message at p comes after at. One without a position does: its channel keeps history no more.
func after(p, at message.Position) bool {
	return p.Epoch == "" || p.Epoch != at.Epoch || p.Offset > at.Offset
}

// know notes where the engine says that the channel is. The caller holds mu.
func (r *room) know(at message.Position) {
	if r.course.heard.Epoch == "" && at.Epoch != "" {
		r.course.told = at
	}
}
