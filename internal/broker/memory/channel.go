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
	// turn is held while a channel's message gets its offset and goes to the sinks: so offsets arrive in order. It is taken
	// before mu, and never by a question.
	turn sync.Mutex

	// Guarded by mu, which is never held while a sink is called.
	mu        sync.RWMutex
	wanted    map[channel.Ref]*audience
	histories map[channel.Ref]*history
	graves    map[channel.Ref]uint64 // of channels that had one, what they lost: everything up to this offset
	seen      seen
}

func (s *shard) init() {
	s.wanted = make(map[channel.Ref]*audience)
	s.histories = make(map[channel.Ref]*history)
	s.graves = make(map[channel.Ref]uint64)
}

// Interest works also before Run.
func (b *Broker) Interest(add, remove []channel.Ref) error {
	if err := b.reached(); errors.Is(err, broker.ErrClosed) {
		return err
	}
	for _, ref := range add {
		_, s := b.engine.place(ref)
		s.join(ref, b)
	}
	for _, ref := range remove {
		if !slices.Contains(add, ref) {
			_, s := b.engine.place(ref)
			s.quit(ref, b)
		}
	}
	return nil
}

// Publish calls the sinks before it returns. It never waits, and so has no use for ctx.
func (b *Broker) Publish(_ context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	if err := b.reached(); err != nil {
		return broker.Receipt{}, err
	}
	i, s := b.engine.place(m.Channel)
	if keep.Messages > 0 {
		return b.keep(i, m, keep)
	}
	s.mu.RLock()
	wanted := s.wanted[m.Channel]
	_, kept := s.histories[m.Channel]
	s.mu.RUnlock()
	if kept {
		b.engine.forget(s, m.Channel)
	}
	if wanted == nil {
		return broker.Receipt{}, nil
	}
	return broker.Receipt{}, b.pass(wanted, i, m)
}

// pass gives m to everybody who wants it. It is apart from Publish so that a message which nobody wants is not put on the heap.
func (b *Broker) pass(to *audience, shard int, m message.Message) (err error) {
	for _, n := range to.nodes {
		if !n.hear(shard, &m) && n == b {
			err = broker.ErrClosed
		}
	}
	return err
}
