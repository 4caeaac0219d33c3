package jwks

import (
	"context"
	"sync"
	"time"
)

// A token may be signed by a key that its issuer made a moment ago. So a key id that is not known makes the keys be fetched anew, and its request waits for that, for a moment. Strangers can
// write any key id into a token: how often this happens, and how many wait, is bounded.
const (
	// askMost fetches within askWithin are caused by unknown key ids, whoever sends how many of them.
	askMost   = 2
	askWithin = time.Minute
	// While there are no keys at all, users cause a fetch a second: their service may be back.
	seekEvery = time.Second
	// awaitMost is how long a request waits for a fetch, and maxWaiting how many do; one more is refused at once.
	awaitMost  = time.Second
	maxWaiting = 256
	// A key id that a fetch has not brought causes no other for missingFor. maxMissing are remembered; of more, the later ones are not, and are bounded by askMost alone.
	missingFor = time.Minute
	maxMissing = 10_000
)

// unknown is what is remembered of key ids that were not known.
type unknown struct {
	wanted chan struct{} // tells Run that the keys are wanted

	// Guarded by mu.
	mu      sync.Mutex
	runs    bool                 // Run is there to fetch
	asked   [askMost]time.Time   // when the last fetches were asked for, the oldest first
	sought  time.Time            // when the last one was asked for while there were no keys
	missing map[string]time.Time // until when a key id asks for nothing
	fetch   chan struct{}        // closed when the fetch that was asked for is over; nil when there is none
	waiting int
}

// ask returns a channel that is closed when newer keys are there, nil when nobody fetches any for this key id now. done must be called after waiting.
// keyless says that there are no keys.
func (u *unknown) ask(kid string, keyless bool, now time.Time) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.runs || u.waiting >= maxWaiting || now.Before(u.missing[kid]) {
		return nil
	}
	if u.fetch == nil {
		if !u.may(keyless, now) {
			return nil
		}
		u.fetch = make(chan struct{})
		select {
		case u.wanted <- struct{}{}:
		default:
		}
	}
	u.waiting++
	return u.fetch
}

// may takes a fetch out of the budget. The caller holds mu.
func (u *unknown) may(keyless bool, now time.Time) bool {
	if keyless {
		if now.Sub(u.sought) < seekEvery {
			return false
		}
		u.sought = now
		return true
	}
	if now.Sub(u.asked[0]) < askWithin {
		return false
	}
	copy(u.asked[:], u.asked[1:])
	u.asked[askMost-1] = now
	return true
}

// await waits for a fetch that ask has returned.
func (u *unknown) await(ctx context.Context, fetch <-chan struct{}) {
	timeout := time.NewTimer(awaitMost)
	defer timeout.Stop()
	select {
	case <-fetch:
	case <-timeout.C:
	case <-ctx.Done():
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting--
}

// begin says that a fetch begins, and returns how to say that it is over to those who have asked until now. Whoever asks later waits for the next one: this one may have been answered already.
func (u *unknown) begin() (over func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-u.wanted:
	default:
	}
	fetch := u.fetch
	u.fetch = nil
	return func() {
		if fetch != nil {
			close(fetch)
		}
	}
}

// remember notes that a key id was not among the newest keys.
func (u *unknown) remember(kid string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.missing) >= maxMissing {
		for other, until := range u.missing {
			if !now.Before(until) {
				delete(u.missing, other)
			}
		}
	}
	if len(u.missing) < maxMissing {
		if u.missing == nil {
			u.missing = make(map[string]time.Time)
		}
		u.missing[kid] = now.Add(missingFor)
	}
}

// running says whether there is anybody to fetch.
func (u *unknown) running(yes bool) {
	u.mu.Lock()
	u.runs = yes
	u.mu.Unlock()
	if !yes {
		u.begin()()
	}
}
