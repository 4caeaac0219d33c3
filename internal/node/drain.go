package node

import (
	"context"
	"errors"
	"time"
)

// ErrNow is the cause of an end that gives balancers no time to notice: an interrupt from a keyboard, or a development gateway.
var ErrNow = errors.New("stop now")

// answerBy is how long clients have to answer a goodbye, when the grace allows it: what the close handshake takes against a dead peer.
const answerBy = 13 * time.Second

// drain ends the node inside drain.grace. The clock starts here and nothing may block it: not ready at once; handshakes are still served for
// drain.delay, so that balancers notice first; then 503, a goodbye to every client with a time of its own to come back, and at the end of the grace no more words.
func (n *Node) drain(cause error, failed context.Context) {
	grace := time.Duration(n.config.Drain.Grace)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(failed), grace)
	defer cancel()
	n.draining.Store(true)
	n.metrics.Ready(false)
	n.metrics.Draining(true)
	connections := n.gateway.Roster().Len()
	delay := time.Duration(n.config.Drain.Delay)
	if errors.Is(cause, ErrNow) || connections == 0 {
		delay = 0
	}
	n.log.Info("draining", "event", "node.draining", "connections", connections, "delay_ms", delay.Milliseconds(), "grace_ms", grace.Milliseconds())
	wait(failed, delay)

	n.gateway.Close()
	said, done := context.WithTimeout(ctx, min(answerBy, grace))
	defer done()
	defer context.AfterFunc(said, n.sessions.Interrupt)()
	asked, cut := n.gateway.Roster().Empty(said)
	n.log.Info("drained", "event", "node.drained", "asked", asked, "cut", cut)
	shut(ctx, n.edges...)
	n.flush(ctx, cause)
	shut(ctx, n.admin)
}

func shut(ctx context.Context, edges ...edge) {
	for _, e := range edges {
		if err := e.server.Shutdown(ctx); err != nil {
			_ = e.server.Close()
		}
	}
}

// flushBy is how long backends have to take what webhooks hold still, flushNow how long while somebody waits at a keyboard.
const (
	flushBy  = 5 * time.Second
	flushNow = time.Second
)

// flush lets webhooks deliver what they can in what is left of the grace. The goodbyes are events too. What cannot be delivered is counted and logged.
func (n *Node) flush(ctx context.Context, cause error) {
	most := flushBy
	if errors.Is(cause, ErrNow) {
		most = flushNow
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	n.hooks.Flush(ctx)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
