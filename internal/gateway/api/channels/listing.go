package channels

import (
	"net/http"
	"net/url"

	"portcullis/internal/channel"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/wire"
)

// occupied is a channel with what is subscribed to it on this node.
type occupied struct {
	Channel       string `json:"channel"`
	Subscriptions int    `json:"subscriptions"`
	api.Place            // of one channel alone, where it keeps history
}

// wanted is which channels somebody wants to see.
type wanted struct {
	prefix, after string
	limit         int
}

func wantedOf(q url.Values) (w wanted, err error) {
	if err := api.Once(q, "prefix", "cursor", "limit"); err != nil {
		return w, err
	}
	w.prefix, w.after = q.Get("prefix"), q.Get("cursor")
	if _, err := channel.Parse(w.after); err != nil && w.after != "" {
		return w, api.NoCursor(w.after, "channels")
	}
	w.limit, err = api.Limit(q)
	return w, err
}

// listing is the channels of the caller's tenant that have a subscriber on this node, in the order of their names.
func (c *Channels) listing(w http.ResponseWriter, r *http.Request) {
	bare, q := api.Bare(r, "prefix", "cursor", "limit")
	want, err := wantedOf(q)
	c.api.Managed(func(w http.ResponseWriter, _ *http.Request, who *door.Caller) error {
		if err != nil {
			return err
		}
		page := struct {
			Channels []occupied `json:"channels"`
			Next     string     `json:"next,omitempty"`
		}{Channels: []occupied{}}
		var names []channel.Name
		api.InTurn(who, func() { names = c.hub.Channels(who.Principal.Tenant, want.prefix, want.after, want.limit+1) })
		if len(names) > want.limit {
			names = names[:want.limit]
			page.Next = names[want.limit-1].String()
		}
		for _, n := range names {
			page.Channels = append(page.Channels, occupied{Channel: n.String(), Subscriptions: c.hub.Subscriptions(channel.Ref{Tenant: who.Principal.Tenant, Name: n})})
		}
		api.Answer(w, http.StatusOK, page)
		return nil
	})(w, bare)
}

// channel is one channel of the caller's tenant. There is no channel that is not there: one without subscribers and history is only quiet.
func (c *Channels) channel(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	name, err := named(r)
	if err != nil {
		return err
	}
	n, err := channel.Parse(name)
	if err != nil {
		return api.Failed(&wire.Fault{Code: wire.BadChannel, Message: err.Error()})
	}
	at, fault := c.hub.Head(r.Context(), who.Tenant, n)
	if fault != nil {
		return api.Failed(fault)
	}
	ref := channel.Ref{Tenant: who.Principal.Tenant, Name: n}
	api.Answer(w, http.StatusOK, occupied{name, c.hub.Subscriptions(ref), api.PlaceOf(at)})
	return nil
}
