package channels

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	wire "portcullis/internal/wire/json"
)

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

	Encryption string `json:"encryption,omitempty"`
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
func readingOf(q url.Values) (how hub.Reading, err error) {
	if err := api.Once(q, "limit", "reverse", "strict", "since", "epoch", "cursor"); err != nil {
		return how, err
	}
	for _, name := range [...]string{"reverse", "strict"} {
		if text := q.Get(name); q.Has(name) && text != "true" {
			return how, api.Unreadable(fmt.Sprintf("%s %.64q is not true; send true, or leave it out", name, text))
		}
	}
	how.Reverse, how.Strict = q.Has("reverse"), q.Has("strict")
	if how.Limit, err = api.Limit(q); err == nil {
		how.Since, err = sinceOf(q)
	}
	return how, err
}

// sinceOf reads where somebody wants to go on: a position, or a cursor, which is one too. It is nil where there is neither.
func sinceOf(q url.Values) (*message.Position, error) {
	since, epoch := q.Get("since"), q.Get("epoch")
	switch {
	case q.Has("cursor") && (q.Has("since") || q.Has("epoch")):
		return nil, api.Unreadable("cursor stands beside since or epoch, and both say where to go on; send one of the two")
	case q.Has("cursor"):
		since, epoch, _ = strings.Cut(q.Get("cursor"), ".")
	case !q.Has("since") && !q.Has("epoch"):
		return nil, nil
	}
	n, err := strconv.ParseUint(since, 10, 64)
	switch {
	case err == nil && epoch != "" && strconv.FormatUint(n, 10) == since:
		return &message.Position{Offset: n, Epoch: epoch}, nil
	case q.Has("cursor"):
		return nil, api.NoCursor(q.Get("cursor"), "a history")
	}
	return nil, api.Unreadable(fmt.Sprintf("since %.64q and epoch %.64q are no position; send both as an answer has them, or neither", since, epoch))
}

// history reads what was said on the channel in the path.
func (c *Channels) history(w http.ResponseWriter, r *http.Request) {
	bare, q := api.Bare(r, "limit", "reverse", "strict", "since", "epoch", "cursor")
	how, err := readingOf(q)
	c.asked(func(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
		if err != nil {
			return err
		}
		channel, err := named(r)
		if err != nil {
			return err
		}
		read, err := c.read(r.Context(), who, channel, how)
		if err != nil {
			return err
		}
		return answer(w, who, pastOf(channel, read))
	})(w, bare)
}

// read reads a page by the rights that there are when it is read. Behind an engine that took its time they are asked for again, and the page by those that have changed.
func (c *Channels) read(ctx context.Context, who *door.Caller, channel string, how hub.Reading) (*hub.Read, error) {
	for {
		began, by := time.Now(), who.Tenant
		read, fault := c.hub.Speaker(by, who.Principal).History(ctx, channel, how)
		if fault != nil {
			return nil, api.Failed(fault)
		}
		now := time.Now()
		if now.Sub(began) <= api.AskAgain {
			return read, nil
		}
		if err := c.door.Again(who, now); err != nil {
			return nil, err
		}
		if who.Tenant == by {
			return read, nil
		}
	}
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
		if m.Sealed {
			one.Encryption = wire.Encryption
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
	api.Answer(w, http.StatusOK, published{Channel: channel, Place: api.PlaceOf(behind)})
	return nil
}
