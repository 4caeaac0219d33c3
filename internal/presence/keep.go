package presence

import (
	"context"
	"time"
)

const (
	// retry is how long an engine that did not take a change is left alone.
	retry = time.Second
	// farewell is how long what has left at the end of a node is still told to the engine.
	farewell = time.Second
	forever  = time.Hour
)

// keep tells the engine of this node's members, one after the other, until ctx ends and everybody who left is told of.
func (p *Presence) keep(ctx context.Context) {
	repeat(ctx, p.leases.wake, func() time.Duration { return p.leases.work(ctx, p.store) })
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	p.leases.work(last, p.store)
}

// work tells the engine all that is to be told now, and returns when there may be more.
func (a *leases) work(ctx context.Context, s Store) time.Duration {
	for ctx.Err() == nil {
		l, e, wait := a.next(time.Now())
		if l == nil {
			return wait
		}
		if err := put(ctx, s, key(l.ref, l.connection), e); err != nil {
			a.failed(l)
			return retry
		}
		a.told(l, time.Now())
	}
	return 0
}

func put(ctx context.Context, s Store, key string, e entry) error {
	if e.gone {
		return s.Put(ctx, key, nil, -1)
	}
	return s.Put(ctx, key, write(e.user, e.info), Lease)
}

// repeat calls f when it asked to be called, and when there is a signal, until ctx ends.
func repeat(ctx context.Context, wake <-chan struct{}, f func() time.Duration) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
		timer.Reset(f())
	}
}

// signal leaves one word in c, where there is none yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
