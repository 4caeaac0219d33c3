package memory

import (
	"hash/maphash"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// seen are the IDs of the publications of the last five minutes. Nothing goes before its time. It is guarded by the lock of its shard.
type seen struct {
	first map[broker.ID]first
	order []dated // the oldest first
}

// first is the publication that an ID belongs to.
type first struct {
	offset uint64
	print  uint64
	until  time.Duration // since the engine began
}

// dated is an ID in the vault whose it is.
type dated struct {
	id broker.ID
	of *vault
}

// idBytes is about how many bytes an ID takes. What the IDs of a tenant take together is bounded by as much as its channels may store, beside that: the loser is the newcomer, for what was promised to the others stays.
const idBytes = 100

// full reports whether no other ID of a tenant that may store so many bytes can be remembered. It is asked without a lock of all shards, each of which may add one more.
func (v *vault) full(total int) bool { return total > 0 && v.ids.Load() >= int64(total/idBytes) }

// print tells the data of one message from that of another.
func (e *engine) print(m *message.Message) uint64 {
	print := maphash.Bytes(e.seed, m.Data)
	if m.Binary {
		print = ^print
	}
	if m.Sealed {
		print ^= 1 // never what it is without
	}
	return print
}

// find returns the position of the message that was published with id, and ErrConflict where it was another one.
func (s *seen) find(id broker.ID, print uint64, now time.Duration) (offset uint64, known bool, err error) {
	f, known := s.first[id]
	switch {
	case !known || now > f.until:
		return 0, false, nil
	case f.print != print:
		return 0, true, broker.ErrConflict
	}
	return f.offset, true, nil
}

func (s *seen) add(id broker.ID, of *vault, offset, print uint64, now time.Duration) {
	s.expire(now)
	if s.first == nil {
		s.first = make(map[broker.ID]first)
	}
	s.first[id] = first{offset, print, now + broker.Window}
	s.order = append(s.order, dated{id, of})
	of.ids.Add(1)
}

// expire forgets what is older than the window.
func (s *seen) expire(now time.Duration) {
	n := 0
	for n < len(s.order) && now > s.first[s.order[n].id].until {
		delete(s.first, s.order[n].id)
		s.order[n].of.ids.Add(-1)
		n++
	}
	if s.order = s.order[n:]; n > 0 && len(s.order) == 0 {
		*s = seen{}
	}
}
