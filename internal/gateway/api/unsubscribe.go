package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/channel"
	"portcullis/internal/gateway/door"
	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// unsubscribe takes one subscription from a connection of the caller's tenant. When it is answered the client was told, and nothing of the channel is sent to it
// any more. The body is read before anybody looks for the connection: what is wrong with it says nothing about who is there.
func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	text, err := body(w, r, "application/json")
	if err != nil {
		return err
	}
	var wanted struct {
		Channel *string `json:"channel"`
	}
	if err := Decode(text, &wanted, `the body is no channel such as {"channel":"room:1"}; name one, and nothing else`); err != nil {
		return err
	}
	if wanted.Channel == nil {
		return Unreadable(`the body names no channel; send one such as {"channel":"room:1"}`)
	}
	name, err := channel.Parse(*wanted.Channel)
	if err != nil {
		return &BadRequest{problem.Problem{Code: wire.BadChannel, Detail: err.Error()}}
	}
	id := chi.URLParam(r, "connection")
	s := a.config.Roster().Find(c.Principal.Tenant, id)
	if s == nil {
		return NoSuchConnection
	}
	if !s.Take(name) {
		return &BadRequest{problem.Problem{Code: wire.NotSubscribed, Detail: "the connection has no subscription to " + name.String()}}
	}
	a.config.Observer.Managed(c, "connection.unsubscribe", id)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
