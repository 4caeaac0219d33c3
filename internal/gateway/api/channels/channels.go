// Package channels is what backends and pages may do on channels without a connection: say something, ask what was said and who is there, and what channels there
// are. It is the hub's verbs in HTTP, with the same rules, limits and errors as on a connection.
package channels

import (
	"net/http"
	"time"

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

// asked leads a request through the door. Each counts as a message of its caller, before anybody reads its body, and what it may hold meanwhile as memory of its tenant.
func (c *Channels) asked(next func(http.ResponseWriter, *http.Request, *door.Caller) error) http.HandlerFunc {
	return c.api.Asked(door.API, func(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
		if err := api.Counted(who, 1); err != nil {
			return err
		}
		back, err := lend(who, bodySize(r))
		if err != nil {
			return err
		}
		defer back()
		return next(w, r, who)
	})
}

// bodySize is how much of a body may come.
func bodySize(r *http.Request) int {
	if r.ContentLength < 0 || r.ContentLength > mostBatch {
		return mostBatch
	}
	return int(r.ContentLength)
}

// lend takes so much of the memory that the tenant's requests may hold, until it is given back.
func lend(who *door.Caller, size int) (back func(), err error) {
	back, ok := who.Tenant.Account.Lend(size)
	if !ok {
		return nil, api.Failed(&wire.Fault{Code: wire.QuotaExceeded, Message: "requests of the tenant hold as much as they may: send fewer at once, and read their answers", Retry: time.Second})
	}
	return back, nil
}

// answer gives the caller a long document. It is written in a turn of the tenant's, and counts as memory of the tenant until the caller has read it.
func answer(w http.ResponseWriter, who *door.Caller, document any) error {
	var text []byte
	api.InTurn(who, func() { text = api.Text(document) })
	back, err := lend(who, cap(text))
	if err != nil {
		return err
	}
	defer back()
	api.AnswerText(w, http.StatusOK, text)
	return nil
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
	fault := c.hub.Speaker(who.Tenant, who.Principal).Presence(channel, func(a wire.Attendance) {
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
	return answer(w, who, told)
}
