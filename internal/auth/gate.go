package auth

import (
	"context"
	"time"
)

// Gate bounds how much verification happens at once, so that a flood of bad signatures costs the processor and not the memory,
// and honest clients get their turn or a quick answer.
type Gate interface {
	// Acquire waits for a turn. Its error wraps a [*Refusal] whose reason is [Overloaded]; then there is nothing to release.
	Acquire(ctx context.Context) error
	// Release gives the turn back.
	Release()
}

// The queue in front of [Slots]. Whoever comes to a full queue, or has waited its time, is refused.
const (
	MaxWaiting = 256
	MaxWait    = 250 * time.Millisecond
)

// Slots is a [Gate] with a fixed number of turns, given in the order of asking.
type Slots struct {
	taken   chan struct{} // holds one for each turn that is in use
	waiting chan struct{} // holds one for each caller that waits
}

// NewSlots returns a gate of n turns: as many as there are cores to compute on, at least one.
func NewSlots(n int) *Slots {
	return &Slots{make(chan struct{}, max(n, 1)), make(chan struct{}, MaxWaiting)}
}

// Acquire waits at most [MaxWait], behind at most [MaxWaiting] others.
func (s *Slots) Acquire(ctx context.Context) error {
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
		return s.wait(ctx)
	default:
		return Refuse(Overloaded, "%d verifications are waiting for one of %d turns", MaxWaiting, cap(s.taken))
	}
}

func (s *Slots) wait(ctx context.Context) error {
	timeout := time.NewTimer(MaxWait)
	defer timeout.Stop()
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-timeout.C:
		return Refuse(Overloaded, "none of %d turns came free within %v", cap(s.taken), MaxWait)
	case <-ctx.Done():
		return Refuse(Overloaded, "the client left while it waited for its turn: %w", context.Cause(ctx))
	}
}

// Release gives back a turn that Acquire gave.
func (s *Slots) Release() { <-s.taken }
