// Package admin is the side door: health for whoever can reach the listener, and everything else for administrators.
//
// Its enemies are web pages. A browser on the administrator's machine, or inside the network, can be made to send requests here, by a page of
// another site or by a name that its owner lets point here (DNS rebinding). So every request must ask for a host that is this listener's, and
// a request that changes something must come from no other site's page and be of a type that no form can send. Nothing here ever
// allows another origin to read an answer.
package admin

import (
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// Config is what the side door needs.
type Config struct {
	// Address is where the listener really is, host:port; Names are other hosts, names in lower case or addresses, that requests may ask for.
	Address string
	Names   []string
	// Token reports, in constant time, whether its argument is the administrators' token. nil asks nobody for one: for a
	// listener on loopback alone.
	Token func(string) bool
	// Metrics answers a scrape, Tenants one of what names the tenants.
	Metrics, Tenants http.Handler
	// Operations are what administrators may do; nil for a listener that only shows.
	Operations *Operations
	// Ready reports whether the node can serve now, Started whether it was ever able to. Neither may wait.
	Ready, Started func() bool
}

// New returns the handler of the administrators' listener.
func New(c Config) http.Handler {
	token := bearer(c.Token)
	r := chi.NewRouter()
	r.Use(secured, newHosts(c).only, fromNoOtherSite)
	// Set before the routes: chi hands them on to groups when these are made.
	r.NotFound(token(http.HandlerFunc(notFound)).ServeHTTP)
	r.MethodNotAllowed(token(methodNotAllowed(r)).ServeHTTP)

	get(r, "/livez", health(func() bool { return true }))
	get(r, "/readyz", health(c.Ready))
	get(r, "/startupz", health(c.Started))
	get(r, "/metrics", token(c.Metrics))
	get(r, "/metrics/tenants", token(c.Tenants))
	if c.Operations != nil {
		r.With(token).Route("/admin/v1", c.Operations.routes)
	}
	return r
}

// get answers GET, and HEAD, which is a GET without the body.
func get(r chi.Router, path string, h http.Handler) {
	r.Method(http.MethodGet, path, h)
	r.Method(http.MethodHead, path, h)
}

func health(ok func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ok() {
			refuse(w, wire.Unavailable, "not yet, or not any more")
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	refuse(w, wire.NotFound, "there is nothing at this path; there are /livez, /readyz, /startupz, /metrics, /metrics/tenants, and below /admin/v1 tenants, reload and doctor")
}

func methodNotAllowed(routes chi.Routes) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods := problem.Methods(func(method string) bool { return routes.Match(chi.NewRouteContext(), method, r.URL.Path) })
		w.Header().Set("Allow", methods)
		refuse(w, wire.MethodNotAllowed, "this path answers "+methods)
	})
}
