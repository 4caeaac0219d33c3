package client_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"portcullis/client"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/config"
	"portcullis/internal/node"
)

const issuerURL = "https://id.acme.example"

// startNode runs a whole gateway. Channels of room keep enough for every test, those of brief next to nothing, those of bare nothing.
func startNode(t *testing.T) (address string, issuer *authtest.Issuer) {
	t.Helper()
	issuer = authtest.New(issuerURL)
	c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {address: "127.0.0.1:0", plaintext: true}
admin: {address: "127.0.0.1:0"}
tenants:
  - id: acme
    issuers: [{issuer: "`+issuerURL+`", audience: portcullis, jwks_file: "`+issuer.WriteJWKS(t)+`"}]
    rules: [{name: all, allow: [subscribe, publish, history, presence, echo], channels: ["room:*", "brief:*", "bare:*"]}]
    channels:
      - {match: "room:*", presence: true, history: {messages: 10000, ttl: 1h}}
      - {match: "brief:*", history: {messages: 3, ttl: 1h}}
    limits: {messages_per_second: 1000000, messages_per_second_per_user: 1000000, messages_per_second_per_connection: 100000}
`))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	n, problems := node.New(node.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	if n == nil {
		t.Fatal(problems)
	}
	if err := n.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	t.Cleanup(func() { stop(node.ErrNow); <-ended })
	return n.Addr(), issuer
}

// lines is a proxy whose connections can be cut: both ends, at once, with whatever was on its way.
type lines struct {
	address string // of the gateway

	mu  sync.Mutex
	now map[net.Conn]net.Conn
	all sync.WaitGroup
}

func (l *lines) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	up, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	l.mu.Lock()
	l.now[up] = far
	l.mu.Unlock()
	cut := func() { up.Close(); far.Close() }
	l.all.Go(func() { io.Copy(up, far); cut() })
	l.all.Go(func() {
		io.Copy(far, up)
		cut()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.now, up)
	})
	return near, nil
}

// cut cuts each line with a chance of one in n.
func (l *lines) cut(r *rand.Rand, n int) (cuts int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for up, far := range l.now {
		if r.IntN(n) == 0 {
			up.Close()
			far.Close()
			cuts++
		}
	}
	return cuts
}

// heard is what one reader got of one channel.
type heard struct {
	messages []client.Message
	gaps     []client.Gap
	ended    error
}

// TestChaos cuts the connections of clients at random while publishers, whose connections are cut too, say numbers on channels. In the end every
// client has every message exactly once and in order, or was told which it has not; and every publication is there once.
func TestChaos(t *testing.T) {
	length, readers := 1500*time.Millisecond, 8
	if os.Getenv("PORTCULLIS_LONG") != "" {
		length, readers = time.Minute, 40
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("PORTCULLIS_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("PORTCULLIS_SEED=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	address, issuer := startNode(t)
	proxy := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	open := func(user string) *client.Client { return lasting(t, issuer, user, proxy) }
	channels := []string{"room:1", "room:2", "room:3", "brief:1"}

	ctx, halt := context.WithTimeout(t.Context(), length+time.Minute)
	defer halt()
	var reading sync.WaitGroup
	got := make([]map[string]*heard, readers)
	for i := range got {
		c := open("reader" + strconv.Itoa(i))
		got[i] = make(map[string]*heard)
		for _, ch := range channels {
			h := new(heard)
			got[i][ch] = h
			feed, err := c.Subscribe(ctx, ch, client.FeedOptions{OnGap: func(g client.Gap) { h.gaps = append(h.gaps, g) }})
			if err != nil {
				t.Fatal(err)
			}
			reading.Go(func() { h.read(ctx, feed) })
		}
	}
	said := make([]map[string]int, len(channels)) // how often what was published may stand in the channel: at most once; 1 where it must
	over := make(chan struct{})
	var publishing sync.WaitGroup
	for i, ch := range channels {
		said[i] = make(map[string]int)
		c := open("publisher" + strconv.Itoa(i))
		publishing.Go(func() { publishUntil(ctx, t, over, length/8000, c, ch, said[i]) })
	}
	var cuts int
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(time.Duration(dice.IntN(40)) * time.Millisecond) {
		cuts += proxy.cut(dice, 6)
	}
	close(over)
	publishing.Wait()
	truth := open("witness")
	finish(ctx, t, truth, channels, &reading)
	var messages, gaps int
	for _, channels := range got {
		for _, h := range channels {
			messages, gaps = messages+len(h.messages), gaps+len(h.gaps)
		}
	}
	t.Logf("%d cuts, %d messages were read, %d gaps told", cuts, messages, gaps)
	if gaps == 0 {
		t.Error("no gap on a channel that keeps three messages: this shows nothing")
	}
	if cuts < readers {
		t.Errorf("only %d cuts for %d readers: this shows nothing", cuts, readers)
	}
	for i, ch := range channels {
		stored := kept(ctx, t, truth, ch)
		if ch != "brief:1" {
			once(t, ch, stored, said[i])
		}
		for n := range got {
			got[n][ch].check(t, fmt.Sprintf("reader %d on %s", n, ch), stored, ch != "brief:1")
		}
	}
}

func lasting(t *testing.T, issuer *authtest.Issuer, user string, proxy *lines) *client.Client {
	t.Helper()
	c, err := client.Connect(client.Config{
		Options: client.Options{
			URL: "ws://" + proxy.address, DialContext: proxy.dial,
			Token: func(context.Context) (string, error) { return issuer.Token(user), nil },
		},
		LongestPause: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (h *heard) read(ctx context.Context, feed *client.Feed) {
	for {
		m, err := feed.Next(ctx)
		if err != nil {
			h.ended = err
			return
		}
		if string(m.Data) == `"end"` {
			return
		}
		h.messages = append(h.messages, m)
	}
}

func publishUntil(ctx context.Context, t *testing.T, over chan struct{}, pause time.Duration, c *client.Client, channel string, said map[string]int) {
	for n := 1; ; n++ {
		select {
		case <-over:
			return
		case <-time.After(pause): // all that is said is kept
		}
		p, err := c.Publish(ctx, channel, n)
		if err != nil || p.Offset == 0 {
			t.Errorf("publish %d on %s: got %+v, %v; it has a key, and is repeated", n, channel, p, err)
			return
		}
		said[strconv.Itoa(n)] = 1
	}
}

// finish says the end on every channel until every reader has heard it: one that was told of a gap may not have.
func finish(ctx context.Context, t *testing.T, c *client.Client, channels []string, reading *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { reading.Wait(); close(done) }()
	for {
		for _, ch := range channels {
			if _, err := c.Publish(ctx, ch, "end"); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-done:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// kept is everything that a channel keeps but its ends.
func kept(ctx context.Context, t *testing.T, c *client.Client, channel string) (all []client.Message) {
	for m, err := range c.History(ctx, channel, client.HistoryOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != `"end"` {
			all = append(all, m)
		}
	}
	return all
}

func once(t *testing.T, channel string, stored []client.Message, said map[string]int) {
	t.Helper()
	times := make(map[string]int)
	for _, m := range stored {
		times[string(m.Data)]++
	}
	for n := range said {
		if times[n] != 1 {
			t.Errorf("%s: publication %s stands %d times, want once", channel, n, times[n])
		}
	}
	if len(stored) < 20 {
		t.Errorf("%s: only %d messages: this shows nothing", channel, len(stored))
	}
}

// check holds what a reader got against what the channel keeps. Where whole, nothing may be missing.
func (h *heard) check(t *testing.T, who string, stored []client.Message, whole bool) {
	t.Helper()
	if h.ended != nil {
		t.Errorf("%s: ended with %v", who, h.ended)
	}
	got := make(map[uint64]string)
	var last uint64
	for _, m := range h.messages {
		if m.Offset <= last {
			t.Errorf("%s: offset %d came after %d", who, m.Offset, last)
		}
		last = m.Offset
		got[m.Offset] = string(m.Data)
	}
	if whole && (len(h.gaps) > 0 || len(h.messages) != len(stored)) {
		t.Errorf("%s: %d messages and gaps %+v, want %d messages and none", who, len(h.messages), h.gaps, len(stored))
	}
	for _, m := range stored {
		if got[m.Offset] != string(m.Data) && !h.told(m.Offset) {
			t.Errorf("%s: offset %d is %q, want %s; and nobody said so", who, m.Offset, got[m.Offset], m.Data)
		}
	}
}

func (h *heard) told(offset uint64) bool {
	for _, g := range h.gaps {
		if g.After < offset && offset < g.Before {
			return true
		}
	}
	return false
}
