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
	ended   atomic.Int64  // when the last one was given back, as began
	credit  atomic.Int64  // nanoseconds for which the tenant need not stand back
}

const (
	// askEvery is for how long turns are in use before somebody asks the kernel who else has something to read: a message that has just come waits so long for the beginning of its way.
	askEvery = 200 * time.Microsecond
	// While no turn is in use a tenant gains an eighth of the time as credit, a millisecond at most: whoever says little is not sent behind those who speak without end.
	creditPart = 8
	creditMost = time.Millisecond
)

// born is when the clock of turns began.
var born = time.Now()

func newRota() *Rota {
	r := &Rota{taken: make(chan struct{}, runtime.GOMAXPROCS(0))}
	r.ended.Store(int64(time.Since(born)))
	return r
}

// Rota returns the tenant's.
func (t *Tenant) Rota() *Rota { return t.rota }

// Take waits for a turn.
func (r *Rota) Take() {
	if len(r.taken) == 0 {
		now := int64(time.Since(born))
		r.began.Store(now)
		r.credit.Store(min(int64(creditMost), r.credit.Load()+(now-r.ended.Load())/creditPart))
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
func (r *Rota) Give() {
	if <-r.taken; len(r.taken) == 0 {
		r.ended.Store(int64(time.Since(born)))
	}
}

// Spend takes d of the credit, and reports whether there was so much.
func (r *Rota) Spend(d time.Duration) bool {
	if r.credit.Add(-int64(d)) >= 0 {
		return true
	}
	r.credit.Add(int64(d))
	return false
}

// Due reports, to one of those who ask, that turns have been in use without a pause for so long that somebody else must be looked for.
func (r *Rota) Due() bool {
	began, now := r.began.Load(), int64(time.Since(born))
	return now-began >= int64(askEvery) && r.began.CompareAndSwap(began, now)
}
