package e2ee

import (
	"sync"
	"time"
)

// maxRead is how many messages one reading opens.
const maxRead = 1 << 16

// Reader reads what a channel keeps: under every channel key that its room holds, in any order, each message once. It is safe for concurrent use.
type Reader struct {
	room *Room

	mu   sync.Mutex
	read map[place]bool
}

// place is where a member said something.
type place struct {
	key     string
	from    person
	session session
	counter uint64
}

// History begins a reading. What it opens has no influence on [Room.Open], nor on another reading.
func (r *Room) History() *Reader { return &Reader{room: r, read: make(map[place]bool)} }

// Open returns what a member said.
func (h *Reader) Open(m Message) ([]byte, error) {
	o, err := h.room.open(m, time.Now(), h.room.held)
	if err != nil {
		return nil, err
	}
	at := place{o.key, o.from, o.session, o.counter}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.read[at]:
		return nil, refuse(Replay, "message %d of its session came twice in this reading", o.counter)
	case len(h.read) == maxRead:
		return nil, refuse(Replay, "this reading opened %d messages; begin another", maxRead)
	}
	h.read[at] = true
	o.under.served.Add(1)
	return o.payload, nil
}

// held returns a generation, however old.
func (r *Room) held(kid string, _ time.Time) (*generation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.keys.byKid(kid); g != nil {
		return g, nil
	}
	return nil, refuse(Key, "the message is under channel key %.64q, which is not held here; accept the grant of its generation", kid)
}
