package gateway

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/problem"
	"portcullis/internal/session"
	"portcullis/internal/socket"
	"portcullis/internal/wire"
)

func noPlace(full limit.Scope) error {
	if full == limit.PerUser {
		return refuse(UserFull, "connections_per_user is reached")
	}
	return refuse(TenantFull, "connections is reached")
}

// enter answers 101 and starts the session, which then gives place back; on an error place is given back here. answered says that there was an answer, so
// that none may follow: the library writes its own.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request, a admitted, place *limit.Place) (answered bool, err error) {
	var live *session.Session
	defer func() {
		if live == nil {
			place.Leave()
		}
	}()
	leave, open := g.roster.reserve()
	if !open {
		return false, refuse(Draining, "the node is draining")
	}
	defer func() {
		if live == nil {
			leave(nil)
		}
	}()
	conn, err := socket.Accept(w, r, a.answered)
	if err != nil {
		return true, err
	}
	live = g.session(conn, r.RemoteAddr, a, place)
	g.roster.enter(live)
	// net/http's goroutine ends with its grown stack; the roster waits for this one.
	go func() {
		live.Run()
		place.Leave()
		leave(live)
	}()
	return true, nil
}

func (g *Gateway) session(conn *socket.Conn, remote string, a admitted, place *limit.Place) *session.Session {
	id := "c_" + rand.Text()[:16]
	limits := a.tenant.Account.Limits()
	return session.New(g.config.Sessions, session.Config{
		ID: id, Remote: remote, Socket: conn, Dialect: a.dialect, Principal: a.principal,
		Limits: wire.Limits{
			MessageSize:                    limits.MessageSize,
			SubscriptionsPerConnection:     limits.SubscriptionsPerConn,
			MessagesPerSecondPerConnection: limits.MessagesPerSecondPerConn,
			BytesPerSecondPerConnection:    limits.BytesPerSecondPerConn,
		},
		Join: func(s hub.Subscriber) *hub.Member {
			return g.config.Hub.Join(a.tenant, a.principal, place, id, s)
		},
	})
}

// newInstance names one refused handshake, for the client to quote and the operator to find.
func newInstance() string { return "h_" + rand.Text()[:16] }

// refuse answers a handshake that did not get in. The client is told what the table says; the reason is the operator's, found by the instance.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error, start time.Time) {
	a := answerTo(err)
	instance := newInstance()
	if a.code == wire.Unauthorized || a.code == wire.TokenExpired {
		w.Header().Set("WWW-Authenticate", challenge(a.code, a.Reason == auth.MissingCredentials))
	}
	answerWith(w, problem.Problem{Code: a.code, Detail: a.detail, Instance: "urn:portcullis:handshake:" + instance, Retry: retryAfter(a)})
	g.note(r, a, err, instance, start)
}

// note counts a refusal and writes its one line, unless strangers make the gateway write more lines than anybody reads.
func (g *Gateway) note(r *http.Request, a Answer, err error, instance string, start time.Time) {
	g.config.Observer.Handshake(a.Reason, a.Fault, time.Since(start))
	suppressed, ok := g.lines.next(time.Now())
	if !ok {
		return
	}
	level := slog.LevelInfo
	if a.Fault == ServerFault {
		level = slog.LevelWarn
	}
	g.config.Log.LogAttrs(r.Context(), level, "handshake refused",
		slog.String("event", "handshake.refused"),
		slog.String("handshake", instance),
		slog.String("reason", string(a.Reason)),
		slog.String("detail", err.Error()),
		slog.Int("status", a.code.Status()),
		slog.String("remote", r.RemoteAddr),
		slog.Int64("suppressed", suppressed),
	)
}

// lines bounds how many refusals are written down. All are counted.
type lines struct {
	once       sync.Once
	rate       *limit.Rate
	suppressed atomic.Int64
}

// linesPerSecond is more than anybody reads and less than a disk minds.
const linesPerSecond = 50

// next reports whether a line may be written, and how many were not since the last one.
func (l *lines) next(now time.Time) (suppressed int64, ok bool) {
	l.once.Do(func() { l.rate = limit.NewRate(linesPerSecond) })
	if _, ok := l.rate.Take(now, 1); !ok {
		l.suppressed.Add(1)
		return 0, false
	}
	return l.suppressed.Swap(0), true
}
