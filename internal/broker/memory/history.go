package memory

import (
	"context"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/ring"
	"portcullis/internal/channel"
	"portcullis/internal/message"
)

// history is what a channel keeps.
type history struct {
	*ring.Ring
	keep broker.Keep // of the last publication
}

// keep is Publish on a channel with history.
func (b *Broker) keep(sink broker.Sink, s *shard, m message.Message, keep broker.Keep) (message.Position, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.gate.enter() {
		return message.Position{}, broker.ErrClosed
	}
	defer s.gate.leave()
	if b.store(s, &m, keep) {
		sink.Message(&m)
	}
	return m.Position, nil
}

// store gives m its place, and reports whether this node wants it.
func (b *Broker) store(s *shard, m *message.Message, keep broker.Keep) (wanted bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.histories[m.Channel]
	if h == nil {
		h = &history{Ring: ring.New(s.forgotten)}
		s.histories[m.Channel] = h
	}
	h.keep = keep
	h.Trim(keep, now)
	m.Previous = h.Newest()
	m.Position = message.Position{Offset: b.last.Add(1), Epoch: b.epoch}
	h.Add(*m, now)
	h.Trim(keep, now)
	_, wanted = s.wanted[m.Channel]
	return wanted
}

// forget ends the history of a channel that no longer keeps one. Whoever comes back with an older position has missed something.
func (b *Broker) forget(s *shard, ref channel.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.histories, ref)
	s.forgotten = b.last.Add(1)
}

// Since reads the channel's history.
func (b *Broker) Since(_ context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	if err := b.reached(); err != nil {
		return nil, false, err
	}
	s := b.shard(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := from.Epoch == b.epoch && from.Offset <= b.last.Load()
	if !known {
		from.Offset = 0
	}
	h := s.histories[ref]
	if h == nil {
		return nil, known && from.Offset >= s.forgotten, nil
	}
	h.Trim(h.keep, time.Now())
	page, complete := h.Since(from.Offset, limit)
	return page, complete && known, nil
}

// Heads reads the newest positions.
func (b *Broker) Heads(_ context.Context, refs []channel.Ref) ([]message.Position, error) {
	if err := b.reached(); err != nil {
		return nil, err
	}
	heads := make([]message.Position, len(refs))
	for i, ref := range refs {
		heads[i] = message.Position{Offset: b.head(ref), Epoch: b.epoch}
	}
	return heads, nil
}

// head reads last under the lock, under which the channel's next message gets a greater offset.
func (b *Broker) head(ref channel.Ref) uint64 {
	s := b.shard(ref)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if h := s.histories[ref]; h != nil && h.Len() > 0 {
		return h.Newest()
	}
	return b.last.Load()
}

const (
	// sweepEvery and sweepShards look at each history about once a minute. What is old is left out of every answer at once; this gives the memory back.
	sweepEvery  = time.Second
	sweepShards = 4
)

// sweep drops histories whose messages all grew old.
func (b *Broker) sweep(now time.Time) {
	for range sweepShards {
		s := &b.shards[b.swept%shards]
		b.swept++
		s.mu.Lock()
		for ref, h := range s.histories {
			if h.Trim(h.keep, now); h.Len() == 0 {
				s.forgotten = max(s.forgotten, h.Lost())
				delete(s.histories, ref)
			}
		}
		s.mu.Unlock()
	}
}
