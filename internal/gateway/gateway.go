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
	"portcullis/internal/hub"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// Config is what a gateway needs.
type Config struct {
	Realms *realm.Registry
	Hub    *hub.Hub
	// Dialects are those that clients may choose from. The first is spoken with a client that offers none.
	Dialects []wire.Dialect
	Sessions *session.Host
	Observer Observer
	Log      *slog.Logger
	// Ready reports whether the node can serve, for the balancer.
	Ready func() bool
}

// Observer hears of handshakes. Its methods must not wait.
type Observer interface {
	// Handshake is one that was answered, after this time. reason is [Accepted] or one of [Answers].
	Handshake(reason auth.Reason, fault Fault, took time.Duration)
	// Decided is a question about a handshake that the policy answered.
	Decided(action acl.Action, d acl.Decision)
}

// Gateway is the edge's HTTP handler.
type Gateway struct {
	// Set by New, then read-only.
	config Config
	routes http.Handler

	roster Roster
	closed atomic.Bool // no new handshakes
	lines  lines
}

// New returns a gateway that serves as soon as it is given requests.
func New(c Config) *Gateway {
	g := &Gateway{config: c}
	r := chi.NewRouter()
	r.Get("/v1/ws", g.connect)
	r.Get("/healthz", g.health)
	r.Head("/healthz", g.health)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		answerWith(w, problem.Problem{Code: wire.NotFound, Detail: "there is nothing at this path; clients connect at /v1/ws"})
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", http.MethodGet)
		answerWith(w, problem.Problem{Code: wire.MethodNotAllowed, Detail: "this path answers GET"})
	})
	g.routes = r
	return g
}

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.routes.ServeHTTP(w, r) }

// Roster is who is connected.
func (g *Gateway) Roster() *Roster { return &g.roster }

// Close refuses every handshake from now on. Those who are in stay until the roster ends them.
func (g *Gateway) Close() { g.closed.Store(true) }

func (g *Gateway) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !g.config.Ready() {
		answerWith(w, problem.Problem{Code: wire.Unavailable, Detail: "this node is not ready"})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

// admitted is a client that answered every question, and the place that was taken for it.
type admitted struct {
	principal  *auth.Principal
	tenant     *realm.Tenant
	credential auth.Credential
	offered    []string
	dialect    wire.Dialect
	answered   string // the subprotocol of the 101, "" when none was offered
}

// connect is the road of a connection: cheap questions before expensive ones, and an answer in HTTP to each that fails. It returns once the session
// has a goroutine of its own.
func (g *Gateway) connect(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a, err := g.admit(r, start)
	if err != nil {
		g.refuse(w, r, err, start)
		return
	}
	place, full := a.tenant.Account.Enter(a.principal.User)
	if place == nil {
		g.refuse(w, r, noPlace(full), start)
		return
	}
	answered, err := g.enter(w, r, a, place)
	switch {
	case err == nil:
		g.config.Observer.Handshake(Accepted, NoFault, time.Since(start))
	case answered:
		g.note(r, answerTo(err), err, newInstance(), start)
	default:
		g.refuse(w, r, err, start)
	}
}

// admit asks every question that needs no place.
func (g *Gateway) admit(r *http.Request, now time.Time) (a admitted, err error) {
	if g.closed.Load() {
		return a, refuse(Draining, "the node is draining")
	}
	if err = checkShape(r); err != nil {
		return a, err
	}
	if a.credential, a.offered, err = auth.FromRequest(r); err != nil {
		return a, err
	}
	realms := g.config.Realms.Current()
	if a.principal, a.tenant, err = realms.Authenticate(r.Context(), a.credential, now); err != nil {
		return a, err
	}
	if err = checkOrigin(r, a.tenant.AllowsOrigin); err != nil {
		return a, err
	}
	a.dialect, a.answered, err = choose(g.config.Dialects, a.offered, a.credential.Method == auth.Subprotocol)
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
	d := a.tenant.Policy.Decide(a.principal, acl.Echo, name)
	g.config.Observer.Decided(acl.Echo, d)
	if !d.Allowed {
		return refuse(EchoForbidden, "echo on %s is not allowed to %s: %s %q", entry, a.principal.User, d.Basis, d.Rule)
	}
	return nil
}
