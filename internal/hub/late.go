package hub

import (
	"slices"

	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// late are a room's subscriptions that are not like the others. It is guarded by the room's mu, and empty in most rooms.
type late struct {
	catching []*Subscription          // they hold what comes in until they have begun
	entering []entering               // they were given what is pending, and are seated when the dispatcher was too
	muted    map[string]*Subscription // who does not hear its own connection, by that
}

type entering struct {
	s     *Subscription
	after uint64 // so many messages of the room
}

const (
	// heldMost and heldBytes are how much a subscription holds while it catches up. What is more is a gap.
	heldMost  = 512
	heldBytes = 512 << 10
)

// catch is a subscription that catches up with its channel: it holds what is said meanwhile.
type catch struct {
	held  []*message.Message
	bytes int
	over  bool             // it was too much, or the engine lost something: what was held is dropped, and everything up to last is missing
	last  message.Position // of the newest that is missing

	// begun says that the subscription has begun, and holds nothing any more: it was given everything up to read, of which some is still on its way to the room.
	begun bool
	read  message.Position
}

// come gives a message that was put behind what is pending to those who are late. The caller holds mu.
func (r *room) come(m *message.Message) {
	for _, s := range slices.Clone(r.late.catching) {
		c, pending := s.catch, r.count+uint64(len(r.pending))
		switch {
		case !c.begun:
			s.hold(m)
		case after(m.Position, c.read): // what was on its way has come, or was only in the engine's word
			r.enter(s, pending-1)
		case m.Position == c.read:
			r.enter(s, pending)
		}
	}
}

// hold keeps a message until s has begun. The caller holds the room's mu.
func (s *Subscription) hold(m *message.Message) {
	c := s.catch
	if c.bytes += len(m.Data); len(c.held) >= heldMost || c.bytes > heldBytes && len(c.held) > 0 {
		c.missed(m.Position)
		return
	}
	c.held = append(c.held, m)
}

// missed drops what is held: everything up to a position is missing.
func (c *catch) missed(last message.Position) { *c = catch{over: true, last: last} }

// take returns what was held since the last time. The caller holds the room's mu.
func (c *catch) take() (held catch) {
	held, *c = *c, catch{}
	return held
}

// begin lets s hold what comes in. known is the position from which on it does, the zero Position where the room does not know.
func (r *room) begin(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.index, s.catch = -1, new(catch)
	r.late.silence(s)
	r.late.catching = append(r.late.catching, s)
}

// enter seats s, which was given the first so many messages of the room, as soon as the dispatcher was given them too. The caller holds mu.
func (r *room) enter(s *Subscription, given uint64) {
	r.late.catching = without(r.late.catching, s)
	s.catch = nil
	if given == r.count {
		r.seat(s)
		return
	}
	r.late.entering = append(r.late.entering, entering{s, given})
}

// ready lets s begin, which was given everything that came in, and everything up to a position. The caller holds mu, and the member's.
func (r *room) ready(s *Subscription, at message.Position) {
	if heard := r.course.heard; heard.Epoch == at.Epoch && heard.Offset >= at.Offset || heard.Epoch == "" && r.count > 0 {
		r.enter(s, r.count+uint64(len(r.pending)))
		return
	}
	s.catch.begun, s.catch.read = true, at
}

// admit seats those who were given what the dispatcher was. The caller holds mu.
func (r *room) admit() {
	if len(r.late.entering) == 0 {
		return
	}
	r.late.entering = slices.DeleteFunc(r.late.entering, func(e entering) bool {
		if e.after <= r.count {
			r.seat(e.s)
		}
		return e.after <= r.count
	})
}

// untilNext bounds how many messages make the next batch: whoever is to be seated, or told of a gap, stands between two. The caller holds mu.
func (r *room) untilNext(most int) int {
	for _, e := range r.late.entering {
		most = min(most, int(e.after-r.count))
	}
	if gaps := r.course.gaps; len(gaps) > 0 {
		most = min(most, int(gaps[0].behind-r.count))
	}
	return most
}

// passed counts messages that a dispatcher was given.
func (r *room) passed(n int) { r.count += uint64(n) }

// silence notes that s does not hear its own connection.
func (l *late) silence(s *Subscription) {
	if s.mute == nil {
		return
	}
	if l.muted == nil {
		l.muted = make(map[string]*Subscription)
	}
	l.muted[*s.mute] = s
}

// forget lets go of s.
func (l *late) forget(s *Subscription) {
	if s.mute != nil {
		delete(l.muted, *s.mute)
	}
	if s.index < 0 {
		l.catching = without(l.catching, s)
		l.entering = slices.DeleteFunc(l.entering, func(e entering) bool { return e.s == s })
	}
}

func without(list []*Subscription, s *Subscription) []*Subscription {
	if i := slices.Index(list, s); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// speakers appends those who said something in a batch and do not hear it.
func (l *late) speakers(to []*Subscription, batch []*message.Message) []*Subscription {
	if len(l.muted) == 0 {
		return to
	}
	for _, m := range batch {
		if s := l.muted[m.From.Connection]; s != nil && !s.speaks && s.index >= 0 {
			s.speaks = true
			to = append(to, s)
		}
	}
	return to
}

// hears reports whether s is to hear m.
func (s *Subscription) hears(m *message.Message) bool {
	return s.mute == nil || m.From.Connection != *s.mute
}

// alone gives s messages that others were given already, or are given by a dispatcher.
func (h *Hub) alone(s *Subscription, messages []*message.Message) {
	sent, bytes := s.send(messages)
	if sent > 0 {
		s.room.account.Counts().Sent(sent, bytes)
		h.observer.Caught(sent, bytes)
	}
}

// send encodes messages for s alone.
func (s *Subscription) send(messages []*message.Message) (sent, bytes int) {
	for len(messages) > 0 {
		n, need, p := 0, 0, new(wire.Parcel)
		for _, m := range messages[:min(len(messages), batchMessages)] {
			need += sizeOf(m)
		}
		p.Frames = make([]byte, 0, min(need, batchBytes))
		for n < len(messages) && p.Messages < batchMessages && len(p.Frames) < batchBytes {
			if m := messages[n]; s.hears(m) {
				if p.Messages == 0 {
					p.First, p.Previous = m.Position, m.Previous
				}
				p.Last, p.Tail = m.Position, len(p.Frames)
				p.Frames = s.subscriber.Dialect().AppendMessage(p.Frames, m)
				p.Messages++
			}
			n++
		}
		if p.Messages > 0 && s.subscriber.Deliver(p, s) != Lost {
			sent, bytes = sent+p.Messages, bytes+len(p.Frames)
		}
		messages = messages[n:]
	}
	return sent, bytes
}

// tell tells s of a gap.
func (s *Subscription) tell(g *wire.Gap) {
	if frame := s.subscriber.Dialect().AppendNotice(nil, noticeOf(s.room, g)); len(frame) > 0 {
		s.subscriber.Deliver(&wire.Parcel{Frames: frame, Messages: 1, Stays: true}, s)
	}
}

func noticeOf(r *room, g *wire.Gap) *wire.Notice {
	return &wire.Notice{Kind: wire.Missing, Channel: r.ref.Name.String(), Gap: g}
}
