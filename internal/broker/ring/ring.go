// Package ring holds the newest messages of one channel, and knows whether something between two places is missing.
package ring

import (
	"slices"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// Ring is a channel's messages in the order of their offsets. It bounds nothing by itself: [Ring.Trim] does, after an addition and before a question.
// It is not safe for concurrent use.
type Ring struct {
	items []item // items[first:] are stored, the oldest first
	first int
	lost  uint64 // everything up to this offset is gone, or was never here
}

type item struct {
	message message.Message
	added   time.Time
}

// New returns an empty ring that knows nothing of offsets up to lost.
func New(lost uint64) *Ring { return &Ring{lost: lost} }

// Add stores m, whose offset must be greater than every one before.
func (r *Ring) Add(m message.Message, now time.Time) { r.items = append(r.items, item{m, now}) }

// Trim removes the oldest messages: what keep does not allow at now.
func (r *Ring) Trim(keep broker.Keep, now time.Time) {
	stored := r.items[r.first:]
	gone := max(0, len(stored)-keep.Messages)
	if keep.Age > 0 {
		for gone < len(stored) && now.Sub(stored[gone].added) > keep.Age {
			gone++
		}
	}
	if gone == 0 {
		return
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

// Newest returns the offset of the newest message that is stored, 0 when none is.
func (r *Ring) Newest() uint64 {
	if r.Len() == 0 {
		return 0
	}
	return r.items[len(r.items)-1].message.Position.Offset
}

// Lost returns the greatest offset that is not stored any more. Messages before it are not stored either.
func (r *Ring) Lost() uint64 { return r.lost }

// Since returns up to limit messages after offset, the oldest first, and whether none is missing between offset and the last of them.
func (r *Ring) Since(offset uint64, limit int) (page []message.Message, complete bool) {
	stored := r.items[r.first:]
	from, found := slices.BinarySearchFunc(stored, offset, func(i item, offset uint64) int {
		switch at := i.message.Position.Offset; {
		case at < offset:
			return -1
		case at > offset:
			return 1
		}
		return 0
	})
	if found {
		from++
	}
	stored = stored[from:]
	stored = stored[:min(len(stored), max(limit, 0))]
	if len(stored) > 0 {
		page = make([]message.Message, len(stored))
	}
	for i := range stored {
		page[i] = stored[i].message
	}
	return page, offset >= r.lost
}
