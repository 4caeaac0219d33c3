package limit

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Rota bounds how much of what a tenant's clients said is delivered at the same time: on as many cores as there are, however many of its channels speak. The others wait in the order in which
// they came, behind one another and not in front of another tenant: the runtime gives every goroutine its turn and knows nothing of tenants.
type Rota struct {
	taken   chan struct{} // holds one for each turn that is in use
	waiting atomic.Int32  // about how many wait
	began   atomic.Int64  // since when turns are in use without a pause, as nanoseconds since born
}

// born is when the clock of turns began.
var born = time.Now()

func newRota() *Rota { return &Rota{taken: make(chan struct{}, runtime.GOMAXPROCS(0))} }

// Rota returns the tenant's.
func (t *Tenant) Rota() *Rota { return t.rota }

// Take waits for a turn.
func (r *Rota) Take() {
	if len(r.taken) == 0 {
		r.began.Store(int64(time.Since(born)))
	}
	if r.TryTake() {
		return
	}
	r.waiting.Add(1)
	r.taken <- struct{}{}
	r.waiting.Add(-1)
}

// TryTake takes a turn if one is free.
func (r *Rota) TryTake() bool {
	select {
	case r.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// Pass gives the turn to whoever has waited longest, and takes another behind all others. Where nobody waits it keeps it.
func (r *Rota) Pass() {
	if r.waiting.Load() > 0 {
		r.Give()
		r.Take()
	}
}

// Give gives a turn back.
func (r *Rota) Give() { <-r.taken }

// Due reports, to one of those who ask, that turns have been in use without a pause for so long that somebody else must be looked for.
func (r *Rota) Due() bool {
	began, now := r.began.Load(), int64(time.Since(born))
	return now-began >= int64(burst) && r.began.CompareAndSwap(began, now)
}
