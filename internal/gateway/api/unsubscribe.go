package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/channel"
	"portcullis/internal/gateway/door"
	"portcullis/internal/problem"
	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// unsubscribe takes one subscription from a connection of the caller's tenant. When it is answered the client was told, and nothing of the channel is sent to it
// any more.
func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	s, name, err := a.meant(w, r, c)
	if err != nil {
		return err
	}
	if !s.Take(name) {
		return &BadRequest{problem.Problem{Code: wire.NotSubscribed, Detail: "the connection has no subscription to " + name.String()}}
	}
	a.config.Observer.Managed(c, "connection.unsubscribe", s.ID())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// meant is the connection in the path and the channel in the body. The body is read before anybody looks for the connection: what is wrong with it says nothing about who is there.
func (a *API) meant(w http.ResponseWriter, r *http.Request, c *door.Caller) (*session.Session, channel.Name, error) {
	name, err := a.channelOf(w, r, c)
	if err != nil {
		return nil, name, err
	}
	s := a.config.Roster().Find(c.Principal.Tenant, chi.URLParam(r, "connection"))
	if s == nil {
		return nil, name, NoSuchConnection
	}
	return s, name, nil
}

// channelOf reads a body that names a channel, and nothing else.
func (a *API) channelOf(w http.ResponseWriter, r *http.Request, c *door.Caller) (name channel.Name, err error) {
	text, err := a.managing(w, r, c)
	if err != nil {
		return name, err
	}
	var wanted struct {
		Channel *string `json:"channel"`
	}
	if err := Decode(text, &wanted, `the body is no channel such as {"channel":"room:1"}; name one, and nothing else`); err != nil {
		return name, err
	}
	if wanted.Channel == nil {
		return name, Unreadable(`the body names no channel; send one such as {"channel":"room:1"}`)
	}
	if name, err = channel.Parse(*wanted.Channel); err != nil {
		return name, &BadRequest{problem.Problem{Code: wire.BadChannel, Detail: err.Error()}}
	}
	return name, nil
}
