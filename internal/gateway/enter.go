package gateway

import (
	"context"
	"crypto/rand"
	"net/http"

	"portcullis/internal/auth"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/session"
	"portcullis/internal/socket"
	"portcullis/internal/wire"
)

// remote is where a connection comes from, for its log line: with the port where it comes without a proxy in between.
func remote(r *http.Request, c *door.Caller) string {
	if c.Proxied && c.Address.IsValid() {
		return c.Address.String()
	}
	return r.RemoteAddr
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
		return false, door.Reject(door.Draining, "the node is draining")
	}
	defer func() {
		if live == nil {
			leave(nil)
		}
	}()
	conn, err := socket.Accept(w, r, a.answered, place)
	if err != nil {
		return true, err
	}
	live = g.session(conn, remote(r, a.caller), a, place)
	place.OnEvict(conn.Shed, func(over limit.Quota) {
		conn.Forget()
		live.EndOver(wire.SlowConsumer, over)
	})
	g.roster.enter(live)
	live.Greet()
	g.recheck(live) // a revocation or a changed policy that came between the last question and now found nobody
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
	c := a.caller
	limits := c.Tenant.Account.Limits()
	return session.New(g.config.Sessions, session.Config{
		ID: id, Remote: remote, Socket: conn, Dialect: a.dialect, Principal: c.Principal,
		Limits: wire.Limits{
			MessageSize:                    limits.MessageSize,
			SubscriptionsPerConnection:     limits.SubscriptionsPerConn,
			MessagesPerSecondPerConnection: limits.MessagesPerSecondPerConn,
			BytesPerSecondPerConnection:    limits.BytesPerSecondPerConn,
		},
		Age: g.config.Age, Renew: g.renew, Renewed: g.recheck, Tenants: g.tenants,
		Join: func(s hub.Subscriber) *hub.Member {
			return g.config.Hub.Join(c.Tenant, c.Principal, place, id, s)
		},
	})
}

// renew serves a client's refresh.
func (g *Gateway) renew(ctx context.Context, s *session.Session, token string) (*auth.Principal, *wire.Fault) {
	switch {
	case s.Principal().Method == auth.MutualTLS:
		return nil, &wire.Fault{Code: wire.NotAvailable, Message: "this connection has a certificate and no token: connect again with a new one"}
	case g.closed.Load():
		return nil, &wire.Fault{Code: wire.Unavailable, Message: "the gateway is being stopped"}
	}
	p, err := g.config.Door.Renew(ctx, door.Inside{Connection: s.ID(), Remote: s.Remote(), Principal: s.Principal()}, token)
	if err != nil {
		a := door.AnswerTo(err)
		return nil, &wire.Fault{Code: a.Code, Message: a.InFrame()}
	}
	return p, nil
}
