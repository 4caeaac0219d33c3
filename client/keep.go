package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// attemptBy bounds one attempt, the call of Token too.
	attemptBy = 30 * time.Second
	// shortPause and longPause are the largest pauses after the first failure, and after many.
	shortPause = 500 * time.Millisecond
	longPause  = 30 * time.Second
	// settled is how long a connection must have lasted for the pauses to begin anew: one that is ended at once again and again is a failure too.
	settled = 10 * time.Second
)

// run is the keeping goroutine: one connection after the other, until Close, or until an end that says stop.
func (k *Client) run() {
	defer close(k.done)
	var failures int
	var renew bool
	for {
		k.tell(State{Phase: Connecting})
		began := time.Now()
		met, err := k.once(renew)
		if met && time.Since(began) >= settled {
			failures = 0
		}
		k.learn(err)
		advice := k.advice(err)
		if k.life.Err() != nil {
			advice, err = Stop, ErrClosed
		}
		if advice == Stop {
			k.stop(err)
			return
		}
		// A credential that was renewed and is refused again is not asked for at once.
		wait := asked(err)
		if advice == BackOff || failures > 0 {
			wait += spread(failures, k.config.LongestPause)
		}
		renew = advice == Renew || renew && !met
		failures++
		k.tell(State{Phase: Waiting, Err: err, Wait: wait})
		sleep(k.life, wait)
	}
}

// once makes one connection and serves it to its end. met says whether there was one.
func (k *Client) once(renew bool) (met bool, err error) {
	ctx, cancel := context.WithTimeout(k.life, attemptBy)
	o := k.config.Options
	if renew {
		o.Token = k.config.Renew
	}
	select { // what the connection before was told
	case <-k.expiry:
	default:
	}
	k.mu.Lock()
	for _, f := range k.feeds {
		f.on = onConnection{}
	}
	k.mu.Unlock()
	conn, err := dial(ctx, &o, k.heard)
	cancel()
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(k.life, func() { conn.fail(ErrClosed) })
	defer stop()
	k.serve(conn)
	return true, conn.Err()
}

// serve does what a connection needs while it lasts.
func (k *Client) serve(conn *Conn) {
	k.mu.Lock()
	k.dropUnchosen()
	k.conn = conn
	close(k.up)
	k.mu.Unlock()
	k.tell(State{Phase: Connected, Welcome: conn.Welcome()})
	k.tend(conn)
	conn.Close() // returns when its goroutines have ended: nothing of it is delivered beside the next one's
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == conn {
		k.conn, k.up = nil, make(chan struct{})
	}
	k.dropLeaving()
}

func (k *Client) stop(err error) {
	k.end()
	k.mu.Lock()
	k.err = err
	k.dropLeaving()
	for _, f := range k.feeds {
		k.drop(f, err)
	}
	k.mu.Unlock()
	k.tell(State{Phase: Ended, Err: err})
}

// advice is what the end of a connection or of an attempt asks for.
func (k *Client) advice(err error) Advice {
	a := BackOff // what broke on the way: a name that is not found, a network that is gone, a Token that failed
	if end, ok := errors.AsType[*CloseError](err); ok {
		a = end.Advice()
	} else if refused, ok := errors.AsType[*RefusedError](err); ok {
		a = refused.Advice()
	} else if errors.Is(err, errProtocol) || errors.Is(err, errTooLarge) {
		a = Stop
	}
	if a == Renew && k.config.Renew == nil && (k.config.TLS == nil || k.config.TLS.GetClientCertificate == nil) {
		a = Stop // there is no other credential
	}
	return a
}

// asked is how long the gateway asked to wait.
func asked(err error) time.Duration {
	if end, ok := errors.AsType[*CloseError](err); ok {
		return end.Retry
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.RetryAfter
	}
	return 0
}

// spread is the random part of a pause. It is anything up to a bound that doubles from failure to failure: clients that were lost together do not come
// back together.
func spread(failures int, longest time.Duration) time.Duration {
	return rand.N(bound(failures, longest) + 1)
}

func bound(failures int, longest time.Duration) time.Duration {
	if failures > 10 { // far above any longest that is meant; more would not fit
		return longest
	}
	return min(longest, shortPause<<failures)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
