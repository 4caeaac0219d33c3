// Package session runs one client's connection from its welcome to its goodbye.
//
// Two parties move a session: its reading goroutine, which Run is, and the hands that it waits for own the requests;
// everybody else, the hub's dispatchers, the clock and the roster, may only Deliver, Follow and End.
package session

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/socket"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

const (
	// PingEvery is how often a client is asked whether it is there, give or take a tenth, so that pings spread.
	PingEvery = 25 * time.Second
	// PongBy is how long its answer may take.
	PongBy = 10 * time.Second
)

// Socket is the part of a WebSocket that a session uses. What is said of [portcullis/internal/socket.Conn] holds.
type Socket interface {
	Next() (wire.Opcode, error)
	Payload(buf []byte, limit int) ([]byte, error)
	Send(frames []byte, messages int) (socket.Fate, error)
	Deliver(p *wire.Parcel, lane wire.Lane) (socket.Fate, error)
	Await()
	AwaitOurs(until time.Time)
	Ping() error
	OnPong(f func(rtt time.Duration))
	Close(reason wire.Close, retry time.Duration)
	CloseNow()
	Traffic() (in, out uint64)
}

// Session is one connection.
type Session struct {
	// Set by New, then read-only.
	host      *Host
	id        string
	remote    string
	socket    Socket
	dialect   wire.Dialect
	codec     wire.Codec
	welcome   wire.Limits
	opened    time.Time
	ages      time.Time // when it has lived as long as a connection may; zero for never
	pingEvery time.Duration
	renew     Renew
	renewed   func(*Session)
	tenants   func(tenant.ID) *realm.Tenant
	member    *hub.Member

	// Owned by Run, and by the hands that it waits for.
	refusals *refusals
	requests uint64

	// principal is whom the client is now; a refresh replaces it, and nobody changes it.
	principal atomic.Pointer[auth.Principal]
	delivered atomic.Uint64 // messages that were taken for the client
	serving   atomic.Bool   // hands serve a message, and nobody reads
	mute      atomic.Bool   // its right has ended: nothing is delivered to it any more

	// Guarded by mu.
	mu      sync.Mutex
	clock   clock
	goodbye *goodbye
}

// Renew verifies a token that a client sends in the place of the credential that it came with. It returns whom the token speaks for, or the answer to whoever
// sent it. It may wait for its turn to compute.
type Renew func(ctx context.Context, s *Session, token string) (*auth.Principal, *wire.Fault)

// goodbye is the end that somebody other than the client decided on.
type goodbye struct {
	reason wire.Close
	over   limit.Quota   // because of which it is; 0 for none
	said   chan struct{} // closed when the socket is
}

// Config is one connection's part of a session.
type Config struct {
	ID        string
	Remote    string // for the log
	Socket    Socket
	Dialect   wire.Dialect
	Principal *auth.Principal
	Limits    wire.Limits
	// Age is how long the connection may live, give or take a tenth; 0 is for ever.
	Age time.Duration
	// Renew serves refresh. Renewed hears that the session's principal is another one.
	Renew   Renew
	Renewed func(*Session)
	// Tenants says what a tenant is now, nil when it is gone.
	Tenants func(tenant.ID) *realm.Tenant
	// Join makes the session a member of the hub, which the session leaves at its end.
	Join func(hub.Subscriber) *hub.Member
}

// New returns a session that has said nothing yet and does nothing until Run.
func New(h *Host, c Config) *Session {
	s := &Session{
		host: h, id: c.ID, remote: c.Remote, socket: c.Socket, dialect: c.Dialect, codec: c.Dialect.Open(),
		welcome: c.Limits, opened: time.Now(), pingEvery: jitter(PingEvery), renew: c.Renew, renewed: c.Renewed, tenants: c.Tenants,
	}
	s.principal.Store(c.Principal)
	if c.Age > 0 {
		s.ages = s.opened.Add(jitter(c.Age))
	}
	s.member = c.Join(s)
	s.socket.OnPong(s.ponged)
	h.observer.Opened(s.id, s.remote, s.dialect.Subprotocol(), c.Principal)
	return s
}

func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// ID names the connection.
func (s *Session) ID() string { return s.id }

// Opened is when the connection was let in.
func (s *Session) Opened() time.Time { return s.opened }

// Remote is where the client comes from, as the log has it.
func (s *Session) Remote() string { return s.remote }

// Principal returns whom the client is now.
func (s *Session) Principal() *auth.Principal { return s.principal.Load() }

// Dialect implements [hub.Subscriber].
func (s *Session) Dialect() wire.Dialect { return s.dialect }

// Run serves the client until the connection has ended. It closes the socket, leaves the hub and starts nothing that outlives it.
func (s *Session) Run() {
	s.startClock()
	err := s.read()
	s.stopClock()
	end := s.leave(err)
	s.member.Leave()
	s.report(end)
}

// Greet says the welcome, once, before Run: here, and not on the small stack of Run. Whoever is welcomed can be found, so the session stands in the roster by then. Where the tenant chose
// channels for the client they are in it, and that may take the engine's time; when it does not answer the connection ends without a welcome, because what its client relies on to hear would be missing.
func (s *Session) Greet() {
	if !s.toldOfChoices() {
		s.hello(nil)
		return
	}
	if s.member.Greet(s.host.context, s.hello) != nil {
		s.End(wire.ClosedInternal, jitter(comeBackSlower))
	}
}

func (s *Session) hello(chosen []wire.Subscription) {
	p := s.Principal()
	hello := s.codec.AppendWelcome(nil, &wire.Welcome{
		Connection: s.id,
		Tenant:     p.Tenant.String(),
		User:       p.User,
		Segment:    p.Segment,
		Node:       s.host.node,
		Expires:    p.Expires,
		Ping:       PingEvery,
		Limits:     s.welcome,

		Subscriptions: chosen,
	})
	if len(hello) > 0 {
		s.send("welcome", hello)
	}
}

// Deliver implements [hub.Subscriber]. A client that reads too slowly for its outbox ends here.
func (s *Session) Deliver(p *wire.Parcel, lane wire.Lane) hub.Outcome {
	if s.mute.Load() {
		return hub.Lost
	}
	fate, err := s.socket.Deliver(p, lane)
	if err != nil {
		s.failed(err)
		return hub.Lost
	}
	s.delivered.Add(uint64(p.Messages))
	switch fate {
	case socket.Crowded:
		return hub.Crowded
	case socket.Queued:
		return hub.Kept
	}
	return hub.Taken
}

// Await implements [hub.Subscriber].
func (s *Session) Await(until time.Time) { s.socket.AwaitOurs(until) }

// notice tells the client something that it did not ask for.
func (s *Session) notice(n *wire.Notice) {
	if frame := s.dialect.AppendNotice(nil, n); len(frame) > 0 {
		s.send(string(n.Kind), frame)
	}
}

// send gives the client one frame of its own.
func (s *Session) send(kind string, frame []byte) {
	if _, err := s.socket.Send(frame, 1); err != nil {
		s.failed(err)
		return
	}
	s.member.Counts().Sent(1, len(frame))
	s.host.observer.Sent(kind, len(frame))
}
