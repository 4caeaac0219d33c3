package hub

import (
	"context"
	"slices"

	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// course is what a room knows of the order of its channel, where that keeps history. It is guarded by the room's mu.
type course struct {
	heard message.Position // of the newest message that came in; zero where that has none
	taken message.Position // of the newest that a dispatcher was given: whoever is seated now hears everything after it
	told  message.Position // where the engine said that the channel is, before anything came in
	lost  bool             // the engine may have lost something after heard, and nobody was told yet
	gaps  []gap
}

// gap is told to everybody when the messages before it were delivered.
type gap struct {
	behind uint64 // so many messages of the room
	what   wire.Gap
}

// last is the newest place of which the room knows that nobody misses anything before it. The caller holds the room's mu.
func (c *course) last() message.Position {
	if c.heard.Epoch != "" {
		return c.heard
	}
	return c.told
}

// follow notes the position of a message that comes in, and what is missing before it. The caller holds mu.
func (r *room) follow(m *message.Message) {
	c := &r.course
	last, now := c.last(), m.Position
	c.heard = now
	switch {
	case now.Epoch == "" && c.lost:
		r.tell(wire.Gap{Reason: wire.Engine})
	case now.Epoch == "":
	case last.Epoch != "" && last.Epoch != now.Epoch:
		r.tell(wire.Gap{Before: now.Offset, Epoch: now.Epoch, Reason: wire.Engine})
	case c.lost && (m.Previous == 0 || m.Previous > last.Offset):
		r.tell(wire.Gap{After: last.Offset, Before: now.Offset, Epoch: now.Epoch, Reason: wire.Engine})
	}
	c.lost = false
}

// tell puts a gap behind what is pending. The caller holds mu.
func (r *room) tell(g wire.Gap) {
	r.course.gaps = append(r.course.gaps, gap{r.count + uint64(len(r.pending)), g})
	for _, s := range slices.Clone(r.late.catching) {
		if s.catch.begun { // it is told with the others
			r.enter(s, r.count+uint64(len(r.pending)))
			continue
		}
		s.catch.missed(message.Position{Offset: max(g.Before, 1) - 1, Epoch: g.Epoch})
	}
}

// nextGap takes the gap that is to be told now, nil for none. The caller holds mu.
func (r *room) nextGap() *wire.Gap {
	c := &r.course
	if len(c.gaps) == 0 || c.gaps[0].behind > r.count {
		return nil
	}
	g := c.gaps[0].what
	if c.gaps = c.gaps[1:]; len(c.gaps) == 0 {
		c.gaps = nil
	}
	return &g
}

// Gap tells the channel's subscribers what they do not get. Where there are offsets the next message shows whether something is missing; on a quiet channel the
// engine is asked.
func (s sink) Gap(ref channel.Ref) {
	h := s.hub
	r := h.shard(ref).find(ref)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.course.last().Epoch == "" {
		r.tell(wire.Gap{Reason: wire.Engine})
		r.wake(h)
		return
	}
	if !r.course.lost {
		r.course.lost = true
		h.dispatchers.Go(func() { r.ask(h) })
	}
}

// ask asks the engine where the channel is, unless a message says it first.
func (r *room) ask(h *Hub) {
	ctx, cancel := context.WithTimeout(context.Background(), readBy)
	defer cancel()
	heads, err := h.broker.Heads(ctx, []channel.Ref{r.ref})
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.course
	if !c.lost {
		return
	}
	c.lost = false
	switch last := c.last(); {
	case err != nil:
		r.tell(wire.Gap{After: last.Offset, Epoch: last.Epoch, Reason: wire.Engine})
	case heads[0].Epoch != last.Epoch:
		r.tell(wire.Gap{Before: heads[0].Offset + 1, Epoch: heads[0].Epoch, Reason: wire.Engine})
		c.heard, c.taken = heads[0], message.Position{}
	case heads[0].Offset > last.Offset:
		r.tell(wire.Gap{After: last.Offset, Before: heads[0].Offset + 1, Epoch: last.Epoch, Reason: wire.Engine})
		c.heard, c.taken = heads[0], message.Position{}
	}
	r.wake(h)
}
