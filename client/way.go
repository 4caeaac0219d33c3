package client

import (
	"context"
	"errors"
	"net"
	"sync"
)

var errOver = errors.New("the handshake is over")

// way makes the connection of one handshake. net/http makes connections in goroutines of its own, which go on when the request's context has ended and
// nobody waits for them any more; a way ends them, and waits.
type way struct {
	make func(ctx context.Context, network, address string) (net.Conn, error)
	ctx  context.Context // of the handshake
	stop context.CancelFunc
	work sync.WaitGroup // added to under mu, while over is false

	// Guarded by mu.
	mu     sync.Mutex
	over   bool
	socket net.Conn // the last one that was made
}

func (o *Options) newWay(ctx context.Context) *way {
	w := &way{make: o.DialContext}
	if w.make == nil {
		w.make = new(net.Dialer).DialContext
	}
	w.ctx, w.stop = context.WithCancel(ctx)
	return w
}

// dial is for net/http, whose context is another one.
func (w *way) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return nil, errOver
	}
	w.work.Add(1)
	w.mu.Unlock()
	defer w.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	conn, err := w.make(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.socket = conn
	return conn, nil
}

// end returns the connection when nothing makes another any more.
func (w *way) end() net.Conn {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.stop()
	w.work.Wait()
	return w.socket
}
