package api

import (
	"net/http"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/gateway/door"
	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

const (
	// mostChecks is how many questions a request may ask, and checksBody how long they may be: as many with the longest names.
	mostChecks = 100
	checksBody = 64 << 10

	checksUsage = `the body is no list such as {"checks":[{"action":"publish","channel":"room:1"},{"action":"manage"}]}; a check has action and channel, and is about yourself`
)

// check is one question: may I do this, and on which channel.
type check struct {
	Action  string  `json:"action"`
	Channel *string `json:"channel"` // absent for manage
}

// verdict is the answer to one check: whether it is allowed, or what is wrong with the question. The rule that decided is the operator's.
type verdict struct {
	Allowed *bool `json:"allowed,omitempty"`
	Problem any   `json:"problem,omitempty"`
}

// permissions answers what the caller itself may do now. It is no attempt: nothing that is denied here stands among the denials. Each question counts as a
// message of the caller, so that this is no cheaper way to keep a gateway busy than a connection.
func (a *API) permissions(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	if err := counted(c, 1); err != nil { // before anybody reads the list
		return err
	}
	text, err := a.Body(w, r, c, "application/json", checksBody)
	if err != nil {
		return err
	}
	var asked struct {
		Checks []check `json:"checks"`
	}
	if err := Decode(text, &asked, checksUsage); err != nil {
		return err
	}
	if len(asked.Checks) == 0 || len(asked.Checks) > mostChecks {
		return Unreadable("checks has to have 1 to 100 entries; ask for more in several requests")
	}
	if err := counted(c, len(asked.Checks)-1); err != nil {
		return err
	}
	results := make([]verdict, len(asked.Checks))
	for i := range asked.Checks {
		results[i] = asked.Checks[i].put(c)
	}
	Answer(w, http.StatusOK, map[string]any{"results": results})
	return nil
}

func counted(c *door.Caller, checks int) error {
	if over := c.Tenant.Account.Ask(c.Started, c.Principal.User, checks); over.Any() {
		return door.Later(door.MessageRate, over.Retry, "%s; every check counts as a message, so ask fewer at once, or later", over.Text())
	}
	return nil
}

// put asks the caller's tenant. There is no way to ask another one: a channel is a name in the caller's own.
func (q *check) put(c *door.Caller) verdict {
	action, err := acl.ParseAction(q.Action)
	switch {
	case err != nil:
		return wrong(wire.BadRequest, err.Error())
	case action == acl.Manage && q.Channel != nil:
		return wrong(wire.BadRequest, "manage is on the tenant and has no channel; leave channel out")
	case action == acl.Manage:
		return said(c.Tenant.DecideManage(c.Principal))
	case q.Channel == nil:
		return wrong(wire.BadRequest, "the check names no channel; give it one")
	}
	name, err := channel.Parse(*q.Channel)
	if err != nil {
		return wrong(wire.BadChannel, err.Error())
	}
	return said(c.Tenant.Decide(c.Principal, action, name))
}

func said(d acl.Decision) verdict { return verdict{Allowed: &d.Allowed} }

func wrong(code wire.Code, detail string) verdict {
	return verdict{Problem: problem.Problem{Code: code, Detail: detail}.Document()}
}
