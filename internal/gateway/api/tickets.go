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

// mint gives the caller a ticket for its whole identity. It counts for the page that asked for it, or, without a page, for a client that is none.
func (a *API) mint(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	text, expires, err := a.config.Tickets.Mint(r.Context(), c.Principal, door.OriginOf(r), c.Started)
	if err != nil {
		return err
	}
	a.config.Observer.Minted(c)
	answer(w, http.StatusCreated, minted{text, expires.UnixMilli()})
	return nil
}
