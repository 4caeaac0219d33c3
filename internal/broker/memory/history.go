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
func (b *Broker) keep(shard int, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	s := &b.engine.shards[shard]
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := b.reached(); err != nil {
		return broker.Receipt{}, err
	}
	if wanted := b.engine.store(s, &m, keep); wanted != nil {
		return broker.Receipt{Position: m.Position}, b.pass(wanted, shard, m)
	}
	return broker.Receipt{Position: m.Position}, nil
}

// store gives m its place, and returns who wants it.
func (e *engine) store(s *shard, m *message.Message, keep broker.Keep) *audience {
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
	m.Position = message.Position{Offset: e.last.Add(1), Epoch: e.epoch}
	h.Add(*m, now)
	h.Trim(keep, now)
	return s.wanted[m.Channel]
}

// forget ends the history of a channel that no longer keeps one. Whoever comes back with an older position has missed something.
func (e *engine) forget(s *shard, ref channel.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.histories, ref)
	s.forgotten = e.last.Add(1)
}

// Since reads the channel's history.
func (b *Broker) Since(_ context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	if err := b.reached(); err != nil {
		return nil, false, err
	}
	e := b.engine
	_, s := e.place(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := from.Epoch == e.epoch && from.Offset <= e.last.Load()
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
		heads[i] = message.Position{Offset: b.engine.head(ref), Epoch: b.engine.epoch}
	}
	return heads, nil
}

// head reads last under the lock, under which the channel's next message gets a greater offset.
func (e *engine) head(ref channel.Ref) uint64 {
	_, s := e.place(ref)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if h := s.histories[ref]; h != nil && h.Len() > 0 {
		return h.Newest()
	}
	return e.last.Load()
}

const (
	// sweepEvery and sweepShards look at each history about once a minute. What is old is left out of every answer at once; this gives the memory back.
	sweepEvery  = time.Second
	sweepShards = 4
)

// sweep drops histories whose messages all grew old.
func (e *engine) sweep(now time.Time) {
	for range sweepShards {
		s := &e.shards[e.swept.Add(1)%shards]
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
