package memory

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/ring"
	"portcullis/internal/channel"
	"portcullis/internal/message"
)

// history is what a channel keeps. It is guarded by the lock of its shard.
type history struct {
	*ring.Ring
	ref   channel.Ref
	vault *vault
	keep  broker.Keep   // of the last publication
	gone  atomic.Uint64 // messages up to this offset are not stored any more: for whoever has no lock
}

// change does something to what is stored, and settles it with the vault.
func (h *history) change(f func()) {
	was, count := h.Bytes(), h.Len()
	f()
	h.gone.Store(h.Lost())
	h.vault.settle(int64(h.Bytes()-was), h.Len()-count)
}

func (h *history) trim(now time.Time) { h.change(func() { h.Trim(h.keep, now) }) }

// keep is Publish on a channel with history.
func (b *Broker) keep(shard int, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	s := &b.engine.shards[shard]
	receipt, err := b.take(shard, s, m, keep)
	if err == nil && keep.Total > 0 {
		b.engine.vault(m.Channel.Tenant).makeRoom(b.engine, keep.Total)
	}
	return receipt, err
}

// take stores m and gives it to everybody who wants it.
func (b *Broker) take(shard int, s *shard, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := b.reached(); err != nil {
		return broker.Receipt{}, err
	}
	wanted, receipt, err := b.engine.store(s, &m, keep)
	if err != nil || wanted == nil {
		return receipt, err
	}
	return receipt, b.pass(wanted, shard, m)
}

// store gives m its place, and returns who wants it.
func (e *engine) store(s *shard, m *message.Message, keep broker.Keep) (wanted *audience, r broker.Receipt, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if keep.ID != (broker.ID{}) {
		offset, known, err := s.seen.find(keep.ID, e.print(m), now.Sub(e.began))
		switch {
		case err != nil:
			return nil, broker.Receipt{}, err
		case known:
			return nil, broker.Receipt{Position: message.Position{Offset: offset, Epoch: e.epoch}, Duplicate: true}, nil
		case e.vault(m.Channel.Tenant).full(keep.Total):
			return nil, broker.Receipt{}, broker.ErrFull
		}
	}
	h := s.histories[m.Channel]
	if h == nil {
		h = &history{Ring: ring.New(e.lost(s, m.Channel)), ref: m.Channel, vault: e.vault(m.Channel.Tenant)}
		s.histories[m.Channel] = h
		delete(s.graves, m.Channel)
	}
	m.Channel = h.ref // one name for all, and not one for each as it came in
	h.keep = keep
	h.trim(now)
	m.Previous = h.Newest()
	m.Position = message.Position{Offset: h.vault.last.Add(1), Epoch: e.epoch}
	h.change(func() {
		h.Add(*m, now)
		h.Trim(keep, now)
	})
	h.vault.remember(h, m.Position.Offset)
	if keep.ID != (broker.ID{}) {
		s.seen.add(keep.ID, h.vault, m.Position.Offset, e.print(m), now.Sub(e.began))
	}
	return s.wanted[m.Channel], broker.Receipt{Position: m.Position}, nil
}

// forget ends the history of a channel that no longer keeps one. Whoever comes back with an older position has missed something.
func (e *engine) forget(s *shard, ref channel.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.histories[ref]; h != nil {
		e.bury(s, h, h.vault.last.Add(1))
	}
}

// known says whether a position is one that this engine gave to a tenant's channel.
func (e *engine) known(ref channel.Ref, p message.Position) bool {
	return p.Epoch == e.epoch && p.Offset <= e.vault(ref.Tenant).last.Load()
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
	known := e.known(ref, from)
	if !known {
		from.Offset = 0
	}
	h := s.histories[ref]
	if h == nil {
		return nil, known && from.Offset >= e.lost(s, ref), nil
	}
	h.trim(time.Now())
	page, complete := h.Since(from.Offset, limit)
	return page, complete && known, nil
}

// Before reads it from the other end.
func (b *Broker) Before(_ context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	if err := b.reached(); err != nil {
		return nil, false, err
	}
	e := b.engine
	_, s := e.place(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := e.known(ref, from)
	if !known {
		from.Offset = math.MaxUint64
	}
	h := s.histories[ref]
	if h == nil {
		return nil, known, nil
	}
	h.trim(time.Now())
	return h.Before(from.Offset, limit), known, nil
}

// Purge forgets the channel's history, between two of its messages.
func (b *Broker) Purge(_ context.Context, ref channel.Ref) (message.Position, error) {
	if err := b.reached(); err != nil {
		return message.Position{}, err
	}
	e := b.engine
	_, s := e.place(ref)
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.histories[ref]; h != nil {
		e.bury(s, h, max(h.Newest(), h.Lost()))
	}
	return message.Position{Offset: e.vault(ref.Tenant).last.Load(), Epoch: e.epoch}, nil
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
	return e.vault(ref.Tenant).last.Load()
}

const (
	// sweepEvery and sweepShards look at each history about once a minute. What is old is left out of every answer at once; this gives the memory back.
	sweepEvery  = time.Second
	sweepShards = 4
)

// sweep drops histories whose messages all grew old, and IDs of long ago.
func (e *engine) sweep(now time.Time) {
	for range sweepShards {
		s := &e.shards[e.swept.Add(1)%shards]
		s.mu.Lock()
		for _, h := range s.histories {
			if h.trim(now); h.Len() == 0 {
				e.bury(s, h, h.Lost())
			}
		}
		if len(s.histories) == 0 {
			s.histories = make(map[channel.Ref]*history) // a map that was large stays so
		}
		s.seen.expire(now.Sub(e.began))
		s.mu.Unlock()
	}
}
