package memory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
)

// shard is a part of all channels.
type shard struct {
	// turn is held while a channel's message gets its offset and goes to the sink: so offsets arrive in order. It is taken
	// before mu, and never by a question.
	turn sync.Mutex
	gate gate

	// Guarded by mu, which is never held while the sink is called.
	mu        sync.RWMutex
	wanted    map[channel.Ref]struct{}
	histories map[channel.Ref]*history
	forgotten uint64 // of channels without a history here, nothing up to this offset is known
}

func (s *shard) init() {
	s.wanted = make(map[channel.Ref]struct{})
	s.histories = make(map[channel.Ref]*history)
}

// Interest works also before Run.
func (b *Broker) Interest(add, remove []channel.Ref) error {
	if err := b.reached(); errors.Is(err, broker.ErrClosed) {
		return err
	}
	for _, ref := range add {
		s := b.shard(ref)
		s.mu.Lock()
		s.wanted[ref] = struct{}{}
		s.mu.Unlock()
	}
	for _, ref := range remove {
		if slices.Contains(add, ref) {
			continue
		}
		s := b.shard(ref)
		s.mu.Lock()
		delete(s.wanted, ref)
		s.mu.Unlock()
	}
	return nil
}

// Publish calls the sink before it returns. It never waits, and so has no use for ctx.
func (b *Broker) Publish(_ context.Context, m message.Message, keep broker.Keep) (message.Position, error) {
	sink, err := b.running()
	if err != nil {
		return message.Position{}, err
	}
	s := b.shard(m.Channel)
	if keep.Messages > 0 {
		return b.keep(sink, s, m, keep)
	}
	s.mu.RLock()
	_, wanted := s.wanted[m.Channel]
	_, kept := s.histories[m.Channel]
	s.mu.RUnlock()
	if kept {
		b.forget(s, m.Channel)
	}
	if !wanted {
		return message.Position{}, nil
	}
	return message.Position{}, s.pass(sink, m)
}

// pass is apart from Publish so that a message which nobody here wants is not put on the heap.
func (s *shard) pass(sink broker.Sink, m message.Message) error {
	if !s.gate.enter() {
		return broker.ErrClosed
	}
	defer s.gate.leave()
	sink.Message(&m)
	return nil
}
