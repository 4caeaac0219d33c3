package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/acl"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/door"
	"portcullis/internal/problem"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Connection is a live connection of this node, as its tenant's backends and operators see it. Where it comes from is not among it: the log has that, and no backend needs it.
type Connection struct {
	Connection    string   `json:"connection"`
	User          string   `json:"user"`
	Method        string   `json:"method"`
	Protocol      string   `json:"protocol"`
	Since         int64    `json:"since"`
	Expires       int64    `json:"expires"`
	Subscriptions int      `json:"subscriptions"`
	Channels      []string `json:"channels,omitempty"` // of one connection alone
}

// show describes a session, with its channels where they are asked for.
func show(s *session.Session, channels bool) Connection {
	p, names := s.Principal(), s.Channels()
	c := Connection{
		Connection: s.ID(), User: p.User, Method: string(p.Method), Protocol: s.Dialect().Subprotocol(),
		Since: s.Opened().UnixMilli(), Expires: p.Expires.UnixMilli(), Subscriptions: len(names),
	}
	if channels {
		for _, name := range names {
			c.Channels = append(c.Channels, name.String())
		}
		slices.Sort(c.Channels)
	}
	return c
}

// Page is a part of a tenant's connections, in the order of their ids, which are random. Next is the cursor of the rest, absent behind the last.
type Page struct {
	Connections []Connection `json:"connections"`
	Next        string       `json:"next,omitempty"`
}

// Wanted is which connections somebody wants to see: those behind a cursor, at most so many, of one user or, without one, of all.
type Wanted struct {
	after, user string
	limit       int
}

// WantedOf reads a query. Nothing but cursor, limit and user may stand in it, each once.
func WantedOf(q url.Values) (w Wanted, err error) {
	if err := Once(q, "cursor", "user", "limit"); err != nil {
		return w, err
	}
	w.after, w.user = q.Get("cursor"), q.Get("user")
	if w.after != "" && !isID(w.after) {
		return w, NoCursor(w.after, "connections")
	}
	w.limit, err = Limit(q)
	return w, err
}

// isID reports whether text has the form of a connection's id.
func isID(text string) bool {
	random, ok := strings.CutPrefix(text, "c_")
	return ok && len(random) == 16 && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// List returns a page of the connections of a tenant. Whoever comes or leaves between two pages may be missing; whoever stays is seen once.
func List(r *gateway.Roster, id tenant.ID, w Wanted) Page {
	all := slices.DeleteFunc(r.Of(id), func(s *session.Session) bool {
		return s.ID() <= w.after || w.user != "" && s.Principal().User != w.user
	})
	slices.SortFunc(all, func(a, b *session.Session) int { return cmp.Compare(a.ID(), b.ID()) })
	page := Page{Connections: []Connection{}}
	if len(all) > w.limit {
		all = all[:w.limit]
		page.Next = all[w.limit-1].ID()
	}
	for _, s := range all {
		page.Connections = append(page.Connections, show(s, false))
	}
	return page
}

// Show returns one connection of a tenant with its channels. Another tenant's is as little there as one that never was.
func Show(r *gateway.Roster, id tenant.ID, connection string) (Connection, bool) {
	s := r.Find(id, connection)
	if s == nil {
		return Connection{}, false
	}
	return show(s, true), true
}

// Disconnect ends one connection of a tenant, and reports whether it was there.
func Disconnect(r *gateway.Roster, id tenant.ID, connection string) bool {
	s := r.Find(id, connection)
	if s != nil {
		s.End(wire.Disconnected, 0)
	}
	return s != nil
}

// DisconnectUser ends all connections of a tenant's user, and returns how many.
func DisconnectUser(r *gateway.Roster, id tenant.ID, user string) (n int) {
	for _, s := range r.Of(id) {
		if s.Principal().User == user {
			s.End(wire.Disconnected, 0)
			n++
		}
	}
	return n
}

// NoSuchConnection is the one answer to whoever names a connection that their tenant does not have here.
var NoSuchConnection = &BadRequest{problem.Problem{Code: wire.NotFound, Detail: "the tenant has no such connection on this node; it may have ended"}}

// Disconnected is the answer to whoever ended the connections of a user.
type Disconnected struct {
	Disconnected int `json:"disconnected"`
}

func (a *API) connectionRoutes(r chi.Router) {
	r.Get("/v1/connections", a.listing)
	r.Get("/v1/connections/{connection}", a.Managed(a.connection))
	r.Delete("/v1/connections/{connection}", a.Managed(a.disconnect))
	r.Post("/v1/connections/{connection}/subscribe", a.Managed(a.subscribe))
	r.Post("/v1/users/{user}/subscribe", a.Managed(a.subscribeUser))
	r.Post("/v1/connections/{connection}/unsubscribe", a.Managed(a.unsubscribe))
	r.Delete("/v1/users/{user}/connections", a.Managed(a.disconnectUser))
}

// Managed leads a request through the door of those who may manage their tenant. Each counts as a message of its user: a backend that asks without end is at its own limit.
func (a *API) Managed(next func(http.ResponseWriter, *http.Request, *door.Caller) error) http.HandlerFunc {
	return a.Asked(door.API, func(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
		if err := a.mayManage(c); err != nil {
			return err
		}
		if err := Counted(c, 1); err != nil {
			return err
		}
		return next(w, r, c)
	})
}

// mayManage asks the rules whether the caller may manage its own tenant.
func (a *API) mayManage(c *door.Caller) error {
	d := c.Tenant.DecideManage(c.Principal)
	a.config.Observer.Decided(acl.Manage, d)
	if !d.Allowed {
		c.Tenant.Counts.Denied(acl.Manage)
		return door.Reject(door.ManageForbidden, "manage is not allowed to %s: %s %q", c.Principal.User, d.Basis, d.Rule)
	}
	return nil
}

// listing is asked with a query.
func (a *API) listing(w http.ResponseWriter, r *http.Request) {
	bare, q := Bare(r, "cursor", "user", "limit")
	wanted, err := WantedOf(q)
	a.Managed(func(w http.ResponseWriter, _ *http.Request, c *door.Caller) error {
		if err != nil {
			return err
		}
		var page Page
		InTurn(c, func() { page = List(a.config.Roster(), c.Principal.Tenant, wanted) })
		Answer(w, http.StatusOK, page)
		return nil
	})(w, bare)
}

func (a *API) connection(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	shown, there := Show(a.config.Roster(), c.Principal.Tenant, chi.URLParam(r, "connection"))
	if !there {
		return NoSuchConnection
	}
	Answer(w, http.StatusOK, shown)
	return nil
}

func (a *API) disconnect(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	id := chi.URLParam(r, "connection")
	if !Disconnect(a.config.Roster(), c.Principal.Tenant, id) {
		return NoSuchConnection
	}
	a.config.Observer.Managed(c, "connection.disconnect", id)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) disconnectUser(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	user, ok := Segment(r, "user")
	if !ok {
		return Unreadable("the user in the path is not percent-encoded as a URL needs it")
	}
	n := DisconnectUser(a.config.Roster(), c.Principal.Tenant, user)
	a.config.Observer.Managed(c, "user.disconnect", user)
	Answer(w, http.StatusOK, Disconnected{n})
	return nil
}
