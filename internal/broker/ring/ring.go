// Package ring holds the newest messages of one channel, and knows whether something between two places is missing.
package ring

import (
	"slices"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// Overhead is about how many bytes a stored message takes beside its payload.
const Overhead = 280

// Ring is a channel's messages in the order of their offsets. It bounds nothing by itself: [Ring.Trim] does, after an addition and before a question.
// It is not safe for concurrent use.
type Ring struct {
	items []item // items[first:] are stored, the oldest first
	first int
	bytes int
	lost  uint64 // everything up to this offset is gone, or was never here
}

type item struct {
	message message.Message
	added   time.Time
}

func (i *item) size() int { return len(i.message.Data) + Overhead }

// New returns an empty ring that knows nothing of offsets up to lost.
func New(lost uint64) *Ring { return &Ring{lost: lost} }

// Add stores m, whose offset must be greater than every one before.
func (r *Ring) Add(m message.Message, now time.Time) {
	r.items = append(r.items, item{m, now})
	r.bytes += len(m.Data) + Overhead
}

// Trim removes the oldest messages: what keep does not allow at now.
func (r *Ring) Trim(keep broker.Keep, now time.Time) {
	stored := r.items[r.first:]
	gone := max(0, len(stored)-keep.Messages)
	if keep.Age > 0 {
		for gone < len(stored) && now.Sub(stored[gone].added) > keep.Age {
			gone++
		}
	}
	r.drop(gone)
}

// Drop removes the messages up to an offset.
func (r *Ring) Drop(through uint64) {
	at, found := r.place(through)
	if found {
		at++
	}
	r.drop(at)
	r.lost = max(r.lost, through)
}

// drop removes so many of the oldest.
func (r *Ring) drop(gone int) {
	if gone == 0 {
		return
	}
	stored := r.items[r.first:]
	for i := range stored[:gone] {
		r.bytes -= stored[i].size()
	}
	r.lost = stored[gone-1].message.Position.Offset
	clear(stored[:gone])
	r.first += gone
	r.compact()
}

// compact moves what is stored to the front once half of the space is free, so that a message is moved once on the average.
func (r *Ring) compact() {
	switch stored := len(r.items) - r.first; {
	case stored == 0:
		r.items, r.first = nil, 0
	case r.first >= stored:
		r.items, r.first = slices.Delete(r.items, 0, r.first), 0
	}
}

// Len returns how many messages are stored.
func (r *Ring) Len() int { return len(r.items) - r.first }

// Bytes returns about how much memory they take.
func (r *Ring) Bytes() int { return r.bytes }

// Newest returns the offset of the newest message that is stored, 0 when none is.
func (r *Ring) Newest() uint64 {
	if r.Len() == 0 {
		return 0
	}
	return r.items[len(r.items)-1].message.Position.Offset
}

// Lost returns the greatest offset that is not stored any more. Messages before it are not stored either.
func (r *Ring) Lost() uint64 { return r.lost }

// place returns where among those that are stored the message of an offset is, or would be.
func (r *Ring) place(offset uint64) (at int, found bool) {
	return slices.BinarySearchFunc(r.items[r.first:], offset, func(i item, offset uint64) int {
		switch at := i.message.Position.Offset; {
		case at < offset:
			return -1
		case at > offset:
			return 1
		}
		return 0
	})
}

// Since returns up to limit messages after offset, the oldest first, and whether none is missing between offset and the last of them.
func (r *Ring) Since(offset uint64, limit int) (page []message.Message, complete bool) {
	at, found := r.place(offset)
	if found {
		at++
	}
	stored := r.items[r.first+at:]
	stored = stored[:min(len(stored), max(limit, 0))]
	if len(stored) > 0 {
		page = make([]message.Message, len(stored))
	}
	for i := range stored {
		page[i] = stored[i].message
	}
	return page, offset >= r.lost
}

// Before returns up to limit messages before offset, the newest first.
func (r *Ring) Before(offset uint64, limit int) (page []message.Message) {
	at, _ := r.place(offset)
	stored := r.items[r.first : r.first+at]
	stored = stored[max(0, len(stored)-max(limit, 0)):]
	for _, i := range slices.Backward(stored) {
		page = append(page, i.message)
	}
	return page
}
