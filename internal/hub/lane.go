package hub

import (
	"portcullis/internal/channel"
	"portcullis/internal/wire"
)

// A subscription is the lane of its channel in its subscriber's outbox.

// Slow implements [wire.Lane].
func (s *Subscription) Slow() channel.SlowReader { return channel.SlowReader(s.room.slow.Load()) }

// AppendGap implements [wire.Lane].
func (s *Subscription) AppendGap(dst []byte, g *wire.Gap) []byte {
	return s.subscriber.Dialect().AppendNotice(dst, noticeOf(s.room, g))
}

// Dropped implements [wire.Lane].
func (s *Subscription) Dropped(messages int, again bool) {
	s.room.observer.Dropped(s.Slow(), messages)
	s.room.account.Counts().Dropped(messages)
	if !again {
		s.room.observer.Gap(wire.Slow, 1)
	}
}
