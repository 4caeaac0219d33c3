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
	place   int // in due, noPlace for one that stays
}

const noPlace = -1

func (s *state) init() {
	s.earlier = make(chan struct{}, 1)
	s.entries = make(map[string]*entry)
	s.watchers = make(map[*watcher]struct{})
}

func (s *state) put(key string, value []byte, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.entries[key])
	if ttl >= 0 {
		s.add(&entry{key: key, value: append([]byte{}, value...), place: noPlace}, ttl)
	}
	s.tell(key)
	return nil
}

func (s *state) putAbsent(key string, value []byte, ttl time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e != nil && !e.over(time.Now()) || ttl < 0 {
		return false, nil
	}
	s.drop(e)
	s.add(&entry{key: key, value: append([]byte{}, value...), place: noPlace}, ttl)
	s.tell(key)
	return true, nil
}

func (s *state) take(key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || e.over(time.Now()) {
		return nil, false, nil
	}
	s.drop(e)
	s.tell(key)
	return bytes.Clone(e.value), true, nil // watchers may still read theirs
}

func (s *state) add(e *entry, ttl time.Duration) {
	s.entries[e.key] = e
	if ttl == 0 {
		return
	}
	e.expires = time.Now().Add(ttl)
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

func (e *entry) over(now time.Time) bool { return e.place != noPlace && !now.Before(e.expires) }

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
