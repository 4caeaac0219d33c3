package socket

import (
	"errors"

	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// An outbox holds at most so much. Who loses when a newcomer does not fit, in this order: what its own channel said before and may drop; messages of any channel that may drop them, if the newcomer may not be
// dropped itself; the newcomer, if it may be; the session, which ends as a slow consumer. An empty outbox takes anything: no batch is larger than what the channel that made it may join.
const (
	MaxQueuedBytes    = 1 << 20
	MaxQueuedMessages = 1024

	// What is dropped goes by an eighth of the outbox at once, so that a channel pays little for each message that is dropped.
	roomBytes    = MaxQueuedBytes / 8
	roomMessages = MaxQueuedMessages / 8
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
	lane     wire.Lane    // whose subscription it is of; nil for none
	parcel   *wire.Parcel // where the frames are from; nil for the connection's own
	gap      *wire.Gap    // the frames tell it: it may grow
}

// shared stands for the frames where others refer to them too.
func (e *entry) shared() *limit.Shared {
	if e.parcel == nil {
		return nil
	}
	return e.parcel.Shared
}

// way is what becomes of the entry when there is no room.
func (e *entry) way() channel.SlowReader {
	if e.lane == nil || e.parcel == nil || e.parcel.Stays {
		return channel.Disconnect
	}
	return e.lane.Slow()
}

// add appends an entry, and reports false without taking anything when it does not fit and nothing may be dropped for it. behind says whether it is the peer for whom the outbox waits.
func (o *outbox) add(e entry, behind func() bool) bool {
	way := e.way()
	if way == channel.Conflate && o.waits(e.lane) && behind() {
		o.conflate(&e)
	}
	if !o.fits(&e, 0, 0) {
		of := e.lane
		if way == channel.Disconnect {
			of = nil
		}
		o.shed(of, func() bool { return o.fits(&e, roomBytes, roomMessages) })
	}
	if o.fits(&e, 0, 0) {
		o.put(e)
		return true
	}
	if way == channel.Disconnect || !o.droppable() {
		return false
	}
	o.miss(e, false) // other channels' messages leave it no room
	return true
}

// fits reports whether an entry finds room, and so much is left beside it.
func (o *outbox) fits(e *entry, bytes, messages int) bool {
	return len(o.entries) == 0 || o.messages == 0 && e.messages > 0 || o.bytes+len(e.frames)+bytes <= MaxQueuedBytes && o.messages+e.messages+messages <= MaxQueuedMessages
}

func (o *outbox) put(e entry) {
	o.entries = append(o.entries, e)
	o.count(&e)
}

// count counts an entry that is in, and uncount ends that, once.
func (o *outbox) count(e *entry) {
	o.hold(e)
	o.bytes += len(e.frames)
	o.messages += e.messages
}

func (o *outbox) uncount(e *entry) {
	o.drop(*e)
	o.bytes -= len(e.frames)
	o.messages -= e.messages
}

// hold counts what an entry holds in memory, and drop ends that, once.
func (o *outbox) hold(e *entry) { o.place.Hold(len(e.frames), e.shared()) }

func (o *outbox) drop(entries ...entry) {
	for i := range entries {
		o.place.Drop(len(entries[i].frames), entries[i].shared())
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
