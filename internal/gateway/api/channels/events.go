package channels

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
)

// The media types of CloudEvents 1.0, HTTP Protocol Binding, section 3. Any other is of the data of one event, whose attributes are headers.
const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"

	eventUsage = `the body is no CloudEvent such as {"specversion":"1.0","id":"1","source":"/orders","type":"order.paid","subject":"room:1","data":{}}`
)

// event is as much of a CloudEvent as is used: its subject is the channel, its source and id make a repetition known, its data is what is said.
type event struct {
	channel, source, id string
	publication         hub.Publication
}

// events publishes CloudEvents in each of the three ways in which HTTP carries them.
func (c *Channels) events(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	media := r.Header.Get("Content-Type")
	kind, parameters, _ := mime.ParseMediaType(media)
	if err := api.UTF8(parameters["charset"]); err != nil {
		return err
	}
	if err := unkeyed(r, "an event is known by its source and id"); err != nil {
		return err
	}
	limits := who.Tenant.Account.Limits()
	most := int64(limits.MessageSize)
	if kind == manyEvents {
		most = batchBytes(limits)
	}
	body, err := c.api.Body(w, r, who, kind, most)
	if err != nil {
		return err
	}
	if kind == manyEvents {
		if err := weighed(who, 0, len(body)); err != nil {
			return err
		}
		return c.several(w, r, who, body)
	}
	if err := weighed(who, 1, len(body)); err != nil {
		return err
	}
	var e event
	if kind == oneEvent {
		e, err = structured(body)
	} else {
		e, err = headed(r.Header, kind, body)
	}
	if err != nil {
		return err
	}
	return c.sayAlone(w, r, who, e.channel, c.known(who, e))
}

// several publishes a batch. Each has a result, as in a batch of messages.
func (c *Channels) several(w http.ResponseWriter, r *http.Request, who *door.Caller, body []byte) error {
	list, err := listed(body)
	if err != nil {
		return err
	}
	results, err := c.all(r.Context(), who, len(list), func(ctx context.Context, i int) result {
		if err := fits(who, list[i]); err != nil {
			return failed(err)
		}
		e, err := structured(list[i])
		if err != nil {
			return failed(err)
		}
		return c.say(ctx, who, e.channel, c.known(who, e))
	})
	if err != nil {
		return err
	}
	api.Answer(w, http.StatusOK, map[string]any{"results": results})
	return nil
}

// listed reads a list of at most so many events, and none at all is one too.
func listed(body []byte) (list []raw, err error) {
	list, ok := api.Values(body, mostMessages)
	if !ok {
		return nil, api.Unreadable("the body is no list of CloudEvents")
	}
	if len(list) > mostMessages {
		return nil, api.Unreadable("the list has more than 100 events; send more in several requests")
	}
	return list, nil
}

// known gives the publication the event's own name, where the channel can tell a repetition: a source does not use an id twice (CloudEvents 1.0, section 3.1.1).
func (c *Channels) known(who *door.Caller, e event) hub.Publication {
	if c.hub.Keeps(who.Tenant, e.channel) {
		sum := sha256.Sum256([]byte(e.source + "\n" + e.id)) // neither has a line break
		e.publication.Key = "event:" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return e.publication
}

// of checks the attributes that every event has, and reads those that are used.
func of(attribute func(name string) string) (e event, err error) {
	for _, name := range [...]string{"specversion", "id", "source", "type", "subject"} {
		value := attribute(name)
		if value == "" || strings.ContainsAny(value, "\r\n") {
			return e, api.Unreadable("the event has no " + name + ", or none that is a text; specversion is 1.0, and subject the channel")
		}
	}
	if v := attribute("specversion"); v != "1.0" {
		return e, api.Unreadable("specversion is 1.0 here")
	}
	e.channel, e.source, e.id = attribute("subject"), attribute("source"), attribute("id")
	return e, nil
}

// structured reads an event that is one JSON object (JSON Event Format, section 3). It may have attributes that nobody here knows, in lower case.
func structured(body []byte) (e event, err error) {
	members, err := api.Open(body, eventUsage, attributeName)
	if err != nil {
		return e, err
	}
	e, err = of(func(name string) string {
		var value string
		if json.Unmarshal(members[name], &value) != nil {
			return ""
		}
		return value
	})
	if err != nil {
		return e, err
	}
	data, isText := members["data"]
	encoded, isBytes := members["data_base64"]
	switch {
	case isText && isBytes:
		return e, api.Unreadable("the event has data and data_base64; send one of the two")
	case isBytes:
		e.publication, err = binary(encoded)
	case isText:
		e.publication, err = text(data)
	default:
		e.publication = hub.Publication{Data: []byte("null")}
	}
	return e, err
}

// attributeName reports whether a name may be an attribute's (CloudEvents 1.0, section 3), or that of the data.
func attributeName(name string) bool {
	return name == "data_base64" || name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
