// Package limit counts what clients use against what their tenant may use: rates, and places that are taken and given back.
package limit

import (
	"time"

	"golang.org/x/time/rate"
)

// Unlimited is the limit that is never reached.
const Unlimited = 0

// Rate bounds how much may happen in a second. Its burst is twice the rate, so that a client that was quiet may catch up.
// A nil Rate is unlimited and costs no memory.
type Rate struct{ bucket rate.Limiter }

// NewRate returns a rate of perSecond, nil when that is [Unlimited].
func NewRate(perSecond int) *Rate {
	if perSecond == Unlimited {
		return nil
	}
	return &Rate{*rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
}

// full reports whether nothing is used up.
func (r *Rate) full(now time.Time) bool {
	return r == nil || r.bucket.TokensAt(now) >= float64(r.bucket.Burst())
}

// Take takes n at now. When that is too much it takes nothing, and says after how long n would be there; more than a burst
// never is, and asking for it again after a second is as good as any answer.
func (r *Rate) Take(now time.Time, n int) (retry time.Duration, ok bool) {
	if r == nil || r.bucket.AllowN(now, n) {
		return 0, true
	}
	asked := r.bucket.ReserveN(now, n)
	if !asked.OK() {
		return time.Second, false
	}
	retry = asked.DelayFrom(now)
	asked.CancelAt(now)
	return max(retry, time.Millisecond), false
}
