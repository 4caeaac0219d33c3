package brokertest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/broker"
)

func control(t *testing.T, open func(*testing.T) broker.Broker) {
	n := start(t, open(t))
	for i := range 20 {
		if err := n.Control(t.Context(), broker.Command{Kind: "test.kind", Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "20 commands to oneself", func() bool { return n.obeyed() >= 20 })
	n.stop()
	if n.obeyed() != 20 {
		t.Errorf("got %d commands, want 20", n.obeyed())
	}
	for i, c := range n.commands {
		if c.Kind != "test.kind" || string(c.Data) != fmt.Sprint(i) {
			t.Errorf("command %d: got %s %s", i, c.Kind, c.Data)
		}
	}
}

func state(t *testing.T, open func(*testing.T) broker.Broker) {
	t.Run("what is put is taken, once", func(t *testing.T) {
		s := keys{start(t, open(t)).State()}
		s.absent(t, "ticket")
		s.put(t, "ticket", "ana", 0)
		s.take(t, "ticket", "ana")
		s.absent(t, "ticket")
		s.put(t, "ticket", "ana", 0)
		s.put(t, "ticket", "bob", 0)
		s.take(t, "ticket", "bob")
		s.absent(t, "ticket")
		s.put(t, "empty", "", 0)
		s.take(t, "empty", "")
	})
	t.Run("of 50 who take at once, one gets it", func(t *testing.T) {
		s := keys{start(t, open(t)).State()}
		for range 20 {
			s.put(t, "ticket", "ana", time.Minute)
			var winners atomic.Int32
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					value, ok, err := s.Take(t.Context(), "ticket")
					if err != nil {
						t.Error(err)
					}
					if ok && string(value) == "ana" {
						winners.Add(1)
					}
				})
			}
			all.Wait()
			if got := winners.Load(); got != 1 {
				t.Fatalf("%d took it, want 1", got)
			}
		}
	})
	t.Run("of 50 who add at once, one does", func(t *testing.T) {
		s := keys{start(t, open(t)).State()}
		for i := range 20 {
			key := fmt.Sprint("seen/", i)
			var winners atomic.Int32
			var all sync.WaitGroup
			for n := range 50 {
				all.Go(func() {
					if s.add(t, key, fmt.Sprint(n), time.Minute) {
						winners.Add(1)
					}
				})
			}
			all.Wait()
			if got := winners.Load(); got != 1 {
				t.Fatalf("%d added it, want 1", got)
			}
		}
	})
	t.Run("what is there is not added", func(t *testing.T) {
		s := keys{start(t, open(t)).State()}
		s.put(t, "k", "first", 0)
		if s.add(t, "k", "second", 0) {
			t.Error("a key that is there was added")
		}
		s.take(t, "k", "first")
		if !s.add(t, "k", "third", 500*time.Millisecond) {
			t.Error("a key that was taken was not added")
		}
		time.Sleep(550 * time.Millisecond)
		eventually(t, "the key is free again", func() bool { return s.add(t, "k", "fourth", 0) })
		s.take(t, "k", "fourth")
		if s.add(t, "k", "over", -time.Second) {
			t.Error("a key that is over already was added")
		}
		s.absent(t, "k")
	})
	t.Run("a value is a copy", func(t *testing.T) {
		s := keys{start(t, open(t)).State()}
		value := []byte("ana")
		if err := s.Put(t.Context(), "k", value, 0); err != nil {
			t.Fatal(err)
		}
		copy(value, "eve")
		s.take(t, "k", "ana")
	})
	t.Run("time to live", func(t *testing.T) {
		s := keys{start(t, open(t)).State()}
		s.put(t, "short", "1", 500*time.Millisecond)
		s.put(t, "short, in time", "2", time.Minute)
		s.put(t, "made longer", "3", 500*time.Millisecond)
		s.put(t, "made longer", "4", time.Minute)
		s.put(t, "for ever", "5", 0)
		s.put(t, "gone", "6", 0)
		s.put(t, "gone", "7", -time.Second)
		s.take(t, "short, in time", "2")
		time.Sleep(550 * time.Millisecond)
		eventually(t, "the short one is gone", func() bool {
			_, ok, err := s.Take(t.Context(), "short")
			return err == nil && !ok
		})
		s.take(t, "made longer", "4")
		s.take(t, "for ever", "5")
		s.absent(t, "gone")
	})
	t.Run("watch", func(t *testing.T) { watch(t, keys{start(t, open(t)).State()}) })
}

func watch(t *testing.T, s keys) {
	s.put(t, "node/1", "there before", 0)
	s.put(t, "other/1", "not watched", 0)
	ctx, cancel := context.WithCancel(t.Context())
	seen := &view{values: make(map[string]string), removed: make(map[string]bool)}
	ended := make(chan error)
	var current atomic.Int32
	go func() {
		ended <- s.Watch(ctx, "node/", seen.changed, func() {
			if !seen.knows("node/1") {
				t.Error("told that everything was told before node/1 was")
			}
			current.Add(1)
		})
	}()
	seen.expect(t, "node/1", "there before", false)
	eventually(t, "told that everything was told", func() bool { return current.Load() == 1 })
	s.put(t, "node/2", "new", 0)
	seen.expect(t, "node/2", "new", false)
	s.put(t, "node/1", "changed", 0)
	seen.expect(t, "node/1", "changed", false)
	s.put(t, "node/3", "", 0)
	seen.expect(t, "node/3", "", false)
	s.take(t, "node/2", "new")
	seen.expect(t, "node/2", "", true)
	s.put(t, "node/2", "back", 500*time.Millisecond)
	seen.expect(t, "node/2", "back", false)
	seen.expect(t, "node/2", "", true) // its time is over
	for i := range 100 {
		s.put(t, "node/4", fmt.Sprint(i), 0)
	}
	seen.expect(t, "node/4", "99", false) // however many of the others were told
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch returned %v, want nil", err)
	}
	if got := current.Load(); got != 1 {
		t.Errorf("told %d times that everything was told, want once", got)
	}
	emptied := make(chan struct{})
	ctx, cancel = context.WithCancel(t.Context())
	go func() { ended <- s.Watch(ctx, "nothing/", seen.changed, func() { close(emptied) }) }()
	<-emptied
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch returned %v, want nil", err)
	}
	s.put(t, "node/5", "nobody watches", 0)
	if seen.knows("other/1") || seen.knows("node/5") {
		t.Error("told of a key that is not watched")
	}
}

// view is what a watcher knows.
type view struct {
	mu      sync.Mutex
	values  map[string]string
	removed map[string]bool
}

func (v *view) changed(key string, value []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values[key], v.removed[key] = string(value), value == nil
}

func (v *view) knows(key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.values[key]
	return ok
}

func (v *view) expect(t *testing.T, key, value string, removed bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %q, removed %v", key, value, removed), func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		got, ok := v.values[key]
		return ok && got == value && v.removed[key] == removed
	})
}

// keys is a State whose failures end the test.
type keys struct{ broker.State }

func (s keys) put(t *testing.T, key, value string, ttl time.Duration) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(value), ttl); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func (s keys) add(t *testing.T, key, value string, ttl time.Duration) bool {
	t.Helper()
	added, err := s.Add(t.Context(), key, []byte(value), ttl)
	if err != nil {
		t.Errorf("add %s: %v", key, err)
	}
	return added
}

func (s keys) take(t *testing.T, key, want string) {
	t.Helper()
	value, ok, err := s.Take(t.Context(), key)
	if err != nil || !ok || string(value) != want {
		t.Errorf("take %s: got %q, %v, %v; want %q", key, value, ok, err, want)
	}
}

func (s keys) absent(t *testing.T, key string) {
	t.Helper()
	if value, ok, err := s.Take(t.Context(), key); err != nil || ok {
		t.Errorf("take %s: got %q, %v, %v; want nothing", key, value, ok, err)
	}
}
