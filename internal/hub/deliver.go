package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// work is one dispatcher's table: it is cleared and used again, so that a delivery allocates nothing that grows with its subscribers.
type work struct {
	messages []*message.Message
	members  []*Subscription // of all groups, one behind the other
	groups   []span
	buf      []byte
	batch    Batch
}

// span is how many of the members speak one dialect.
type span struct {
	dialect wire.Dialect
	members int
}

var works = sync.Pool{New: func() any { return new(work) }}

// deliver encodes the batch once for each dialect and hands the same bytes to all its subscribers.
func (w *work) deliver(h *Hub) {
	w.batch = Batch{Messages: w.messages, Recipients: len(w.members)}
	from := 0
	for _, g := range w.groups {
		frames := w.buf[:0]
		for _, m := range w.messages {
			frames = g.dialect.AppendMessage(frames, m)
		}
		w.buf = frames
		w.batch.Bytes += len(frames) * g.members
		if kept := give(w.members[from:from+g.members], frames, len(w.messages), h.slices); kept {
			w.buf = nil // somebody's outbox refers to it
		}
		from += g.members
	}
	w.batch.Done = time.Now()
	h.observer.Delivered(&w.batch)
	clear(w.messages)
	clear(w.members)
	if cap(w.buf) > 2*batchBytes {
		w.buf = nil
	}
}

// give hands frames to every member. Many members are cut into slices, for as many goroutines as there are cores.
func give(members []*Subscription, frames []byte, messages, slices int) (kept bool) {
	if slices = min(slices, len(members)/sliceSize); slices < 2 {
		for _, s := range members {
			if s.subscriber.Deliver(frames, messages) {
				kept = true
			}
		}
		return kept
	}
	var any atomic.Bool
	var all sync.WaitGroup
	for i := range slices {
		slice := members[i*len(members)/slices : (i+1)*len(members)/slices]
		all.Go(func() {
			if give(slice, frames, messages, 1) {
				any.Store(true)
			}
		})
	}
	all.Wait()
	return any.Load()
}
