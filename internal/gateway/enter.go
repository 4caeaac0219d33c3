package gateway

import (
	"crypto/rand"
	"log/slog"
	"net/http"
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

// enter answers 101 and starts the session. On an error nothing was answered, and place is still the caller's.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request, a admitted, place *limit.Place) error {
	leave, open := g.roster.reserve()
	if !open {
		return refuse(Draining, "the node is draining")
	}
	conn, err := socket.Accept(w, r, a.answered)
	if err != nil {
		leave(nil)
		return err
	}
	id := "c_" + rand.Text()[:16]
	limits := a.tenant.Account.Limits()
	s := session.New(g.config.Sessions, session.Config{
		ID: id, Remote: r.RemoteAddr, Socket: conn, Dialect: a.dialect, Principal: a.principal,
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
	g.roster.enter(s)
	// net/http's goroutine ends with its grown stack; the roster waits for this one.
	go func() {
		s.Run()
		place.Leave()
		leave(s)
	}()
	return nil
}

// refuse answers a handshake that did not get in, counts it and writes its one line. The client is told what the table says; the reason is the
// operator's, found by the instance.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error, start time.Time) {
	a := answerTo(err)
	instance := "h_" + rand.Text()[:16]
	if a.code == wire.Unauthorized || a.code == wire.TokenExpired {
		w.Header().Set("WWW-Authenticate", challenge(a.code, a.Reason == auth.MissingCredentials))
	}
	answerWith(w, problem.Problem{Code: a.code, Detail: a.detail, Instance: "urn:portcullis:handshake:" + instance, Retry: retryAfter(a)})
	g.config.Observer.Handshake(a.Reason, a.Fault, time.Since(start))
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
	)
}
