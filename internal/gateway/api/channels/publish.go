package channels

import (
	"net/http"
	"strings"

	"portcullis/internal/broker"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

const publishUsage = `the body is no message such as {"data":{"text":"hi"}}`

// published is the answer to whoever said something, once the engine has it. Channels that keep no history have no offsets.
type published struct {
	Channel string `json:"channel"`
	api.Place
	Duplicate bool `json:"duplicate,omitempty"`
}

func receipt(channel string, r broker.Receipt) *published {
	return &published{channel, api.PlaceOf(r.Position), r.Duplicate}
}

// publish says one thing on the channel in the path.
func (c *Channels) publish(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	channel, err := named(r)
	if err != nil {
		return err
	}
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	body, err := c.api.Body(w, r, who, "application/json", int64(who.Tenant.Account.Limits().MessageSize))
	if err != nil {
		return err
	}
	if err := weighed(who, 1, len(body)); err != nil {
		return err
	}
	members, err := api.Object(body, publishUsage, "data", "base64", "encryption")
	if err != nil {
		return err
	}
	p, err := publication(members)
	if err != nil {
		return err
	}
	if p, err = keyed(p, key); err != nil {
		return err
	}
	return c.sayAlone(w, r, who, channel, p)
}

// sayAlone answers with what became of one message.
func (c *Channels) sayAlone(w http.ResponseWriter, r *http.Request, who *door.Caller, channel string, p hub.Publication) error {
	taken, fault := c.hub.Speaker(who.Tenant, who.Principal).Publish(r.Context(), channel, p)
	if fault != nil {
		return api.Failed(fault)
	}
	api.Answer(w, http.StatusCreated, receipt(channel, taken))
	return nil
}

// keyOf reads Idempotency-Key, which the draft of that name writes as a quoted text, and most others as it is.
func keyOf(r *http.Request) (*string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return nil, nil
	}
	key := values[0]
	if inner, opened := strings.CutPrefix(key, `"`); opened {
		closed := false
		if key, closed = strings.CutSuffix(inner, `"`); !closed {
			key = `"`
		}
	}
	if len(values) > 1 || key == "" || strings.Trim(key, visible) != "" {
		return nil, api.Unreadable("send one Idempotency-Key of letters, digits and -._~:/+=, in quotes or without")
	}
	return &key, nil
}

// unkeyed refuses a header that would do nothing: whoever believes in it says everything twice.
func unkeyed(r *http.Request, instead string) error {
	if len(r.Header.Values("Idempotency-Key")) > 0 {
		return api.Unreadable("Idempotency-Key does not count here; " + instead)
	}
	return nil
}

// visible are the characters of keys in a header, of which none means anything there.
const visible = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/+="

// weighed counts the bytes of messages that were counted.
func weighed(who *door.Caller, messages, size int) error {
	if over := who.Tenant.Account.Weigh(who.Started, messages, size); over.Any() {
		return api.Failed(&wire.Fault{Code: wire.RateLimited, Message: over.Text(), Retry: over.Retry})
	}
	return nil
}
