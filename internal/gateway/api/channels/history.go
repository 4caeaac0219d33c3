package channels

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/message"
)

const wrongHistory = "the query may have limit, from 1 to 1000, reverse and strict, which are true, and since and epoch, a position, or cursor; each once"

// sender is who said something.
type sender struct {
	User       string `json:"user"`
	Connection string `json:"connection,omitempty"`
}

// kept is a message as its channel has it, in the words of the wire.
type kept struct {
	Offset   uint64 `json:"offset"`
	Previous uint64 `json:"previous"`
	Time     int64  `json:"time"`
	From     sender `json:"from"`
	Data     raw    `json:"data,omitempty"`
	Base64   []byte `json:"base64,omitzero"`
}

// past is a page of what was said. Offset and Epoch are where it ends, and Next is the cursor of what comes behind it.
type past struct {
	Channel   string `json:"channel"`
	Messages  []kept `json:"messages"`
	Offset    uint64 `json:"offset"`
	Epoch     string `json:"epoch"`
	Recovered *bool  `json:"recovered,omitempty"` // of whoever said where to go on
	Reason    string `json:"reason,omitempty"`
	Next      string `json:"next,omitempty"`
}

// readingOf reads a query.
func readingOf(q url.Values) (how hub.Reading, ok bool) {
	var since, epoch string
	for name, values := range q {
		if len(values) != 1 {
			return how, false
		}
		value := values[0]
		switch ok = true; name {
		case "limit":
			how.Limit, ok = api.Limit(value)
		case "reverse":
			how.Reverse, ok = true, value == "true"
		case "strict":
			how.Strict, ok = true, value == "true"
		case "since":
			since = value
		case "epoch":
			epoch = value
		case "cursor":
			if ok = !q.Has("since") && !q.Has("epoch"); ok {
				since, epoch, ok = strings.Cut(value, ".")
			}
		}
		if !ok {
			return how, false
		}
	}
	if !q.Has("since") && !q.Has("epoch") && !q.Has("cursor") {
		return how, true
	}
	n, err := strconv.ParseUint(since, 10, 64)
	how.Since = &message.Position{Offset: n, Epoch: epoch}
	return how, err == nil && epoch != "" && strconv.FormatUint(n, 10) == since
}

// history reads what was said on the channel in the path.
func (c *Channels) history(w http.ResponseWriter, r *http.Request) {
	bare, q := api.Bare(r, "limit", "reverse", "strict", "since", "epoch", "cursor")
	how, ok := readingOf(q)
	c.asked(func(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
		if !ok {
			return api.Unreadable(wrongHistory)
		}
		channel, err := named(r)
		if err != nil {
			return err
		}
		read, fault := c.hub.Speaker(who.Tenant, who.Principal).History(r.Context(), channel, how)
		if fault != nil {
			return api.Failed(fault)
		}
		api.Answer(w, http.StatusOK, pastOf(channel, read))
		return nil
	})(w, bare)
}

func pastOf(channel string, read *hub.Read) past {
	p := past{Channel: channel, Messages: make([]kept, 0, len(read.Messages)), Offset: read.Position.Offset, Epoch: read.Position.Epoch}
	for i := range read.Messages {
		m := &read.Messages[i]
		one := kept{Offset: m.Position.Offset, Previous: m.Previous, Time: m.Time.UnixMilli(), From: sender{m.From.User, m.From.Connection}}
		if m.Binary {
			one.Base64 = append([]byte{}, m.Data...)
		} else {
			one.Data = m.Data
		}
		p.Messages = append(p.Messages, one)
	}
	if read.Recovery != nil {
		p.Recovered, p.Reason = &read.Recovery.Recovered, string(read.Recovery.Reason)
	}
	if read.More {
		p.Next = strconv.FormatUint(p.Offset, 10) + "." + p.Epoch
	}
	return p
}

// purge forgets what was said on the channel in the path, for whoever may manage the tenant.
func (c *Channels) purge(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	channel, err := named(r)
	if err != nil {
		return err
	}
	behind, fault := c.hub.Speaker(who.Tenant, who.Principal).Purge(r.Context(), channel)
	if fault != nil {
		return api.Failed(fault)
	}
	c.api.Noted(who, "channel.purge", channel)
	api.Answer(w, http.StatusOK, published{Channel: channel, Offset: behind.Offset, Epoch: behind.Epoch})
	return nil
}
