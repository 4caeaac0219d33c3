// Package channels is what backends and pages may do on channels without a connection: say something, ask what was said and who is there, and what channels there
// are. It is the hub's verbs in HTTP, with the same rules, limits and errors as on a connection.
package channels

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
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
	const messages, presence, batch = "/v1/channels/{channel}/messages", "/v1/channels/{channel}/presence", "/v1/messages/batch"
	said := func(next http.HandlerFunc) http.HandlerFunc { return c.door.Open("GET, POST", next) }
	r.Get(messages, said(c.history))
	r.Post(messages, said(c.asked(c.publish)))
	r.Options(messages, said(nil))
	r.Delete(messages, c.asked(c.purge))
	r.Get(presence, c.door.Open(http.MethodGet, c.asked(c.presence)))
	r.Options(presence, c.door.Open(http.MethodGet, nil))
	r.Post(batch, c.door.Open(http.MethodPost, c.asked(c.batch)))
	r.Options(batch, c.door.Open(http.MethodPost, nil))
	r.Post("/v1/events", c.asked(c.events))
	r.Get("/v1/channels", c.listing)
	r.Get("/v1/channels/{channel}", c.api.Managed(c.channel))
}

// asked leads a request through the door. Each counts as a message of its caller, before anybody reads its body.
func (c *Channels) asked(next func(http.ResponseWriter, *http.Request, *door.Caller) error) http.HandlerFunc {
	return c.api.Asked(door.API, func(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
		if err := api.Counted(who, 1); err != nil {
			return err
		}
		return next(w, r, who)
	})
}

// named is the channel in a request's path, decoded once. Whether it is a name is the hub's to say.
func named(r *http.Request) (string, error) {
	name, ok := api.Segment(r, "channel")
	if !ok {
		return "", api.Unreadable("the channel in the path is not percent-encoded as a URL needs it")
	}
	return name, nil
}

// member is somebody on a channel.
type member struct {
	User       string `json:"user"`
	Connection string `json:"connection"`
	Info       raw    `json:"info,omitempty"`
}

// present is who is on a channel, or how many where they are too many to list.
type present struct {
	Channel string   `json:"channel"`
	Count   int      `json:"count"`
	Members []member `json:"members,omitzero"`
}

func (c *Channels) presence(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	channel, err := named(r)
	if err != nil {
		return err
	}
	told := present{Channel: channel}
	fault := c.hub.Presence(who.Tenant, who.Principal, channel, func(a wire.Attendance) {
		if told.Count = a.Count; a.Members == nil {
			return
		}
		told.Members = make([]member, 0, len(a.Members))
		for _, m := range a.Members {
			told.Members = append(told.Members, member{m.User, m.Connection, raw(m.Info)})
		}
	})
	if fault != nil {
		return api.Failed(fault)
	}
	api.Answer(w, http.StatusOK, told)
	return nil
}
