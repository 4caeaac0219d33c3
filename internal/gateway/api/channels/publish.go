package channels

import (
	"net/http"

	"portcullis/internal/broker"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/wire"
)

const publishUsage = `the body is no message such as {"data":{"text":"hi"}}`

// published is the answer to whoever said something, once the engine has it. Channels that keep no history have no offsets.
type published struct {
	Channel string `json:"channel"`
	Offset  uint64 `json:"offset,omitempty"`
	Epoch   string `json:"epoch,omitempty"`
}

func receipt(channel string, r broker.Receipt) published {
	return published{channel, r.Position.Offset, r.Position.Epoch}
}

// publish says one thing on the channel in the path. It counts as a message of the caller before the body is read, which is no longer than a message may be.
func (c *Channels) publish(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	if err := api.Counted(who, 1); err != nil {
		return err
	}
	channel, err := named(r)
	if err != nil {
		return err
	}
	body, err := api.BodyOf(w, r, "application/json", int64(who.Tenant.Account.Limits().MessageSize))
	if err != nil {
		return err
	}
	if err := weighed(who, 1, len(body)); err != nil {
		return err
	}
	members, err := api.Object(body, publishUsage, "data")
	if err != nil {
		return err
	}
	p, err := publication(members)
	if err != nil {
		return err
	}
	taken, fault := c.hub.Speaker(who.Tenant, who.Principal).Publish(r.Context(), channel, p)
	if fault != nil {
		return api.Failed(fault)
	}
	api.Answer(w, http.StatusCreated, receipt(channel, taken))
	return nil
}

// weighed counts the bytes of messages that were counted.
func weighed(who *door.Caller, messages, size int) error {
	if over := who.Tenant.Account.Weigh(who.Started, messages, size); over.Any() {
		return api.Failed(&wire.Fault{Code: wire.RateLimited, Message: over.Text(), Retry: over.Retry})
	}
	return nil
}
