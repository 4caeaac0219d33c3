// Package ring holds the newest messages of one channel, and knows whether something between two places is missing.
package ring

import (
	"cmp"
	"sort"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// Overhead is about how many bytes a stored message takes beside its payload and its user's name, and Channel what a channel takes that stores any.
const (
	Overhead = 280
	Channel  = 400
)

// Ring is a channel's messages in the order of their offsets. It bounds nothing by itself: [Ring.Trim] does, after an addition and before a question.
// It is not safe for concurrent use.
type Ring struct {
	// The oldest of count is in slots[first], the others in those behind it; behind the last slot comes the first again. There are never many more slots than messages: what is counted is what is taken.
	slots        []item
	first, count int
	bytes        int
	lost         uint64 // everything up to this offset is gone, or was never here
}

type item struct {
	message message.Message
	added   time.Time
}

func (i *item) size() int { return size(&i.message) }

// size is about how many bytes a message takes. Each may have been said with a name of its own, however often the user says something.
func size(m *message.Message) int { return len(m.Data) + len(m.From.User) + Overhead }

// New returns an empty ring that knows nothing of offsets up to lost.
func New(lost uint64) *Ring { return &Ring{lost: lost} }

// at returns one of those that are stored, the oldest being the first.
func (r *Ring) at(i int) *item { return &r.slots[(r.first+i)%len(r.slots)] }

// Add stores m, whose offset must be greater than every one before.
func (r *Ring) Add(m message.Message, now time.Time) {
	if r.count == len(r.slots) {
		r.resize()
	}
	r.count++
	*r.at(r.count - 1) = item{m, now}
	r.bytes += size(&m)
}

// resize leaves room for a quarter more than what is stored, so that a message is moved a few times at most.
func (r *Ring) resize() {
	slots := make([]item, r.count+r.count/4+1)
	n := copy(slots, r.slots[r.first:min(r.first+r.count, len(r.slots))])
	copy(slots[n:], r.slots[:r.count-n])
	r.slots, r.first = slots, 0
}

// Trim removes the oldest messages: what keep does not allow at now.
func (r *Ring) Trim(keep broker.Keep, now time.Time) {
	gone := max(0, r.count-keep.Messages)
	if keep.Age > 0 {
		for gone < r.count && now.Sub(r.at(gone).added) > keep.Age {
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

// drop removes so many of the oldest. Slots that were needed once are given back.
func (r *Ring) drop(gone int) {
	for i := range gone {
		oldest := r.at(i)
		r.bytes -= oldest.size()
		r.lost = oldest.message.Position.Offset
		*oldest = item{}
	}
	switch r.count -= gone; {
	case r.count == 0:
		r.slots, r.first = nil, 0
	case gone > 0:
		r.first = (r.first + gone) % len(r.slots)
		if len(r.slots) > r.count+r.count/2+2 {
			r.resize()
		}
	}
}

// Len returns how many messages are stored.
func (r *Ring) Len() int { return r.count }

// Bytes returns about how much memory they take, with all that a channel takes which stores any.
func (r *Ring) Bytes() int {
	if r.count == 0 {
		return 0
	}
	return r.bytes + Channel
}

// Newest returns the offset of the newest message that is stored, 0 when none is.
func (r *Ring) Newest() uint64 {
	if r.count == 0 {
		return 0
	}
	return r.at(r.count - 1).message.Position.Offset
}

// Lost returns the greatest offset that is not stored any more. Messages before it are not stored either.
func (r *Ring) Lost() uint64 { return r.lost }

// place returns where among those that are stored the message of an offset is, or would be.
func (r *Ring) place(offset uint64) (at int, found bool) {
	return sort.Find(r.count, func(i int) int { return cmp.Compare(offset, r.at(i).message.Position.Offset) })
}

// Since returns up to limit messages after offset, the oldest first, and whether none is missing between offset and the last of them.
func (r *Ring) Since(offset uint64, limit int) (page []message.Message, complete bool) {
	at, found := r.place(offset)
	if found {
		at++
	}
	if n := min(r.count-at, max(limit, 0)); n > 0 {
		page = make([]message.Message, n)
	}
	for i := range page {
		page[i] = r.at(at + i).message
	}
	return page, offset >= r.lost
}

// Before returns up to limit messages before offset, the newest first.
func (r *Ring) Before(offset uint64, limit int) (page []message.Message) {
	at, _ := r.place(offset)
	for i := range min(at, max(limit, 0)) {
		page = append(page, r.at(at-1-i).message)
	}
	return page
}
