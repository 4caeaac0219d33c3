package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// refreshBefore is how long before its end a credential is refreshed where the gateway says nothing; it does at a minute before.
	refreshBefore = 45 * time.Second
	// refreshAgain is the pause after a refresh that failed, with which the connection goes on with what it had, and the least from one to the next.
	refreshAgain = 10 * time.Second
)

// refresher puts a new token in the place of the one that ends. The keeping goroutine owns it; the refresh itself, which may wait for Renew, is a
// goroutine that stop waits for.
type refresher struct {
	client *Client
	conn   *Conn
	timer  *time.Timer
	life   context.Context
	end    context.CancelFunc
	result chan refreshed
	work   sync.WaitGroup
	begun  time.Time // the last one
	busy   bool
	over   bool // the session's credential cannot be refreshed
}

type refreshed struct {
	expires time.Time
	err     error
}

func newRefresher(k *Client, conn *Conn) *refresher {
	r := &refresher{client: k, conn: conn, timer: time.NewTimer(0), result: make(chan refreshed, 1), over: k.config.Renew == nil}
	r.life, r.end = context.WithCancel(k.life)
	r.plan(conn.welcome.Expires)
	return r
}

// plan sets the time of the next refresh.
func (r *refresher) plan(expires time.Time) {
	r.timer.Stop()
	if left := time.Until(expires); !expires.IsZero() && !r.over {
		r.timer.Reset(max(0, left-min(refreshBefore, left/4)))
	}
}

// begin refreshes now. Where the gateway says again and again that the credential ends, or gives it an end that is past, it is when the pause is over.
func (r *refresher) begin() {
	if r.busy || r.over {
		return
	}
	if rest := time.Until(r.begun.Add(refreshAgain)); rest > 0 {
		r.timer.Reset(rest)
		return
	}
	r.busy, r.begun = true, time.Now()
	r.work.Go(func() {
		expires, err := r.refresh()
		r.result <- refreshed{expires, err}
	})
}

func (r *refresher) refresh() (time.Time, error) {
	ctx, cancel := context.WithTimeout(r.life, attemptBy)
	defer cancel()
	token, err := r.client.config.Renew(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("get a token: %w", err)
	}
	f, err := r.conn.ask(ctx, request{Type: "refresh", Token: token})
	if err != nil {
		return time.Time{}, fmt.Errorf("refresh: %w", err)
	}
	return time.UnixMilli(f.Expires), nil
}

// take takes what became of a refresh.
func (r *refresher) take(done refreshed) {
	r.busy = false
	if done.err == nil {
		r.plan(done.expires)
		return
	}
	if r.conn.Err() != nil {
		return
	}
	wait := refreshAgain
	if refused, ok := errors.AsType[*Error](done.err); ok {
		r.over = refused.Code == "not_available"
		wait = max(wait, refused.Retry)
	}
	if !r.over {
		r.timer.Reset(wait)
	}
	r.client.tell(State{Phase: Connected, Welcome: r.conn.welcome, Err: done.err})
}

// stop ends a refresh that is on its way.
func (r *refresher) stop() {
	r.timer.Stop()
	r.end()
	r.work.Wait()
}
