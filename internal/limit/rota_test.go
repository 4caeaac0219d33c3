package limit_test

import (
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
)

// As many as there are cores have a turn, and whoever passes it on stands behind those who wait.
func TestTurnsAreGivenInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewTenant(limit.Limits{}).Rota()
		for range runtime.GOMAXPROCS(0) {
			r.Take()
		}
		r.Pass() // nobody waits
		if r.TryTake() {
			t.Fatal("there was one turn more than cores")
		}
		order := make(chan string, 3)
		for _, name := range []string{"first", "second"} {
			go func() {
				r.Take()
				order <- name
				r.Give()
			}()
			synctest.Wait()
		}
		go func() {
			r.Pass()
			order <- "who passed it on"
			r.Give()
		}()
		for _, want := range []string{"first", "second", "who passed it on"} {
			if got := <-order; got != want {
				t.Errorf("%s had its turn, want %s", got, want)
			}
		}
	})
}

// Turns that are in use without a pause are due again and again, to one who asks; after a pause their time begins anew.
func TestTurnsAreDueWithoutAPauseAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewTenant(limit.Limits{}).Rota()
		for range 100 {
			r.Take()
			time.Sleep(150 * time.Microsecond)
			if r.Due() {
				t.Fatal("they are due though there are pauses")
			}
			r.Give()
		}
		r.Take()
		var due atomic.Int32
		for range 10 {
			time.Sleep(200 * time.Microsecond)
			for range 3 {
				if r.Due() {
					due.Add(1)
				}
			}
		}
		if got := due.Load(); got != 10 {
			t.Errorf("in 10 bursts they were due %d times, want once each", got)
		}
		r.Give()
	})
}

// Silence is credit, an eighth of it and a millisecond at most. Whoever speaks gains none, and what there is not cannot be spent.
func TestSilenceIsCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewTenant(limit.Limits{}).Rota()
		spend := func(d time.Duration, want bool) {
			t.Helper()
			if got := r.Spend(d); got != want {
				t.Errorf("%v could be spent: %v, want %v", d, got, want)
			}
		}
		silent := func(d time.Duration) {
			time.Sleep(d)
			r.Take()
		}
		r.Take()
		r.Give()
		silent(8 * time.Hour)
		spend(600*time.Microsecond, true)
		spend(600*time.Microsecond, false)
		spend(400*time.Microsecond, true)
		spend(1, false)
		time.Sleep(time.Hour) // it speaks
		r.Give()
		silent(800 * time.Microsecond)
		spend(101*time.Microsecond, false)
		spend(100*time.Microsecond, true)
		if runtime.GOMAXPROCS(0) > 1 { // one turn is in use, and then another one too
			silent(time.Hour)
			spend(1, false)
			r.Give()
		}
		r.Give()
	})
}

// While something computes on every core and there is always a goroutine that is ready, what came from the network is found after a breath, and not when the runtime
// looks by itself.
func TestABreathFindsWhatTheKernelKnows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	heard := make(chan struct{}, 1)
	go func() { // ends with the pipe
		defer r.Close()
		for b := make([]byte, 1); ; {
			if _, err := io.ReadFull(r, b); err != nil {
				return
			}
			heard <- struct{}{}
		}
	}()
	var breath limit.Breath
	defer breath.Close()
	for i := range 100 {
		time.Sleep(time.Millisecond) // it waits for the network
		w.Write([]byte("x"))
		breath.Take()
		for range 4 { // to whoever is ready; now and then the runtime looks elsewhere first
			runtime.Gosched()
		}
		select {
		case <-heard:
		default:
			t.Fatalf("after breath %d what came was not heard", i)
		}
	}
	breath.Close()
	breath.Take() // nobody waits for what is closed
}
