package gateway

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/session"
)

// Applied is what a changed configuration of tenants did to those who are in.
type Applied struct {
	Connections int // that were asked about
	Ended       int // of them
	Lost        int // subscriptions
	Took        time.Duration
}

// Apply brings every live session up to date with the registry's snapshot: its connection is closed where its credential is not believed any more, and what
// its rights do not allow any more is unsubscribed. It is called after a snapshot was swapped; whoever comes in meanwhile is brought up to date by
// [Gateway.recheck]. One Apply runs at a time, and a later one waits, as long as ctx lets it.
//
// Everybody leaves what they lost before the first is told: a notice waits until nothing of its channel is being delivered, and for many that is one wait.
func (g *Gateway) Apply(ctx context.Context) (Applied, error) {
	select {
	case g.applying <- struct{}{}:
	case <-ctx.Done():
		return Applied{}, ctx.Err()
	}
	defer func() { <-g.applying }()
	start := time.Now()
	all := g.roster.sessions()
	lost := make([]*hub.Loss, len(all))
	var ended, losses atomic.Int64
	each(len(all), func(i int) {
		if g.endIfOver(all[i]) {
			ended.Add(1)
			return
		}
		lost[i] = all[i].Follow()
		losses.Add(int64(lost[i].Len()))
	})
	each(len(all), func(i int) { all[i].Tell(lost[i]) })
	g.gain(all, lost)
	a := Applied{Connections: len(all), Ended: int(ended.Load()), Lost: int(losses.Load()), Took: time.Since(start)}
	g.config.Log.LogAttrs(ctx, slog.LevelInfo, "policy applied",
		slog.String("event", "policy.applied"), slog.Int("connections", a.Connections), slog.Int("ended", a.Ended),
		slog.Int("subscriptions_lost", a.Lost), slog.Float64("duration_ms", float64(a.Took.Microseconds())/1000))
	return a, nil
}

// gainBy is how long the engine may take for what a change brings to all who are in. For whom it takes longer comes back.
const gainBy = 10 * time.Second

// gain begins what was chosen anew. It is last: nobody who lost something waits for the engine.
func (g *Gateway) gain(all []*session.Session, changes []*hub.Loss) {
	ctx, cancel := context.WithTimeout(g.config.Sessions.Context(), gainBy)
	defer cancel()
	each(len(all), func(i int) { all[i].Gain(ctx, changes[i]) })
}

// each calls f with every index below n, on all cores, and makes room for whoever wants to run after each: deliveries must not stand behind it.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
				runtime.Gosched()
			}
		})
	}
	all.Wait()
}

// recheck asks once more whether a session's credential still counts, and what its rights are, now that whoever changes them can find the session.
func (g *Gateway) recheck(s *session.Session) {
	if !g.endIfOver(s) {
		change := s.Follow()
		s.Tell(change)
		s.Gain(g.config.Sessions.Context(), change)
	}
}

// endIfOver ends a session whose right has ended before its time.
func (g *Gateway) endIfOver(s *session.Session) bool {
	reason, over := g.config.Door.Ended(s.Principal())
	if over {
		s.End(reason, 0)
	}
	return over
}
