package memory

import (
	"hash/maphash"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// seen are the IDs of the publications of the last five minutes. Nothing goes before its time: how many there are is bounded by how fast a tenant may publish. It is
// guarded by the lock of its shard.
type seen struct {
	first map[broker.ID]first
	order []broker.ID // the oldest first
}

// first is the publication that an ID belongs to.
type first struct {
	offset uint64
	print  uint64
	until  time.Time
}

// print tells the data of one message from that of another.
func (e *engine) print(m *message.Message) uint64 {
	print := maphash.Bytes(e.seed, m.Data)
	if m.Binary {
		print = ^print
	}
	return print
}

// find returns the position of the message that was published with id, and ErrConflict where it was another one.
func (s *seen) find(id broker.ID, print uint64, now time.Time) (offset uint64, known bool, err error) {
	f, known := s.first[id]
	switch {
	case !known || now.After(f.until):
		return 0, false, nil
	case f.print != print:
		return 0, true, broker.ErrConflict
	}
	return f.offset, true, nil
}

func (s *seen) add(id broker.ID, offset, print uint64, now time.Time) {
	s.expire(now)
	if s.first == nil {
		s.first = make(map[broker.ID]first)
	}
	s.first[id] = first{offset, print, now.Add(broker.Window)}
	s.order = append(s.order, id)
}

// expire forgets what is older than the window.
func (s *seen) expire(now time.Time) {
	n := 0
	for n < len(s.order) && now.After(s.first[s.order[n]].until) {
		delete(s.first, s.order[n])
		n++
	}
	if s.order = s.order[n:]; n > 0 && len(s.order) == 0 {
		*s = seen{}
	}
}
