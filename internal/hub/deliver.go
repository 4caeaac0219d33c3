package hub

import (
	"encoding/base64"
	"runtime"
	"sync"
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
	parcel   *wire.Parcel // what buf is
	crowded  []Subscriber // who have not much room left
	batch    Batch
}

// span is how many of the members speak one dialect.
type span struct {
	dialect wire.Dialect
	members int
}

const (
	framing   = 192 // about what a dialect puts around a payload
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
		w.pack(g.dialect, r.account)
		given := h.give(w.members[from:from+g.members], w.parcel, r.account.Rota())
		w.batch.Recipients += given.taken
		w.batch.Bytes += len(w.buf) * given.taken
		w.crowded = append(w.crowded, given.crowded...)
		if given.kept > 0 {
			w.buf, w.parcel = nil, nil // somebody's outbox refers to them
			runtime.Gosched()          // what was queued is sent by other goroutines
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

// pack encodes the batch for one dialect.
func (w *work) pack(d wire.Dialect, account *limit.Tenant) {
	frames, tail := w.room(), 0
	for _, m := range w.messages {
		tail = len(frames)
		frames = d.AppendMessage(frames, m)
	}
	if w.buf = frames; w.parcel == nil {
		w.parcel = &wire.Parcel{Shared: new(limit.Shared)}
	}
	first, last := w.messages[0], w.messages[len(w.messages)-1]
	p := w.parcel
	p.Frames, p.Messages, p.Tail = frames, len(w.messages), tail
	p.First, p.Previous, p.Last = first.Position, first.Previous, last.Position
	p.Shared.Of(account, len(frames))
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
				s.subscriber.Deliver(&wire.Parcel{Frames: frame, Messages: 1, Stays: true}, s)
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
		return base64.StdEncoding.EncodedLen(len(m.Data)) + framing
	}
	return len(m.Data) + framing
}

// room returns an empty buffer for the batch: the one of the last batch, unless it is far too large. An outbox counts what it refers to by its
// length, and must not hold much more alive.
func (w *work) room() []byte {
	need := 0
	for _, m := range w.messages {
		need += sizeOf(m)
	}
	if c := cap(w.buf); c < need || c > 2*need+minBuffer {
		w.buf = make([]byte, 0, need)
	}
	return w.buf[:0]
}

// given is what became of frames that many were given: how many took them, how many of these still refer to them, and who of those has not much room left.
type given struct {
	taken, kept int
	crowded     []Subscriber
}

func (g *given) add(other given) {
	g.taken += other.taken
	g.kept += other.kept
	g.crowded = append(g.crowded, other.crowded...)
}

// give hands a parcel to every member. Many members are cut into slices, for
// as many goroutines as there are cores, where the tenant has a turn left for each.
func (h *Hub) give(members []*Subscription, p *wire.Parcel, rota *limit.Rota) (all given) {
	slices := 1
	for slices < min(h.slices, len(members)/sliceSize) && rota.TryTake() {
		slices++
	}
	if slices == 1 {
		return h.giveAll(members, p, rota)
	}
	var mu sync.Mutex
	var done sync.WaitGroup
	for i := range slices {
		slice := members[i*len(members)/slices : (i+1)*len(members)/slices]
		done.Go(func() {
			one := h.giveAll(slice, p, rota)
			mu.Lock()
			defer mu.Unlock()
			all.add(one)
		})
	}
	done.Wait()
	for range slices - 1 {
		rota.Give()
	}
	return all
}

// giveAll is give for one goroutine.
func (h *Hub) giveAll(members []*Subscription, p *wire.Parcel, rota *limit.Rota) (all given) {
	s := h.stint(rota)
	look := looksAfter(len(p.Frames))
	for i, m := range members {
		switch m.subscriber.Deliver(p, m) {
		case Crowded:
			all.crowded = append(all.crowded, m.subscriber)
			fallthrough
		case Kept:
			all.kept++
			s.kept++
			fallthrough
		case Taken:
			all.taken++
		}
		if i%look == look-1 {
			s.rest()
		}
	}
	return all
}
