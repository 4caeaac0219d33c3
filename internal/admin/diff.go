package admin

import (
	"io"
	"net/http"
	"slices"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/preview"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// mostRules is how long the rules of one tenant may be: as long as its file.
const mostRules = 1 << 20

// diff answers what other rules would do to those who are connected to this node. It changes nothing. One runs at a time: each takes some tenths of a second of a core.
func (o *Operations) diff(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostRules))
	if err != nil {
		return &api.BadRequest{Problem: problem.Problem{Code: wire.TooLarge, Detail: "the rules have more than 1048576 bytes, or ended before their time"}}
	}
	asked, err := readPolicy(text)
	if err != nil {
		return err
	}
	now := preview.Side{Rules: t.Policy, Choices: t.Choices}
	then, err := asked.compile(t)
	if err != nil {
		return err
	}
	if !o.comparing.TryLock() {
		refuse(w, wire.Unavailable, "another comparison is running: try again")
		return nil
	}
	defer o.comparing.Unlock()
	p := preview.Of(now, then, slices.Concat(t.Rules(), asked.Rules), o.Roster().Of(t.ID))
	p.Tenant = t.ID.String()
	answer(w, http.StatusOK, p)
	return nil
}
