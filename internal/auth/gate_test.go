package auth_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
)

var _ auth.Gate = (*auth.Slots)(nil)

func TestAFreeTurnIsGivenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, start := auth.NewSlots(2), time.Now()
		for range 2 {
			if err := gate.Acquire(t.Context()); err != nil {
				t.Fatalf("got %v, want a turn", err)
			}
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v, want 0", waited)
		}
	})
}

func TestAWaitingVerificationGetsTheNextTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, start := auth.NewSlots(1), time.Now()
		_ = gate.Acquire(t.Context())
		time.AfterFunc(100*time.Millisecond, gate.Release)
		if err := gate.Acquire(t.Context()); err != nil {
			t.Fatalf("got %v, want a turn", err)
		}
		if waited := time.Since(start); waited != 100*time.Millisecond {
			t.Errorf("waited %v, want 100ms", waited)
		}
	})
}

func TestNobodyWaitsLongerThanMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, start := auth.NewSlots(1), time.Now()
		_ = gate.Acquire(t.Context())
		err := gate.Acquire(t.Context())
		if got := auth.ReasonOf(err); got != auth.Overloaded {
			t.Errorf("got %v, want %s", err, auth.Overloaded)
		}
		if waited := time.Since(start); waited != auth.MaxWait {
			t.Errorf("waited %v, want %v", waited, auth.MaxWait)
		}
	})
}

func TestAClientThatLeavesGivesUpItsPlaceInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, start := auth.NewSlots(1), time.Now()
		_ = gate.Acquire(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		err := gate.Acquire(ctx)
		if auth.ReasonOf(err) != auth.Overloaded || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %s because of the deadline", err, auth.Overloaded)
		}
		if waited := time.Since(start); waited != 10*time.Millisecond {
			t.Errorf("waited %v, want 10ms", waited)
		}
	})
}

// Two floods: of 1,000 verifications that come at once while the turn is taken, MaxWaiting wait, the others are told at once.
func TestAFullQueueRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := auth.NewSlots(1)
		_ = gate.Acquire(t.Context())
		for range 2 {
			after := flood(t, gate)
			if after[auth.MaxWait] != auth.MaxWaiting || after[0] != 1000-auth.MaxWaiting {
				t.Errorf("got %v, want %d that waited and the rest refused at once", after, auth.MaxWaiting)
			}
		}
		gate.Release()
		if err := gate.Acquire(t.Context()); err != nil {
			t.Errorf("after the floods: got %v, want a turn", err)
		}
	})
}

// flood returns how many were refused after how long.
func flood(t *testing.T, gate *auth.Slots) map[time.Duration]int {
	var (
		start = time.Now()
		mu    sync.Mutex
		after = map[time.Duration]int{}
		all   sync.WaitGroup
	)
	for range 1000 {
		all.Go(func() {
			err := gate.Acquire(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				t.Error("got a turn that was taken")
			}
			after[time.Since(start)]++
		})
	}
	all.Wait()
	return after
}

// Slots never has more turns in use than it was made with, and loses none.
func TestTurnsAreBounded(t *testing.T) {
	gate := auth.NewSlots(3)
	inside := make(chan struct{}, 3)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if err := gate.Acquire(t.Context()); err != nil {
					continue
				}
				select {
				case inside <- struct{}{}:
					runtime.Gosched()
					<-inside
				default:
					t.Error("a fourth turn was given")
				}
				gate.Release()
			}
		})
	}
	all.Wait()
}
