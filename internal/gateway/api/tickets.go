package api

import (
	"net/http"

	"portcullis/internal/gateway/door"
)

// minted is a ticket: what a browser connects with, once, at ?ticket=.
type minted struct {
	Ticket  string `json:"ticket"`
	Expires int64  `json:"expires"`
}

// mint gives the caller a ticket for its whole identity. It counts for the page that asked for it, or, without a page, for a client that is none. Every ticket counts
// as a message of the caller: that, and their short life, bounds how many there are.
func (a *API) mint(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	if over := c.Tenant.Account.Ask(c.Started, c.Principal.User, 1); over.Any() {
		return door.Later(door.MessageRate, over.Retry, "%s; every ticket counts as a message", over.Text())
	}
	// A page is not told why a handshake is refused: here it is, before it has a ticket for a place that there is not.
	if over := c.Tenant.Account.Full(c.Principal.User); over.Any() {
		return door.NoPlace(over)
	}
	text, expires, err := a.config.Tickets.Mint(r.Context(), c.Principal, door.OriginOf(r), c.Started)
	if err != nil {
		return err
	}
	a.config.Observer.Minted(c)
	Answer(w, http.StatusCreated, minted{text, expires.UnixMilli()})
	return nil
}
