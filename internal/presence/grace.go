package presence

import (
	"context"
	"sync"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/wire"
)

// leaving are the users whose last connection is gone, in the order in which they will have left: everybody has the same grace. It is as long as what was held within it; whoever came back is
// found out when its turn comes.
type leaving struct {
	wake chan struct{} // there is a first one

	// Guarded by mu.
	mu    sync.Mutex
	queue []gone
}

type gone struct {
	ref    channel.Ref
	name   string
	user   *user
	leaves time.Time
}

func newLeaving() leaving { return leaving{wake: make(chan struct{}, 1)} }

func (l *leaving) add(g gone) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue = append(l.queue, g); len(l.queue) == 1 {
		signal(l.wake)
	}
}

// next returns the first whose grace is over; ok is false when there is none yet, and after wait there may be.
func (l *leaving) next(now time.Time) (g gone, wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil
		return gone{}, forever, false
	}
	if g = l.queue[0]; g.leaves.After(now) {
		return gone{}, g.leaves.Sub(now), false
	}
	l.queue[0] = gone{}
	l.queue = l.queue[1:]
	return g, 0, true
}

// exit takes a connection out of a crowd, and holds its user's leave back where it was the last.
func (p *Presence) exit(c *crowd, ref channel.Ref, connection string) *wire.Notice {
	held, n := c.exit(connection, time.Now())
	if held != nil {
		p.leaving.add(gone{ref, held.held.User, held, held.leaves})
	}
	return n
}

// part lets those leave whose grace is over, until ctx ends.
func (p *Presence) part(ctx context.Context) {
	repeat(ctx, p.leaving.wake, func() time.Duration {
		for {
			g, wait, ok := p.leaving.next(time.Now())
			if !ok {
				return wait
			}
			p.change(g.ref, func(c *crowd) *wire.Notice { return c.part(g.name, g.user, g.leaves) })
		}
	})
}
