package simulation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// frame is anything that the gateway says.
type frame struct {
	Type, Channel, Epoch, Code, Reason string
	ID                                 int
	Expires                            int64
	Offset, After, Before              uint64
	Recovered                          *bool
	Data                               string
	Member                             struct{ User string }
	Members                            []struct{ User string }
}

// client is a user who connects again and again, and keeps what it heard and was told.
type client struct {
	w       *world
	user    string
	hears   bool // of joins and leaves
	feeds   map[string]*feed
	retired atomic.Bool
	crawls  atomic.Bool // it reads slowly

	mu      sync.Mutex
	pending *publication        // sent, and not answered yet
	asked   map[int]time.Time   // who is there, on this connection, and not answered yet
	company map[string]*company // by channel, never nil while connected
	calm    *websocket.Conn     // of the calm at the end
}

func newClient(w *world, i int) *client {
	c := &client{w: w, user: fmt.Sprint("u", i), hears: i%2 == 0, feeds: make(map[string]*feed)}
	for _, name := range channels {
		c.feeds[name] = &feed{epochs: make(map[string]bool), heard: make(map[place]string)}
	}
	return c
}

type publication struct {
	id      int
	channel string
	text    string
	since   time.Time
}

// feed is one channel, as the client knows it.
type feed struct {
	epoch   string
	epochs  map[string]bool // where it ever was
	at      uint64
	begun   bool
	heard   map[place]string // brief
	missing []span           // what it was told that it has not
	open    bool             // it was told that something after at is missing, and not up to where
}

type place struct {
	epoch  string
	offset uint64
}

// span is all offsets of an epoch between two, both exclusive.
type span struct {
	epoch         string
	after, before uint64
}

const (
	forever = 1 << 60
	// firstID is below the ids of requests that are not a subscribe.
	firstID = 100
)

// live connects until the world is over.
func (c *client) live() {
	for !c.w.over.Load() && !c.retired.Load() {
		if ws := c.dial(); ws != nil {
			c.converse(ws)
			_ = ws.CloseNow()
		}
		time.Sleep(time.Duration(1+c.w.roll(3000)) * time.Millisecond)
	}
}

func (c *client) dial() *websocket.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: c.w.dial}
	ws, _, err := websocket.Dial(ctx, "ws://edge/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"User": {c.user}}})
	if err != nil {
		return nil
	}
	ws.SetReadLimit(1 << 20)
	return ws
}

// converse subscribes, and reads until the connection ends.
func (c *client) converse(ws *websocket.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	var speaking sync.WaitGroup
	defer speaking.Wait()
	defer cancel()
	c.anew()
	for id, name := range channels {
		f := c.feeds[name]
		request := fmt.Sprintf(`{"type":"subscribe","id":%d,"channel":%q,"join_leave":%t`, id+1, name, c.hears)
		if f.begun {
			request += fmt.Sprintf(`,"since":{"offset":%d,"epoch":%q}`, f.at, f.epoch)
		}
		if ws.Write(ctx, websocket.MessageText, []byte(request+"}")) != nil || c.ask(ctx, ws, name) != nil {
			return
		}
	}
	speaking.Go(func() { c.speak(ctx, ws) })
	if c.w.calm.Load() {
		c.mu.Lock()
		c.calm = ws
		c.mu.Unlock()
	}
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			c.w.count(fmt.Sprint("close ", websocket.CloseStatus(err)))
			return
		}
		for one := range strings.Lines(string(text)) {
			var f frame
			if err := json.Unmarshal([]byte(one), &f); err != nil {
				c.w.wrong("%s heard %q: %v", c.user, one, err)
			}
			if c.w.roll(20) == 0 { // of all there are too many
				if err := c.w.document.Frame([]byte(one)); err != nil {
					c.w.wrong("%s: %v", c.user, err)
				}
			}
			c.hear(&f)
		}
		c.dawdle()
	}
}

// dawdle lets a client read little, or nothing for a while.
func (c *client) dawdle() {
	switch {
	case c.w.calm.Load():
	case c.crawls.Load():
		time.Sleep(time.Duration(20+c.w.roll(200)) * time.Millisecond)
	case c.w.roll(400) == 0:
		time.Sleep(time.Duration(c.w.roll(90_000)) * time.Millisecond)
	}
}

// speak publishes, and publishes again what was not answered, with the same key.
func (c *client) speak(ctx context.Context, ws *websocket.Conn) {
	for ctx.Err() == nil && !c.w.calm.Load() {
		c.mu.Lock()
		if p := c.pending; p == nil || time.Since(p.since) > 4*time.Minute { // later, a repetition would be another publication
			id := c.w.id()
			c.pending = &publication{id, c.w.topic(), fmt.Sprintf("%d %s", id, strings.Repeat("x", c.w.length())), time.Now()}
		}
		p := c.pending
		c.mu.Unlock()
		if ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"publish","id":%d,"channel":%q,"data":%q,"idempotency_key":"%d"}`, p.id, p.channel, p.text, p.id)) != nil {
			return
		}
		if c.w.roll(4) == 0 && c.ask(ctx, ws, channels[c.w.roll(len(channels))]) != nil {
			return
		}
		if c.w.roll(20) == 0 && ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"refresh","id":%d,"token":"any"}`, c.w.id())) != nil {
			return
		}
		select {
		case <-time.After(c.w.pause()):
		case <-ctx.Done():
		}
	}
}

func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s := w.sites[w.roll(len(w.sites))]
	w.mu.Lock()
	l := s.net
	w.mu.Unlock()
	if l == nil {
		return nil, net.ErrClosed
	}
	conn, err := l.Dial(ctx)
	if err != nil {
		return nil, err
	}
	made := newLine(conn, l)
	if !w.calm.Load() {
		if w.roll(5) > 0 {
			made.left = 1 + w.roll(1+w.roll(w.bytes))
		}
		made.delay = time.Duration(w.roll(4)*w.roll(30)) * time.Millisecond
	}
	w.mu.Lock()
	w.lines = append(w.lines, made)
	w.mu.Unlock()
	return made, nil
}
