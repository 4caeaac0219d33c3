package simulation_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/socket"
	"portcullis/internal/tenant"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
)

// site is where a node runs, one after the other: what a client dials. Behind the door it is a gateway as it is; whoever dials is the user that they say.
type site struct {
	w     *world
	net   *testnet.Listener // nil while no node runs; guarded by the world's mu
	stop  func()
	crash func() // as stop, but the engine hears nothing of it

	ahead atomic.Int64 // by how many nanoseconds its clock is
}

// jump sets the clock of the machine to another time. A gateway measures what lasts by a clock that does not jump; what it is told as a time of day are the ends of credentials, and these come so much sooner or later.
func (s *site) jump() {
	s.w.count("clock jump")
	s.ahead.Store(int64(time.Duration(s.w.roll(3600)-1800) * time.Second))
}

// principal is a user, as a credential says that comes or is renewed now.
func (s *site) principal(user string) *auth.Principal {
	w := s.w
	lasts := time.Duration(1+w.roll(20)) * time.Minute
	if w.calm.Load() {
		lasts = time.Hour
	}
	return &auth.Principal{
		Tenant: w.tenant.ID, User: user, Segment: user, Method: auth.Bearer, Expires: time.Now().Add(lasts - time.Duration(s.ahead.Load())),
	}
}

// renew takes a new credential, most of the time.
func (s *site) renew(user string) (*auth.Principal, *wire.Fault) {
	if s.w.roll(5) == 0 {
		return nil, &wire.Fault{Code: wire.Unavailable, Message: "no keys", Retry: time.Second}
	}
	return s.principal(user), nil
}

// start runs a node on the engine.
func (s *site) start() {
	w := s.w
	l, engine := testnet.Listen(), &recorder{Broker: w.engine.Node(), w: w}
	h := hub.New(engine, w.tally, slog.New(slog.DiscardHandler))
	staying := &register{attendance: w.attendance, site: s}
	h.Follow(staying)
	ctx, cancel := context.WithCancel(context.Background())
	var all, sessions sync.WaitGroup
	all.Go(func() {
		if err := h.Run(ctx); err != nil {
			w.wrong("a hub ended: %v", err)
		}
	})
	<-h.Reached()
	host := session.NewHost("n", w.tally, slog.New(slog.DiscardHandler))
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { s.accept(host, h, &sessions, rw, r) })}
	all.Go(func() { _ = server.Serve(l) })
	s.moved(l)
	s.stop = func() {
		staying.end()
		s.moved(nil)
		l.Close()
		w.cut(l)
		server.Close()
		sessions.Wait()
		host.Close()
		cancel()
		all.Wait()
	}
	s.crash = func() {
		engine.dead.Store(true)
		s.stop()
	}
}

// moved says where to dial.
func (s *site) moved(l *testnet.Listener) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.net = l
}

func (s *site) accept(host *session.Host, h *hub.Hub, sessions *sync.WaitGroup, rw http.ResponseWriter, r *http.Request) {
	w, user := s.w, r.Header.Get("User")
	place, over := w.tenant.Account.Enter(user)
	if over.Any() {
		w.wrong("%s finds no place: %s", user, over.Text())
		return
	}
	conn, err := socket.Accept(rw, r, r.Header.Get("Sec-WebSocket-Protocol"), place)
	if err != nil { // it was cut in its handshake
		place.Leave()
		return
	}
	id := fmt.Sprint("c_", w.fresh.Add(1))
	p := s.principal(user)
	live := session.New(host, session.Config{
		ID: id, Remote: "192.0.2.1:5", Socket: conn, Dialect: json.Dialect{}, Principal: p, Limits: wire.Limits{MessageSize: 64 << 10},
		Renew:   func(context.Context, *session.Session, string) (*auth.Principal, *wire.Fault) { return s.renew(user) },
		Renewed: func(*session.Session) {},
		Tenants: func(tenant.ID) *realm.Tenant { return w.tenant },
		Join:    func(e hub.Subscriber) *hub.Member { return h.Join(w.tenant, p, place, id, e) },
	})
	live.Greet()
	sessions.Go(func() {
		live.Run()
		place.Leave()
	})
}

// recorder writes down what the engine has.
type recorder struct {
	broker.Broker
	w    *world
	dead atomic.Bool // its node says nothing any more
}

func (r *recorder) Publish(ctx context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	if r.dead.Load() {
		return broker.Receipt{}, broker.ErrUnavailable
	}
	receipt, err := r.Broker.Publish(ctx, m, keep)
	if err == nil && !receipt.Duplicate {
		r.w.mu.Lock()
		defer r.w.mu.Unlock()
		name := m.Channel.Name.String()
		r.w.said[name] = append(r.w.said[name], saying{brief(string(m.Data)), receipt.Position, time.Now(), len(m.Data)})
	}
	return receipt, err
}

// Since and Heads take their time, so that something is said meanwhile.
func (r *recorder) Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	page, complete, err := r.Broker.Since(ctx, ref, from, limit)
	time.Sleep(time.Duration(r.w.roll(2)*r.w.roll(2000)) * time.Millisecond)
	return page, complete, err
}

func (r *recorder) Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error) {
	heads, err := r.Broker.Heads(ctx, refs)
	time.Sleep(time.Duration(r.w.roll(2)*r.w.roll(2000)) * time.Millisecond)
	return heads, err
}

func (r *recorder) State() broker.State { return faltering{r.Broker.State(), r} }

// faltering is a memory that takes its time, and does not always say that it has remembered.
type faltering struct {
	broker.State
	of *recorder
}

func (f faltering) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	w := f.of.w
	time.Sleep(time.Duration(w.roll(2)*w.roll(300)) * time.Millisecond)
	if f.of.dead.Load() {
		return broker.ErrUnavailable
	}
	if err := f.State.Put(ctx, key, value, ttl); err != nil || w.roll(30) > 0 {
		return err
	}
	return broker.ErrUnavailable
}

// line is a client's connection. It breaks after so many bytes, in the middle of whatever is on its way, and some of them are slow.
type line struct {
	net.Conn
	of    *testnet.Listener
	left  int // bytes, guarded by mu; it breaks at 0
	delay time.Duration
	mu    sync.Mutex

	closing sync.Once
	closed  chan struct{}
}

func newLine(c net.Conn, of *testnet.Listener) *line {
	return &line{Conn: c, of: of, left: forever, closed: make(chan struct{})}
}

// lag takes the line's time. Close ends it: the client's library holds a mutex while it waits for a write to end, and no time passes in a world where somebody waits for a mutex.
func (l *line) lag() {
	if l.delay == 0 {
		return
	}
	select {
	case <-time.After(l.delay):
	case <-l.closed:
	}
}

func (l *line) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Conn.Close()
}

func (l *line) Read(p []byte) (int, error) {
	l.lag()
	n, err := l.Conn.Read(p)
	return l.spend(n), err
}

func (l *line) Write(p []byte) (int, error) {
	l.lag()
	if n := l.spend(len(p)); n < len(p) {
		_, _ = l.Conn.Write(p[:n])
		l.Close()
		return n, net.ErrClosed
	}
	return l.Conn.Write(p)
}

// spend returns how many of n bytes still pass.
func (l *line) spend(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.left)
	if l.left -= n; l.left == 0 {
		_ = l.Close()
	}
	return n
}
