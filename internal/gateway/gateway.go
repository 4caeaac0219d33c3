// Package gateway is the door: it leads a connection from its handshake to its session, answers everybody who may not come in, knows who is in,
// and says goodbye to all when the house closes.
package gateway

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Config is what a gateway needs.
type Config struct {
	Door   *door.Door
	Realms *realm.Registry
	Hub    *hub.Hub
	// Dialects are those that clients may choose from. The first is spoken with a client that offers none.
	Dialects []wire.Dialect
	Sessions *session.Host
	// Age is how long a connection may live; 0 is for ever.
	Age time.Duration
	// Routes adds the paths beside the handshake's.
	Routes   []Routes
	Observer Observer
	// Ready reports whether the node can serve, for the balancer.
	Ready func() bool
	Log   *slog.Logger
}

// Observer hears of handshakes. Its methods must not wait.
type Observer interface {
	// Decided is a question about a handshake that the policy answered.
	Decided(action acl.Action, d acl.Decision)
}

// Gateway is the edge's HTTP handler.
type Gateway struct {
	// Set by New, then read-only.
	config  Config
	routes  chi.Router
	tenants func(tenant.ID) *realm.Tenant

	roster   Roster
	applying chan struct{} // held by the Apply that runs
	closed   atomic.Bool   // no new handshakes
}

// Routes adds paths to those of the gateway.
type Routes = func(chi.Router)

// New returns a gateway that serves as soon as it is given requests.
func New(c Config) *Gateway {
	g := &Gateway{config: c, applying: make(chan struct{}, 1)}
	g.tenants = func(id tenant.ID) *realm.Tenant { return c.Realms.Current().Tenant(id) }
	r := chi.NewRouter()
	r.Get("/v1/ws", g.connect)
	r.Get("/healthz", g.health)
	r.Head("/healthz", g.health)
	for _, more := range c.Routes {
		more(r)
	}
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		door.AnswerWith(w, problem.Problem{Code: wire.NotFound, Detail: "there is nothing at this path; clients connect at /v1/ws, and /v1/openapi.json has all other paths"})
	})
	r.MethodNotAllowed(methodNotAllowed(r))
	g.routes = r
	return g
}

// methodNotAllowed says which methods a path answers (RFC 9110, section 15.5.6).
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		methods := problem.Methods(func(method string) bool { return routes.Match(chi.NewRouteContext(), method, r.URL.Path) })
		w.Header().Set("Allow", methods)
		door.AnswerWith(w, problem.Problem{Code: wire.MethodNotAllowed, Detail: "this path answers " + methods})
	}
}

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.routes.ServeHTTP(w, r) }

// Walk shows every path that the gateway answers, with each of its methods.
func (g *Gateway) Walk(each func(method, path string)) {
	_ = chi.Walk(g.routes, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		each(method, path)
		return nil
	})
}

// Roster is who is connected.
func (g *Gateway) Roster() *Roster { return &g.roster }

// Close refuses every handshake from now on. Those who are in stay until the roster ends them.
func (g *Gateway) Close() { g.closed.Store(true) }

func (g *Gateway) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !g.config.Ready() {
		door.AnswerWith(w, problem.Problem{Code: wire.Unavailable, Detail: "this node is not ready"})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

// admitted is a client that answered every question, and the place that was taken for it.
type admitted struct {
	caller   *door.Caller
	dialect  wire.Dialect
	answered string // the subprotocol of the 101, "" when none was offered
}

// connect is the road of a connection: cheap questions before expensive ones, and an answer in HTTP to each that fails. It returns once the session
// has a goroutine of its own.
func (g *Gateway) connect(w http.ResponseWriter, r *http.Request) {
	a, err := g.admit(r, time.Now())
	if err != nil {
		g.config.Door.Refuse(w, r, a.caller, err)
		return
	}
	place, over := a.caller.Tenant.Account.Enter(a.caller.Principal.User)
	if place == nil {
		g.config.Door.Refuse(w, r, a.caller, door.NoPlace(over))
		return
	}
	answered, err := g.enter(w, r, a, place)
	switch {
	case err == nil:
		g.config.Door.Accept(a.caller)
	case answered:
		g.config.Door.Deny(r, a.caller, err) // the library has answered
	default:
		g.config.Door.Refuse(w, r, a.caller, err)
	}
}

// admit asks every question that needs no place. The caller is there on an error too, as far as it is known.
func (g *Gateway) admit(r *http.Request, now time.Time) (a admitted, err error) {
	a.caller = &door.Caller{Purpose: door.Handshake, Started: now, Origin: r.Header.Get("Origin"), Agent: r.UserAgent()}
	if g.closed.Load() {
		return a, door.Reject(door.Draining, "the node is draining")
	}
	if err = checkShape(r); err != nil {
		return a, err
	}
	if a.caller, err = g.config.Door.Ask(r, door.Handshake, now); err != nil {
		return a, err
	}
	a.dialect, a.answered, err = choose(g.config.Dialects, a.caller.Offered, a.caller.Credential.Method == auth.Subprotocol)
	if err != nil {
		return a, err
	}
	return a, g.checkEntry(&a)
}

// checkEntry asks whether the user may do the one thing that some dialects are for.
func (g *Gateway) checkEntry(a *admitted) error {
	entry := a.dialect.Entry()
	if entry == "" {
		return nil
	}
	name, err := channel.Parse(entry)
	if err != nil {
		return err
	}
	c := a.caller
	d := c.Tenant.Decide(c.Principal, acl.Echo, name)
	g.config.Observer.Decided(acl.Echo, d)
	if !d.Allowed {
		c.Tenant.Counts.Denied(acl.Echo)
		return door.Reject(door.EchoForbidden, "echo on %s is not allowed to %s: %s %q", entry, c.Principal.User, d.Basis, d.Rule)
	}
	return nil
}
