package admin

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/gateway/api"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// What a tenant's backend may see and end of its own tenant an administrator may of each, by the same functions.

func (o *Operations) connections(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("the query is not percent-encoded as a URL needs it")
	}
	wanted, err := api.WantedOf(q)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, api.List(o.Roster(), t.ID, wanted))
	return nil
}

func (o *Operations) connection(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	shown, there := api.Show(o.Roster(), t.ID, chi.URLParam(r, "connection"))
	if !there {
		return api.NoSuchConnection
	}
	answer(w, http.StatusOK, shown)
	return nil
}

func (o *Operations) disconnect(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	id := chi.URLParam(r, "connection")
	if !api.Disconnect(o.Roster(), t.ID, id) {
		return api.NoSuchConnection
	}
	o.Observer.Administered("connection.disconnect", t.ID.String(), r.RemoteAddr)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (o *Operations) disconnectUser(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	user, ok := api.Segment(r, "user")
	if !ok {
		return badRequest("the user in the path is not percent-encoded as a URL needs it")
	}
	n := api.DisconnectUser(o.Roster(), t.ID, user)
	o.Observer.Administered("user.disconnect", t.ID.String(), r.RemoteAddr)
	answer(w, http.StatusOK, api.Disconnected{Disconnected: n})
	return nil
}

func badRequest(detail string) error {
	return &api.BadRequest{Problem: problem.Problem{Code: wire.BadRequest, Detail: detail}}
}
