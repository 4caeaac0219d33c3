package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"portcullis/internal/acl"
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
	var asked struct {
		Rules *[]acl.Rule `json:"rules"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil || !ends(d) || asked.Rules == nil {
		return badRequest(`the body is no rules such as {"rules":[{"name":"all","allow":["echo"],"channels":["**"]}]}; a rule has the members of the tenant's file`)
	}
	then, problems := acl.Compile(t.ID, *asked.Rules)
	if then == nil {
		return badRequest(problems[0].Path + ": " + problems[0].Message)
	}
	if !o.comparing.TryLock() {
		refuse(w, wire.Unavailable, "another comparison is running: try again")
		return nil
	}
	defer o.comparing.Unlock()
	p := preview.Of(t.Policy, then, slices.Concat(t.Rules(), *asked.Rules), o.Roster().Of(t.ID))
	p.Tenant = t.ID.String()
	answer(w, http.StatusOK, p)
	return nil
}

// ends reports whether nothing stands behind what was read. [json.Decoder.More] is made for what is inside of a list or an object: it takes a closing brace for the end.
func ends(d *json.Decoder) bool {
	_, err := d.Token()
	return err == io.EOF
}
