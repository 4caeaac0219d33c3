package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// writeBy bounds the writing of one request. A gateway that takes nothing for so long is gone.
	writeBy = 10 * time.Second
	// goodbyeBy is how long the end of a connection waits for the gateway's last word.
	goodbyeBy = 2 * time.Second
)

// Conn is one connection to a gateway. It is safe for concurrent use.
//
// Two goroutines serve it: one reads, one writes. Both end with the connection, and Close waits for them.
type Conn struct {
	// Set by Dial, then read-only.
	ws         *websocket.Conn
	socket     net.Conn // below ws and TLS
	maxMessage int64
	hear       func(*frame) // a Client's, for all frames that are no answers; the reading goroutine calls it. nil where Subscribe serves them
	welcome    Welcome
	quiet      time.Duration // so long without a sound from the gateway, and it is gone; 0 without end
	silence    *time.Timer   // nil when quiet is 0
	life       context.Context
	expire     context.CancelFunc // ends life
	out        chan []byte        // to the writer; it holds nothing: whoever has a request waits for the writer, or for its own context
	ending     chan struct{}      // closed when err is set
	done       chan struct{}      // closed when nothing of the connection moves any more

	workers sync.WaitGroup // the writer and whoever leaves a channel; they are added while err is nil, under mu

	// Guarded by mu.
	mu            sync.Mutex
	err           error // why the connection ends; the first reason counts
	broken        error // what a write failed with
	lastID        int64
	calls         map[int64]*call
	subscriptions map[string]*Subscription
}

func newConn(maxMessage int64) *Conn {
	if maxMessage <= 0 {
		maxMessage = defaultMaxMessage
	}
	c := &Conn{
		maxMessage:    maxMessage,
		out:           make(chan []byte),
		ending:        make(chan struct{}),
		done:          make(chan struct{}),
		calls:         make(map[int64]*call),
		subscriptions: make(map[string]*Subscription),
	}
	c.life, c.expire = context.WithCancel(context.Background())
	return c
}

// Welcome returns what the gateway said first.
func (c *Conn) Welcome() Welcome { return c.welcome }

// Done returns a channel that is closed when the connection has ended and Err tells why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err tells why the connection ended: nil while it has not, [ErrClosed] after Close, a [*CloseError] when the gateway closed it or it broke,
// something else when the server did not keep to the protocol.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close says goodbye and returns when everything of the connection has ended, after two seconds at the latest where the gateway does not
// answer. What waits for an answer gets ErrClosed; what a subscription holds can still be taken.
func (c *Conn) Close() {
	c.fail(ErrClosed)
	patience := time.AfterFunc(goodbyeBy, c.cut)
	defer patience.Stop()
	c.ws.Close(websocket.StatusNormalClosure, "") // its error is that the connection had ended before
	<-c.done
}

// fail lets the connection end for a reason.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.ending)
	}
}

// cut ends the connection without a goodbye. It closes the socket itself: what the library does in Close no context ends.
func (c *Conn) cut() {
	c.expire()
	c.socket.Close()
}

// run is the reading goroutine: it begins after the welcome, and everything else ends before it does.
func (c *Conn) run() {
	defer close(c.done)
	c.workers.Go(c.write)
	err := c.read()
	c.fail(c.verdict(err))
	c.cut()
	if c.silence != nil {
		c.silence.Stop()
	}
	c.ws.CloseNow() // for what the library holds
	c.workers.Wait()
	c.endSubscriptions()
}

func (c *Conn) read() error {
	for {
		kind, text, err := c.ws.Read(c.life)
		if err != nil {
			return err
		}
		c.heard()
		if kind != websocket.MessageText {
			return errProtocol
		}
		if err := c.take(text); err != nil {
			return err
		}
	}
}

// verdict says in this package's words why reading ended.
func (c *Conn) verdict(err error) error {
	switch ce, said := errors.AsType[websocket.CloseError](err); {
	case said:
		return closed(ce)
	case errors.Is(err, errProtocol):
		return err
	case errors.Is(err, websocket.ErrMessageTooBig):
		return fmt.Errorf("%w, %d bytes", errTooLarge, c.maxMessage)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		err = c.broken
	}
	return &CloseError{Code: lost, Reason: err.Error(), cause: err}
}

// write is the writing goroutine. A request that it has taken is written whole, whatever becomes of its caller: the gateway could read
// nothing behind a part of one.
func (c *Conn) write() {
	for {
		select {
		case text := <-c.out:
			if err := c.writeOne(text); err != nil {
				c.unwritable(err)
				return
			}
		case <-c.ending:
			return
		}
	}
}

func (c *Conn) writeOne(text []byte) error {
	ctx, cancel := context.WithTimeout(c.life, writeBy)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, text)
}

// unwritable ends a connection that takes nothing any more. The gateway may have said why: the reader has a moment to hear it.
func (c *Conn) unwritable(err error) {
	c.mu.Lock()
	c.broken = err
	c.mu.Unlock()
	patience := time.NewTimer(goodbyeBy)
	defer patience.Stop()
	select {
	case <-patience.C:
		c.cut()
	case <-c.ending:
	}
}

// watch notices a gateway that is gone without a word: it pings, so that silence means something. Twice the time leaves room for
// its jitter and for a slow network.
func (c *Conn) watch() {
	if c.quiet = 2 * c.welcome.Ping; c.quiet > 0 {
		c.silence = time.AfterFunc(c.quiet, func() {
			c.fail(&CloseError{Code: lost, Reason: fmt.Sprintf("nothing was heard for %v", c.quiet)})
			c.cut()
		})
	}
}

// heard puts the watch off. The reading goroutine calls it.
func (c *Conn) heard() {
	if c.silence != nil {
		c.silence.Reset(c.quiet)
	}
}
