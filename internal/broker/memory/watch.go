package memory

import (
	"context"
	"strings"
	"time"

	"portcullis/internal/broker"
)

// watcher is one call of Watch. It remembers which keys changed, not how often: so it is never longer than the map, and a slow one loses
// only what was replaced before it looked.
type watcher struct {
	prefix string
	wake   chan struct{}

	// Guarded by the state's mu.
	changed []string // in the order of their first change
	marked  map[string]struct{}
}

func (s *state) follow(ctx context.Context, done <-chan struct{}, prefix string, changed func(key string, value []byte), current func()) error {
	w := s.watch(prefix)
	defer s.unwatch(w)
	for first := true; ; first = false {
		for _, c := range s.changes(w) {
			if ctx.Err() != nil {
				return nil
			}
			changed(c.key, c.value)
		}
		if first {
			current()
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil
		case <-done:
			return broker.ErrClosed
		}
	}
}

func (s *state) watch(prefix string) *watcher {
	w := &watcher{prefix: prefix, wake: make(chan struct{}, 1), marked: make(map[string]struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	for key := range s.entries {
		w.mark(key)
	}
	return w
}

func (s *state) unwatch(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// tell marks key as changed for everyone who watches it.
func (s *state) tell(key string) {
	for w := range s.watchers {
		w.mark(key)
	}
}

func (w *watcher) mark(key string) {
	if _, already := w.marked[key]; already || !strings.HasPrefix(key, w.prefix) {
		return
	}
	w.marked[key] = struct{}{}
	w.changed = append(w.changed, key)
	signal(w.wake)
}

type change struct {
	key   string
	value []byte // nil: removed
}

// changes returns what w has not been told yet, as it stands now.
func (s *state) changes(w *watcher) []change {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]change, len(w.changed))
	for i, key := range w.changed {
		all[i].key = key
		if e := s.entries[key]; e != nil && !e.over(now) {
			all[i].value = e.value
		}
	}
	clear(w.marked)
	w.changed = nil
	return all
}

// signal leaves one word in c, where there is none yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
