package hub

import (
	"encoding/base64"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// work is one dispatcher's table: it is cleared and used again, so that a delivery allocates nothing that grows with its subscribers.
type work struct {
	messages []*message.Message
	members  []*Subscription // of all groups, one behind the other
	groups   []span
	speakers []*Subscription // who hear the batch without what they said
	gap      *wire.Gap       // in the place of messages
	buf      []byte
	shared   *limit.Shared // stands for buf
	batch    Batch
}

// span is how many of the members speak one dialect.
type span struct {
	dialect wire.Dialect
	members int
}

const (
	envelope  = 192 // about what a dialect puts around a payload
	minBuffer = 1024
)

var works = sync.Pool{New: func() any { return new(work) }}

// deliver encodes the batch once for each dialect and hands the same bytes to all its subscribers.
func (w *work) deliver(h *Hub, r *room) {
	if w.gap != nil {
		w.announce(h, r)
		return
	}
	w.batch = Batch{Messages: w.messages}
	from := 0
	for _, g := range w.groups {
		frames := w.room()
		for _, m := range w.messages {
			frames = g.dialect.AppendMessage(frames, m)
		}
		w.buf = frames
		w.shared.Of(r.account, len(frames))
		taken, kept := h.give(w.members[from:from+g.members], frames, len(w.messages), w.shared, r.account.Rota())
		w.batch.Recipients += taken
		w.batch.Bytes += len(frames) * taken
		if kept > 0 {
			w.buf, w.shared = nil, nil // somebody's outbox refers to them
			// What was queued is sent by other goroutines. Let them: a burst must not fill an outbox that only waits for its turn on a core, as
			// every TLS connection's does.
			runtime.Gosched()
		}
		from += g.members
	}
	w.batch.Done = time.Now()
	r.account.Counts().Sent(len(w.messages)*w.batch.Recipients, w.batch.Bytes)
	h.observer.Delivered(&w.batch)
	w.others(h)
	clear(w.messages)
	clear(w.members)
	if cap(w.buf) > 2*batchBytes {
		w.buf = nil
	}
}

// others gives the batch to those who said something of it.
func (w *work) others(h *Hub) {
	for _, s := range w.speakers {
		h.alone(s, w.messages)
	}
	clear(w.speakers)
}

// announce tells everybody of a gap.
func (w *work) announce(h *Hub, r *room) {
	from := 0
	for _, g := range w.groups {
		frame := g.dialect.AppendNotice(nil, noticeOf(r, w.gap))
		for _, s := range w.members[from : from+g.members] {
			if len(frame) > 0 {
				s.subscriber.Deliver(frame, 1, nil)
			}
		}
		h.observer.Gap(w.gap.Reason, g.members)
		from += g.members
	}
	w.gap = nil
	clear(w.members)
}

// sizeOf is about how many bytes a message takes on the wire.
func sizeOf(m *message.Message) int {
	if m.Binary {
		return base64.StdEncoding.EncodedLen(len(m.Data)) + envelope
	}
	return len(m.Data) + envelope
}

// room returns an empty buffer for the batch: the one of the last batch, unless it is far too large. An outbox counts what it refers to by its
// length, and must not hold much more alive.
func (w *work) room() []byte {
	need := 0
	for _, m := range w.messages {
		need += sizeOf(m)
	}
	if w.shared == nil {
		w.shared = new(limit.Shared)
	}
	if c := cap(w.buf); c < need || c > 2*need+minBuffer {
		w.buf = make([]byte, 0, need)
	}
	return w.buf[:0]
}

// give hands frames, for which shared stands, to every member, and returns how many took them and how many still refer to them. Many members are cut into slices, for
// as many goroutines as there are cores, where the tenant has a turn left for each.
func (h *Hub) give(members []*Subscription, frames []byte, messages int, shared *limit.Shared, rota *limit.Rota) (taken, kept int) {
	slices := 1
	for slices < min(h.slices, len(members)/sliceSize) && rota.TryTake() {
		slices++
	}
	if slices == 1 {
		return h.giveAll(members, frames, messages, shared, rota)
	}
	var takenAll, keptAll atomic.Int64
	var all sync.WaitGroup
	for i := range slices {
		slice := members[i*len(members)/slices : (i+1)*len(members)/slices]
		all.Go(func() {
			taken, kept := h.giveAll(slice, frames, messages, shared, rota)
			takenAll.Add(int64(taken))
			keptAll.Add(int64(kept))
		})
	}
	all.Wait()
	for range slices - 1 {
		rota.Give()
	}
	return int(takenAll.Load()), int(keptAll.Load())
}

// giveAll is give for one goroutine.
func (h *Hub) giveAll(members []*Subscription, frames []byte, messages int, shared *limit.Shared, rota *limit.Rota) (taken, kept int) {
	s := h.stint(rota)
	for i, m := range members {
		switch m.subscriber.Deliver(frames, messages, shared) {
		case Taken:
			taken++
		case Kept:
			taken++
			kept++
			s.kept++
		}
		if i%stride == stride-1 {
			s.rest()
		}
	}
	return taken, kept
}
