package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/gateway/door"
	"portcullis/internal/message"
	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// Place is a position as JSON has it: both members or, for a channel without history, none. The first offset is 0.
type Place struct {
	Offset *uint64 `json:"offset,omitempty"`
	Epoch  string  `json:"epoch,omitempty"`
}

// PlaceOf is the place of a position.
func PlaceOf(at message.Position) (p Place) {
	if at.Epoch != "" {
		p = Place{&at.Offset, at.Epoch}
	}
	return p
}

// Given is where a subscription begins that a backend chose for a client: everything behind it is delivered.
type Given struct {
	Channel string `json:"channel"`
	Place
}

func given(name channel.Name, at message.Position) *Given { return &Given{name.String(), PlaceOf(at)} }

// subscribe subscribes a connection of the caller's tenant to a channel. When it is answered the client was told. The caller's right to manage brings the request here; whether the client may hear the channel is asked of the rules
// about the client.
func (a *API) subscribe(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	s, name, err := a.meant(w, r, c)
	if err != nil {
		return err
	}
	at, fault := s.Give(r.Context(), name)
	switch {
	case fault == nil:
	case fault.Code == wire.NotFound: // it ended meanwhile
		return NoSuchConnection
	default:
		return Failed(fault)
	}
	a.config.Observer.Managed(c, "connection.subscribe", s.ID())
	Answer(w, http.StatusOK, given(name, at))
	return nil
}

// GivenTo is what became of one connection of a user whom a backend subscribed: where that begins, or why it does not.
type GivenTo struct {
	Connection string `json:"connection"`
	*Given
	Problem any   `json:"problem,omitempty"`
	Retry   int64 `json:"retry_ms,omitempty"` // where a retry helps
}

// GivenToAll is the answer to whoever subscribed a user: one entry for each of its connections here, in the order of their ids.
type GivenToAll struct {
	Connections []GivenTo `json:"connections"`
}

// subscribeUser is subscribe for all connections of a user. They came with different credentials, perhaps, and the rules are asked about each. Each that does not hear the
// channel yet counts as a message of the caller, as if it had been named alone: those for whom its limits leave nothing are to come again, and the others have begun by then.
func (a *API) subscribeUser(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	name, err := a.channelOf(w, r, c)
	if err != nil {
		return err
	}
	user, ok := Segment(r, "user")
	if !ok {
		return Unreadable("the user in the path is not percent-encoded as a URL needs it")
	}
	all := slices.DeleteFunc(a.config.Roster().Of(c.Principal.Tenant), func(s *session.Session) bool { return s.Principal().User != user })
	slices.SortFunc(all, func(a, b *session.Session) int { return cmp.Compare(a.ID(), b.ID()) })
	answer := GivenToAll{[]GivenTo{}}
	counted := true // one of them, at the door
	var over *wire.Fault
	for _, s := range all {
		if over == nil && !s.Has(name) {
			if !counted {
				over = oneMore(c)
			}
			counted = false
		}
		if one, there := give(r.Context(), s, name, over); there {
			answer.Connections = append(answer.Connections, one)
		}
	}
	a.config.Observer.Managed(c, "user.subscribe", user)
	Answer(w, http.StatusOK, answer)
	return nil
}

// give subscribes one connection of several, unless the caller is over a limit. One that ended meanwhile is none of the user's any more.
func give(ctx context.Context, s *session.Session, name channel.Name, over *wire.Fault) (one GivenTo, there bool) {
	at, fault := message.Position{}, over
	if over == nil {
		at, fault = s.Give(ctx, name)
	}
	switch {
	case fault == nil:
		return GivenTo{Connection: s.ID(), Given: given(name, at)}, true
	case fault.Code == wire.NotFound:
		return one, false
	}
	p := failure(fault)
	return GivenTo{Connection: s.ID(), Problem: p.Document(), Retry: p.Retry.Milliseconds()}, true
}

// oneMore counts one more message of a caller while it is served, and says so where that is more than it may have.
func oneMore(c *door.Caller) *wire.Fault {
	over := c.Tenant.Account.Ask(time.Now(), c.Principal.User, 1)
	if !over.Any() {
		return nil
	}
	return &wire.Fault{Code: wire.RateLimited, Message: over.Text() + "; each connection counts as a message", Retry: over.Retry}
}
