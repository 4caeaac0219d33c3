package memory

import (
	"bytes"
	"container/heap"
	"sync"
	"time"
)

const (
	// expireMost is how many entries are removed before others get the lock.
	expireMost = 1024
	// idle is how long to sleep when nothing will expire.
	idle = time.Hour
)

// state is the contract's State. It holds what its callers put there and bounds nothing: each of them bounds its own.
type state struct {
	// Set by init, then read-only.
	earlier chan struct{} // wakes whoever calls expire: there is a new first one
	durable *durable      // nil where nothing outlives the process

	// Guarded by mu.
	mu       sync.Mutex
	entries  map[string]*entry
	due      due
	watchers map[*watcher]struct{}
}

type entry struct {
	key     string
	value   []byte // never changed, never nil
	expires time.Time
	place   int  // in due, noPlace for one that stays, or is not there yet
	kept    bool // on the disk
}

const noPlace = -1

func (s *state) init(d *durable) {
	s.durable = d
	s.earlier = make(chan struct{}, 1)
	s.entries = make(map[string]*entry)
	s.watchers = make(map[*watcher]struct{})
}

// newEntry returns what stands under key for ttl, nil for one that is over already.
func newEntry(key string, value []byte, ttl time.Duration) *entry {
	if ttl < 0 {
		return nil
	}
	e := &entry{key: key, value: append([]byte{}, value...), place: noPlace, kept: ttl == 0 || ttl >= keepFrom}
	if ttl > 0 {
		e.expires = time.Now().Add(ttl)
	}
	return e
}

func (s *state) put(key string, value []byte, ttl time.Duration) error {
	s.lock(key)
	return s.settle(key, newEntry(key, value, ttl))
}

func (s *state) putAbsent(key string, value []byte, ttl time.Duration) (bool, error) {
	s.lock(key)
	if s.find(key) != nil || ttl < 0 {
		s.mu.Unlock()
		return false, nil
	}
	err := s.settle(key, newEntry(key, value, ttl))
	return err == nil, err
}

func (s *state) take(key string) ([]byte, bool, error) {
	s.lock(key)
	e := s.find(key)
	if e == nil {
		s.mu.Unlock()
		return nil, false, nil
	}
	if err := s.settle(key, nil); err != nil {
		return nil, false, err
	}
	return bytes.Clone(e.value), true, nil // watchers may still read theirs
}

// find returns what stands under key now.
func (s *state) find(key string) *entry {
	if e := s.entries[key]; e != nil && !e.over(time.Now()) {
		return e
	}
	return nil
}

// settle makes e, nil for nothing, what stands under key, and gives up the lock. Where the old one or the new is kept on the disk it waits for that; after an
// error nothing has changed.
func (s *state) settle(key string, e *entry) error {
	old := s.entries[key]
	if s.durable == nil || (old == nil || !old.kept) && (e == nil || !e.kept) {
		s.replace(key, e)
		s.mu.Unlock()
		return nil
	}
	return s.write(key, e)
}

// replace is the moment at which everybody sees the change.
func (s *state) replace(key string, e *entry) {
	s.drop(s.entries[key])
	if e != nil {
		s.add(e)
	}
	s.tell(key)
}

func (s *state) add(e *entry) {
	s.entries[e.key] = e
	if e.expires.IsZero() {
		return
	}
	heap.Push(&s.due, e)
	if e.place == 0 {
		signal(s.earlier)
	}
}

func (s *state) drop(e *entry) {
	if e == nil {
		return
	}
	delete(s.entries, e.key)
	if e.place != noPlace {
		heap.Remove(&s.due, e.place)
	}
}

// expire removes what is over and returns how long to wait before it is called again.
func (s *state) expire(now time.Time) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range expireMost {
		if len(s.due) == 0 {
			return idle
		}
		e := s.due[0]
		if !e.over(now) {
			return e.expires.Sub(now)
		}
		s.drop(e)
		s.tell(e.key)
	}
	return 0
}

func (e *entry) over(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

// due is a heap, the next to expire first. Each entry knows its place, so that one which is replaced leaves nothing behind.
type due []*entry

func (d due) Len() int           { return len(d) }
func (d due) Less(i, j int) bool { return d[i].expires.Before(d[j].expires) }
func (d due) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

func (d *due) Push(x any) {
	e := x.(*entry)
	e.place = len(*d)
	*d = append(*d, e)
}

func (d *due) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	e.place = noPlace
	return e
}
