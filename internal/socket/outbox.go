package socket

import "errors"

// An outbox holds at most so much; a newcomer that does not fit is the loser, and the session then ends as a slow consumer.
// An empty outbox takes anything: no batch is larger than what the channel that made it may join.
const (
	MaxQueuedBytes    = 1 << 20
	MaxQueuedMessages = 1024
)

// ErrFull is returned for frames that found no room in the outbox.
var ErrFull = errors.New("the outbox is full")

// outbox is the queue of one connection whose socket is full. Its entries are whole frames, often shared with other connections' outboxes.
type outbox struct {
	entries         []entry
	bytes, messages int
}

type entry struct {
	frames   []byte
	messages int
}

// add appends frames, and reports false without taking anything when they do not fit.
func (o *outbox) add(frames []byte, messages int) bool {
	full := o.bytes+len(frames) > MaxQueuedBytes || o.messages+messages > MaxQueuedMessages
	if full && len(o.entries) > 0 {
		return false
	}
	o.entries = append(o.entries, entry{frames, messages})
	o.bytes += len(frames)
	o.messages += messages
	return true
}

// take removes entries from the front until they hold about size bytes.
func (o *outbox) take(size int) (bufs [][]byte) {
	n, taken := 0, 0
	for n < len(o.entries) && taken < size {
		e := o.entries[n]
		bufs = append(bufs, e.frames)
		taken += len(e.frames)
		o.messages -= e.messages
		n++
	}
	o.bytes -= taken
	clear(o.entries[:n]) // the frames are shared: do not keep them alive
	if o.entries = o.entries[n:]; len(o.entries) == 0 {
		o.entries = nil
	}
	return bufs
}

// half reports whether more than half of the room is taken.
func (o *outbox) half() bool { return o.bytes > MaxQueuedBytes/2 || o.messages > MaxQueuedMessages/2 }

func (o *outbox) clear() { *o = outbox{} }
