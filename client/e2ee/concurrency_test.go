package e2ee_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"portcullis/client/e2ee"
)

// One text that comes to many goroutines is opened by one.
func TestOneMessageIsOpenedOnce(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		_, bens, cids := three(t)
		history := cids.History()
		for range 20 {
			m := says(t, bens, ben, "once")
			for name, room := range map[string]opener{"room": cids, "history": history} {
				var opened atomic.Int64
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() {
						if _, err := room.Open(m); err == nil {
							opened.Add(1)
						}
					})
				}
				all.Wait()
				if got := opened.Load(); got != 1 {
					t.Fatalf("%s: opened %d times, want once", name, got)
				}
			}
		}
	})
}

// Everybody does everything at once, while keys change: whatever was sealed is read, once.
func TestARoomThatManyUse(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		const speakers, each = 4, 25
		said := make(chan e2ee.Message, speakers*each)
		var all sync.WaitGroup
		for range speakers {
			all.Go(func() {
				for range each {
					text, err := bens.Seal([]byte("hello"))
					if err != nil {
						t.Error(err)
						return
					}
					said <- delivered(text, ben)
				}
			})
		}
		all.Go(func() {
			for range 5 {
				grant, err := anas.Generate()
				if err != nil {
					t.Error(err)
					return
				}
				for _, room := range []*e2ee.Room{cids, bens} {
					if err := room.Accept(grant); err != nil {
						t.Error(err)
					}
				}
			}
		})
		all.Wait()
		close(said)
		history, opened := cids.History(), 0
		for m := range said {
			hears(t, history, m, "hello")
			opened++
		}
		if opened != speakers*each {
			t.Errorf("got %d messages, want %d", opened, speakers*each)
		}
		if got := cids.Generation(); got != 6 {
			t.Errorf("got generation %d, want 6", got)
		}
	})
}

// Two keys that are made at once are two generations.
func TestTwoGenerationsAtOnce(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas := enter(t, ana, room1, ben)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := anas.Generate(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := anas.Generation(); got != 8 {
			t.Errorf("got generation %d, want 8", got)
		}
	})
}
