// Package limit counts what clients use against what their tenant may use: rates, and places that are taken and given back.
package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Unlimited is the limit that is never reached.
const Unlimited = 0

// Rate bounds how much may happen in a second. Its burst is twice the rate, so that a client that was quiet may catch up.
// A nil Rate is unlimited and costs no memory.
type Rate struct {
	// Guarded by mu. The bucket has a lock of its own, but takes any time for the next: an older one would set its clock back.
	mu     sync.Mutex
	bucket rate.Limiter
	last   time.Time
	taken  int // ever
}

// NewRate returns a rate of perSecond, nil when that is [Unlimited].
func NewRate(perSecond int) *Rate {
	if perSecond == Unlimited {
		return nil
	}
	return &Rate{bucket: *rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
}

// adjusted returns r with another rate since then, or what takes its place. What was used of it stays used; what was never counted begins whole.
func adjusted(r *Rate, perSecond int, since time.Time) *Rate {
	if r == nil || perSecond == Unlimited {
		return NewRate(perSecond)
	}
	r.set(since, perSecond)
	return r
}

// set changes the rate from now on.
func (r *Rate) set(now time.Time, perSecond int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bucket.Limit() == rate.Limit(perSecond) {
		return
	}
	now = r.forward(now)
	r.bucket.SetLimitAt(now, rate.Limit(perSecond))
	r.bucket.SetBurstAt(now, 2*perSecond)
}

// Take takes n at now. When that is too much it takes nothing, and says after how long n would be there; more than a burst
// never is, and asking for it again after a second is as good as any answer.
func (r *Rate) Take(now time.Time, n int) (retry time.Duration, ok bool) {
	if r == nil {
		return 0, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now = r.forward(now)
	if r.bucket.AllowN(now, n) {
		r.taken += n
		return 0, true
	}
	if n > r.bucket.Burst() {
		return time.Second, false
	}
	missing := float64(n) - r.bucket.TokensAt(now)
	retry = time.Duration(missing / float64(r.bucket.Limit()) * float64(time.Second))
	return max(retry.Round(time.Microsecond), time.Millisecond), false
}

// full reports whether nothing is used up.
func (r *Rate) full(now time.Time) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bucket.TokensAt(r.forward(now)) >= float64(r.bucket.Burst())
}

// forward returns now, or the latest time that was seen where that is later. The caller holds mu.
func (r *Rate) forward(now time.Time) time.Time {
	if now.After(r.last) {
		r.last = now
	}
	return r.last
}
