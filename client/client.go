package client

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// Config is what a [Client] needs.
type Config struct {
	// Options say where to connect, and as whom. Token is called for each connection, and before the end of the token that is in use. Its context
	// ends after 30 seconds, which bound the whole attempt; an error of it is a failed attempt, and is followed by another.
	Options

	// Renew returns a new credential's token after the gateway said that the one before counts no more, and before its end. nil means Token.
	// Set it where Token may return what it returned before. It is called as Token is; a refresh that fails is tried again every ten seconds, and
	// the connection goes on with what it had.
	Renew func(ctx context.Context) (string, error)

	// LongestPause bounds the pause before another attempt. It begins at half a second and doubles from failure to failure, and what is waited is a
	// random part of it, on top of what the gateway asked for. 0 means 30 seconds.
	LongestPause time.Duration

	// OnFeed hears of each channel that the gateway subscribes this user to by itself and that Subscribe was not called for, before any of its
	// messages, and gets a feed of it. It must return soon and not wait for the client: have a goroutine call Next. The feed continues on the next
	// connection. It ends with an [*Error] when the gateway says so, and with code not_subscribed on a connection for which the channel is not
	// chosen any more. One that was left by Unsubscribe is chosen anew on the next connection. nil means that only what Subscribe was called for is heard.
	OnFeed func(*Feed)

	// FeedOptions returns the options of a feed for OnFeed; Since among them, where it begins the first time. nil means the zero ones.
	FeedOptions func(channel string) FeedOptions

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

// Connect begins to connect, and returns at once: State and OnState tell how it goes. An error is one of the Config: a URL or header that cannot be, or Renew without Token.
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

// Close ends the connection and everything that waits, with [ErrClosed], and returns when nothing of the client moves any more: after two seconds at
// the latest where Token, Renew and DialContext end with their contexts. What the feeds hold can still be taken. It may be called more than once.
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
