// Package testnet is a network in memory, for tests: a listener and connections that behave like TCP on a loopback, with a
// buffer in each direction, deadlines and half-finished writes, and that testing/synctest can see waiting.
//
// net.Pipe will not do: its writes wait for a reader, so that two peers that both write first stand still for ever.
package testnet

import (
	"context"
	"net"
	"sync"
)

// Buffer is how many bytes one direction of a connection holds before its writer waits, unless a listener says otherwise.
const Buffer = 64 << 10

// Listener accepts connections that [Listener.Dial] makes.
type Listener struct {
	// Set before the first Dial.
	Buffer int

	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Listen returns a listener that is open.
func Listen() *Listener {
	return &Listener{Buffer: Buffer, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept returns the server's end of the next connection. Close ends it with [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Dial returns the client's end of a new connection, once it was accepted.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := Pipe(l.Buffer)
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends Accept. Connections that were accepted go on.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the same for every listener: there is one host.
func (l *Listener) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "127.0.0.1:1" }
