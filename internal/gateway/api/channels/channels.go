// Package channels is what backends and pages may do on channels without a connection: say something, ask what was said and who is there, and what channels there
// are. It is the hub's verbs in HTTP, with the same rules, limits and errors as on a connection.
package channels

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
)

// Channels is the handlers. It is safe for concurrent use.
type Channels struct {
	api  *api.API
	door *door.Door
	hub  *hub.Hub
}

// New returns the handlers over a hub. Callers come in through the door, as the API's do.
func New(a *api.API, d *door.Door, h *hub.Hub) *Channels { return &Channels{a, d, h} }

// Routes adds its paths. What rules allow users, pages of the tenants' lists may use.
func (c *Channels) Routes(r chi.Router) {
	publish := c.door.Open(http.MethodPost, c.api.Asked(door.API, c.publish))
	r.Post("/v1/channels/{channel}/messages", publish)
	r.Options("/v1/channels/{channel}/messages", publish)
	batch := c.door.Open(http.MethodPost, c.api.Asked(door.API, c.batch))
	r.Post("/v1/messages/batch", batch)
	r.Options("/v1/messages/batch", batch)
}

// named is the channel in a request's path, decoded once. Whether it is a name is the hub's to say.
func named(r *http.Request) (string, error) {
	name, ok := api.Segment(r, "channel")
	if !ok {
		return "", api.Unreadable("the channel in the path is not percent-encoded as a URL needs it")
	}
	return name, nil
}
