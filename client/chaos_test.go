package client_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/client"
	"portcullis/internal/auth/authtest"
)

// lines is a proxy whose connections can be cut: both ends, at once, with whatever was on its way. They can also stall: nothing comes for a while, and
// the gateway cannot get rid of what it has.
type lines struct {
	address string // of the gateway
	narrow  bool   // the kernel holds little for who stalls
	taps    taps

	mu    sync.Mutex
	now   map[net.Conn]net.Conn
	quiet bool // nothing comes
	all   sync.WaitGroup
}

func (l *lines) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	up, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := up.(*net.TCPConn); ok && l.narrow {
		_ = tcp.SetReadBuffer(32 << 10)
	}
	near, far := net.Pipe()
	l.mu.Lock()
	l.now[up] = far
	l.mu.Unlock()
	cut := func() { up.Close(); far.Close() }
	l.all.Go(func() { io.Copy(up, far); cut() })
	l.all.Go(func() {
		io.Copy(far, io.TeeReader(stalling{up, l}, newTap(&l.taps)))
		cut()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.now, up)
	})
	return near, nil
}

// stalling is the gateway's end of a line.
type stalling struct {
	net.Conn
	lines *lines
}

func (s stalling) Read(p []byte) (int, error) {
	for s.lines.stalled() {
		time.Sleep(time.Millisecond)
	}
	return s.Conn.Read(p)
}

func (l *lines) stalled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.quiet
}

func (l *lines) stall(quiet bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet = quiet
}

func (l *lines) cutAll() { l.cut(rand.New(rand.NewPCG(0, 0)), 1) }

// told wants the gateway to have said nothing twice, out of its order or in other words than the document has, and to have left nothing out untold.
func (l *lines) told(t *testing.T) {
	t.Helper()
	l.taps.mu.Lock()
	defer l.taps.mu.Unlock()
	if n := len(l.taps.wrong); n > 0 {
		t.Errorf("%d times the gateway said what it may not, first: %s", n, l.taps.wrong[0])
	}
	if l.taps.frames == 0 {
		t.Error("no frame was read along: this shows nothing")
	}
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
	at       uint64 // whatever stands up to here was delivered, or told not to be
	disorder []string
	ended    error
}

func (h *heard) gap(g client.Gap) {
	if g.Before <= h.at {
		h.disorder = append(h.disorder, fmt.Sprintf("gap %+v at %d", g, h.at))
	}
	h.at = g.Before - 1
	h.gaps = append(h.gaps, g)
}

func (h *heard) message(m client.Message) {
	if m.Offset <= h.at {
		h.disorder = append(h.disorder, fmt.Sprintf("offset %d at %d", m.Offset, h.at))
	}
	h.at = m.Offset
	m.Data = brief(m.Data)
	h.messages = append(h.messages, m)
}

// TestChaos cuts the connections of clients at random while publishers, whose connections are cut too, say numbers on channels. In the end every
// client has every message exactly once and in order, or was told which it has not; and every publication is there once.
func TestChaos(t *testing.T) {
	length, readers := 1500*time.Millisecond, 8
	if os.Getenv("PORTCULLIS_LONG") != "" {
		length, readers = time.Minute, 40
	}
	dice := seeded(t)
	address, issuer := startNode(t)
	proxy := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	open := func(user string) *client.Client { return lasting(t, issuer, user, proxy) }
	const chosen = "room:chosen" // the gateway subscribes the readers by itself
	channels := []string{"room:1", "room:2", "room:3", "brief:1", chosen}

	ctx, halt := context.WithTimeout(t.Context(), length+3*time.Minute)
	defer halt()
	var reading sync.WaitGroup
	var feeds atomic.Int32 // that the readers were given
	got := make([]map[string]*heard, readers)
	for i := range got {
		got[i] = make(map[string]*heard)
		for _, ch := range channels {
			got[i][ch] = new(heard)
		}
		given := make(chan *client.Feed, 100)
		c := lastingWith(t, issuer, "reader"+strconv.Itoa(i), proxy, func(k *client.Config) {
			k.OnFeed = func(f *client.Feed) { feeds.Add(1); given <- f }
			k.FeedOptions = func(string) client.FeedOptions { return client.FeedOptions{OnGap: got[i][chosen].gap} }
		})
		for _, ch := range channels {
			h := got[i][ch]
			if ch == chosen {
				feed := <-given
				reading.Go(func() { h.read(ctx, feed, nil) })
				continue
			}
			feed, err := c.Subscribe(ctx, ch, client.FeedOptions{OnGap: h.gap})
			if err != nil {
				t.Fatal(err)
			}
			reading.Go(func() { h.read(ctx, feed, nil) })
		}
	}
	said := make([]map[string]int, len(channels)) // how often what was published may stand in the channel: at most once; 1 where it must
	over := make(chan struct{})
	var publishing sync.WaitGroup
	var published atomic.Int32
	for i, ch := range channels {
		said[i] = make(map[string]int)
		c := open("publisher" + strconv.Itoa(i))
		publishing.Go(func() { publishUntil(ctx, t, over, length/8000, c, ch, said[i], &published) })
	}
	// Who publishes is cut as well. On a machine that is slow the cuts wait for what can be said between them.
	var cuts int
	for end := time.Now().Add(length); time.Now().Before(end) || cuts < readers || published.Load() < 1000; {
		mark := published.Load() + int32(dice.IntN(2*len(channels)))
		for time.Sleep(time.Duration(dice.IntN(40)) * time.Millisecond); published.Load() < mark && ctx.Err() == nil; {
			time.Sleep(time.Millisecond)
		}
		if ctx.Err() != nil {
			break
		}
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
	proxy.told(t)
	if int(feeds.Load()) != readers {
		t.Errorf("%d readers were given %d feeds, want one each that goes on", readers, feeds.Load())
	}
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

// seeded returns the chance of a test, which PORTCULLIS_SEED repeats.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("PORTCULLIS_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("PORTCULLIS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func tokenOf(issuer *authtest.Issuer, user string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return issuer.Token(user), nil }
}

func lasting(t *testing.T, issuer *authtest.Issuer, user string, proxy *lines) *client.Client {
	t.Helper()
	return lastingWith(t, issuer, user, proxy, func(*client.Config) {})
}

func lastingWith(t *testing.T, issuer *authtest.Issuer, user string, proxy *lines, change func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{
		Options: client.Options{
			URL: "ws://" + proxy.address, DialContext: proxy.dial,
			Token: tokenOf(issuer, user),
		},
		LongestPause: 20 * time.Millisecond,
	}
	change(&config)
	c, err := client.Connect(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// brief is what is remembered of data.
func brief(data []byte) []byte {
	if len(data) < 100 {
		return data
	}
	return fmt.Appendf(nil, "%.9s %d %08x", data, len(data), crc32.ChecksumIEEE(data))
}

// read takes what comes, up to the end. It pauses before each message where pause is not nil.
func (h *heard) read(ctx context.Context, feed *client.Feed, pause func()) {
	for {
		if pause != nil {
			pause()
		}
		m, err := feed.Next(ctx)
		if err != nil {
			h.ended = err
			return
		}
		if string(m.Data) == `"end"` {
			return
		}
		h.message(m)
	}
}

func publishUntil(ctx context.Context, t *testing.T, over chan struct{}, pause time.Duration, c *client.Client, channel string, said map[string]int, published *atomic.Int32) {
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
		published.Add(1)
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
	if len(h.disorder) > 0 {
		t.Errorf("%s: %v", who, h.disorder)
	}
	got := make(map[uint64]string)
	for _, m := range h.messages {
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
