package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Config is what a [Client] needs.
type Config struct {
	// Options say where to connect, and as whom. Token is called for each connection, and before the end of the token that is in use.
	Options

	// Renew returns a new credential's token after the gateway said that the one before counts no more, and before its end. nil means Token.
	// Set it where Token may return what it returned before.
	Renew func(ctx context.Context) (string, error)

	// LongestPause bounds the pause before another attempt. It begins at half a second and doubles from failure to failure, and what is waited is a
	// random part of it, on top of what the gateway asked for. 0 means 30 seconds.
	LongestPause time.Duration

	// OnState hears of every change, in order. It must return soon, and must not call Close: the client waits for it.
	OnState func(State)
}

// Client keeps a connection to a gateway: one that ends is followed by another, as the gateway's advice allows, and the subscriptions continue on
// it where they were. It is safe for concurrent use.
//
// Requests wait for a connection as long as their contexts do.
type Client struct {
	// Set by Connect, then read-only.
	config Config
	keyed  string // begins every idempotency key
	life   context.Context
	end    context.CancelFunc
	wake   chan struct{} // holds one when a feed has something to ask
	expiry chan struct{} // holds one when the gateway said that the credential ends
	done   chan struct{} // closed when nothing of the client moves any more

	// Guarded by mu.
	mu     sync.Mutex
	conn   *Conn         // nil while there is none
	up     chan struct{} // closed when conn is set, and made anew when it goes
	state  State
	err    error // why there will be no other connection
	feeds  map[string]*Feed
	number uint64          // of the last idempotency key
	bare   map[string]bool // channels that keep no history, as far as is known; at most mostBare

	most int // requests of one batch; owned by the keeping goroutine
}

// Connect begins to connect, and returns at once: State and OnState tell how it goes. An error is one of the Config.
func Connect(c Config) (*Client, error) {
	if _, err := c.address(); err != nil {
		return nil, err
	}
	if err := c.checkHeader(); err != nil {
		return nil, err
	}
	if c.LongestPause <= 0 {
		c.LongestPause = longPause
	}
	if c.Renew == nil {
		c.Renew = c.Token
	} else if c.Token == nil {
		return nil, errors.New("config has Renew and no Token: Renew replaces a token that Token returned")
	}
	k := &Client{
		config: c,
		keyed:  rand.Text(),
		wake:   make(chan struct{}, 1),
		expiry: make(chan struct{}, 1),
		done:   make(chan struct{}),
		most:   mostAtOnce,
		up:     make(chan struct{}),
		state:  State{Phase: Connecting},
		feeds:  make(map[string]*Feed),
		bare:   make(map[string]bool),
	}
	k.life, k.end = context.WithCancel(context.Background())
	go k.run() // Close waits for it
	return k, nil
}

// Close ends the connection and everything that waits, with [ErrClosed], and returns when nothing of the client moves any more. What the feeds
// hold can still be taken.
func (k *Client) Close() {
	k.end()
	<-k.done
}

// Done returns a channel that is closed when the client has ended, by Close or because no other connection could end better.
func (k *Client) Done() <-chan struct{} { return k.done }

// Err tells why the client ended: nil while it has not, [ErrClosed] after Close, else what the gateway said, a [*CloseError] or a [*RefusedError].
func (k *Client) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Ping is [Conn.Ping] on the connection that there is.
func (k *Client) Ping(ctx context.Context) error {
	_, err := k.ask(ctx, request{Type: "ping"})
	return err
}

// connected returns the connection, and waits where there is none.
func (k *Client) connected(ctx context.Context) (*Conn, error) {
	for {
		k.mu.Lock()
		conn, up, err := k.conn, k.up, k.err
		k.mu.Unlock()
		if conn != nil || err != nil {
			return conn, err
		}
		select {
		case <-up:
		case <-k.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a connection: %w", ctx.Err())
		}
	}
}

// ask sends a request that may be sent twice, and sends it again where the connection took the answer with it.
func (k *Client) ask(ctx context.Context, r request) (frame, error) {
	for {
		conn, err := k.connected(ctx)
		if err != nil {
			return frame{}, err
		}
		f, err := conn.ask(ctx, r)
		if err == nil || conn.Err() == nil || !lostWith(conn, err) {
			return f, err
		}
		if err := k.pause(ctx, conn); err != nil {
			return frame{}, err
		}
	}
}

// lostWith says whether a request failed with its connection, and not by itself.
func lostWith(conn *Conn, err error) bool { return errors.Is(err, conn.Err()) }

// pause waits until a connection that ended is out of the way.
func (k *Client) pause(ctx context.Context, conn *Conn) error {
	select {
	case <-conn.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == conn {
		k.conn, k.up = nil, make(chan struct{})
	}
	return nil
}
