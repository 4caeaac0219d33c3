package socket

import (
	"errors"

	"portcullis/internal/limit"
)

// An outbox holds at most so much; a newcomer that does not fit is the loser, and the session then ends as a slow consumer.
// An empty outbox takes anything: no batch is larger than what the channel that made it may join.
const (
	MaxQueuedBytes    = 1 << 20
	MaxQueuedMessages = 1024
)

// ErrFull is returned for frames that found no room in the outbox.
var ErrFull = errors.New("the outbox is full")

// outbox is the queue of one connection whose socket is full. Its entries are whole frames, often shared with other connections' outboxes. All that it holds, and what was taken from it and is not
// written yet, is counted at place.
type outbox struct {
	place           *limit.Place // set when it is made, then read-only
	entries         []entry
	bytes, messages int
}

type entry struct {
	frames   []byte
	messages int
	shared   *limit.Shared // what stands for frames where others refer to them too
}

// add appends an entry, and reports false without taking anything when it does not fit.
func (o *outbox) add(e entry) bool {
	full := o.bytes+len(e.frames) > MaxQueuedBytes || o.messages+e.messages > MaxQueuedMessages
	if full && len(o.entries) > 0 {
		return false
	}
	o.hold(e)
	o.entries = append(o.entries, e)
	o.bytes += len(e.frames)
	o.messages += e.messages
	return true
}

// hold counts an entry, and drop ends that, once.
func (o *outbox) hold(e entry) { o.place.Hold(len(e.frames), e.shared) }

func (o *outbox) drop(entries ...entry) {
	for _, e := range entries {
		o.place.Drop(len(e.frames), e.shared)
	}
}

// take removes entries from the front until they hold about size bytes. The caller drops them.
func (o *outbox) take(size int) (batch []entry) {
	n, taken := 0, 0
	for n < len(o.entries) && taken < size {
		e := o.entries[n]
		batch = append(batch, e)
		taken += len(e.frames)
		o.messages -= e.messages
		n++
	}
	o.bytes -= taken
	clear(o.entries[:n]) // the frames are shared: do not keep them alive
	if o.entries = o.entries[n:]; len(o.entries) == 0 {
		o.entries = nil
	}
	return batch
}

// half reports whether more than half of the room is taken.
func (o *outbox) half() bool { return o.bytes > MaxQueuedBytes/2 || o.messages > MaxQueuedMessages/2 }

func (o *outbox) clear() {
	o.drop(o.entries...)
	o.entries, o.bytes, o.messages = nil, 0, 0
}
