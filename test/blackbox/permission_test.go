package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// checks is the request for one's own permissions. What stands in it is the test's own.
func (g *gateway) checks(token, body string, headers ...string) string {
	return g.post("/v1/permissions/check", "application/json", body, append(headers, bearer(token))...)
}

// may asks what token's own user may do, and wants these results as they are.
func (g *gateway) may(t *testing.T, token, body string, want ...string) {
	t.Helper()
	a := g.asks(t, g.checks(token, body))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, want 200 and no-store", a.status, a.body)
	}
	if got, want := strings.TrimSpace(a.body), `{"results":[`+strings.Join(want, ",")+`]}`; got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", body, got, want)
	}
}

const (
	yes = `{"allowed":true}`
	no  = `{"allowed":false}`
)

// What is answered is what happens: for each of these the connection has the same answer.
func TestWhatIMayDo(t *testing.T) {
	g := identities(t)
	token := acme.token("ana", roles("member"))
	denied := g.mark(t, "portcullis_acl_decisions_total", "action", "publish")
	g.may(t, token, `{"checks":[{"action":"publish","channel":"room:1"},{"action":"publish","channel":"ops:x"},{"action":"subscribe","channel":"user:ana:inbox"},
		{"action":"subscribe","channel":"user:bob:inbox"},{"action":"echo","channel":"lab:rtt"},{"action":"history","channel":"room:1"},{"action":"manage"}]}`,
		yes, no, yes, no, yes, no, no)
	denied.moved(t, 0) // nobody tried anything
	g.may(t, acme.token("billing", roles("backend")), `{"checks":[{"action":"manage"}]}`, yes)
	c := g.dial(t, token)
	c.does(`{"type":"publish","id":1,"channel":"room:1","data":1}`)
	c.mayNot("forbidden", `{"type":"publish","id":2,"channel":"ops:x","data":1}`)
	c.does(`{"type":"subscribe","id":3,"channel":"user:ana:inbox"}`)
	c.mayNot("forbidden", `{"type":"subscribe","id":4,"channel":"user:bob:inbox"}`)
}

// An entry that is no question is told so, and the others are answered. No answer names a rule.
func TestChecksThatAreNoQuestions(t *testing.T) {
	problem := func(code, detail string) string {
		return fmt.Sprintf(`{"problem":{"type":"about:blank","title":"Bad Request","status":400,"detail":%q,"code":%q}}`, detail, code)
	}
	identities(t).may(t, acme.token("ana", roles("member")),
		`{"checks":[{"action":"publish","channel":"room:*"},{"action":"publish","channel":"room:1"},{"action":"publish"},{"action":"manage","channel":"room:1"},{"action":"Publish","channel":"room:1"},{}]}`,
		problem("bad_channel", `channel "room:*", byte 5: * stands in the patterns of rules and settings alone; a subscription names one channel`), yes,
		problem("bad_request", "the check names no channel; give it one"),
		problem("bad_request", "manage is on the tenant and has no channel; leave channel out"),
		problem("bad_request", `action "Publish" is unknown; use one of echo, publish, subscribe, history, presence, manage`),
		problem("bad_request", `action "" is unknown; use one of echo, publish, subscribe, history, presence, manage`))
}

// The answers are about whoever asks. There is no member by which somebody could ask about another user, another role or another tenant.
func TestAnotherIdentityInTheBody(t *testing.T) {
	g := identities(t)
	token := acme.token("ana")
	const ask = `"checks":[{"action":"manage"}]`
	for _, body := range []string{
		`{` + ask + `,"user":"billing"}`, `{` + ask + `,"as":{"user":"billing","roles":["backend"]}}`, `{"subject":"billing",` + ask + `}`, `{` + ask + `,"tenant":"globex"}`,
		`{` + ask + `,"roles":["backend"]}`, `{` + ask + `,"token":"` + acme.token("billing", roles("backend")) + `"}`,
		`{"checks":[{"action":"manage","user":"billing"}]}`, `{"checks":[{"action":"publish","channel":"room:1","tenant":"globex"}]}`,
	} {
		a := g.asks(t, g.checks(token, body))
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%s: got %d %s, want 400 bad_request", body, a.status, a.body)
		}
	}
}

// Another tenant's channel is a name like every other, in the tenant of whoever asks.
func TestAnotherTenantsChannelIsAName(t *testing.T) {
	g := identities(t)
	theirs := g.dial(t, globex.token("boss", roles("member")))
	theirs.does(`{"type":"subscribe","id":1,"channel":"room:secret"}`)
	const body = `{"checks":[{"action":"subscribe","channel":"room:secret"},{"action":"subscribe","channel":"room:nobodys"},{"action":"subscribe","channel":"globex:room:secret"}]}`
	g.may(t, acme.token("ana", roles("member")), body, yes, yes, no)
	g.may(t, acme.token("ana"), body, no, no, no)
	a := g.asks(t, g.checks(acme.token("ana"), `{"checks":[{"action":"subscribe","channel":"globex/room:secret"}]}`))
	if !strings.Contains(a.body, `"bad_channel"`) {
		t.Errorf("got %s, want bad_channel", a.body)
	}
}

func TestChecksThatAreTooMany(t *testing.T) {
	g := identities(t)
	token := acme.token("ana", roles("member"))
	many := func(n int) string {
		return `{"checks":[` + strings.TrimSuffix(strings.Repeat(`{"action":"publish","channel":"room:1"},`, n), ",") + `]}`
	}
	all := make([]string, 100)
	for i := range all {
		all[i] = yes
	}
	g.may(t, token, many(100), all...)
	for _, b := range []struct {
		body   string
		status int
		code   string
	}{
		{many(101), 400, "bad_request"}, {`{"checks":[]}`, 400, "bad_request"}, {`{}`, 400, "bad_request"}, {`[]`, 400, "bad_request"}, {"", 400, "bad_request"},
		{many(1) + many(1), 400, "bad_request"}, {`{"checks":"all"}`, 400, "bad_request"},
		{`{"checks":[` + strings.Repeat(" ", 1<<20) + `]}`, 413, "too_large"}, {strings.Repeat(`{"checks":`, 6000), 400, "bad_request"},
	} {
		a := g.asks(t, g.checks(token, b.body))
		if p, err := a.problem(); err != nil || a.status != b.status || p.Code != b.code {
			t.Errorf("%.60s: got %d %s, want %d %s", b.body, a.status, a.body, b.status, b.code)
		}
	}
	a := g.asks(t, strings.Replace(g.checks(token, many(1)), "application/json", "text/plain", 1))
	if a.status != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: got %d, want 415", a.status)
	}
}

// Each question costs a message of the user: whoever asks in a loop is told to wait, and so is the same user's connection.
func TestAPermissionOracle(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_user: 20"}})
	token := acme.token("ana", roles("member"))
	const ten = `{"checks":[{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"},{"action":"manage"}]}`
	limited := refusal{http.StatusTooManyRequests, "rate_limited", "message_rate"}
	c := g.dial(t, token)
	l := g.connect(t)
	for range 4 { // the burst of 40
		if a := g.tell(t, l, g.checks(token, ten)); a.status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", a.status, a.body)
		}
	}
	a := g.denies(t, "api", limited, func() *answer { return g.tell(t, l, g.checks(token, ten)) })
	if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "messages_per_second_per_user is reached") {
		t.Errorf("got %v %s, want Retry-After and the limit's name", a.header, a.body)
	}
	for { // some of the burst came back meanwhile
		if e := c.ask(`{"type":"echo","id":1,"channel":"lab:rtt","data":1}`); e["type"] == "error" {
			if e["code"] != "rate_limited" {
				t.Errorf("got %v, want rate_limited", e)
			}
			break
		}
	}
	g.may(t, acme.token("bob"), `{"checks":[{"action":"manage"}]}`, no) // nobody else's
}

// Who would not get in is told nothing, in the same words as at the handshake.
func TestPermissionsOfWhoeverHasNone(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	const body = `{"checks":[{"action":"manage"}]}`
	user := someone("gone")
	token := acme.token(user)
	g.denies(t, "api", expired, func() *answer { return g.asks(t, g.checks(acme.token("ana", claims{"exp": now() - 5}), body)) })
	g.denies(t, "api", unbelieved("bad_signature"), func() *answer { return g.asks(t, g.checks(forged(), body)) })
	g.denies(t, "api", noCredentials, func() *answer { return g.asks(t, g.post("/v1/permissions/check", "application/json", body)) })
	g.denies(t, "api", wrongOrigin, func() *answer { return g.asks(t, g.checks(token, body, "Origin: https://evil.example")) })
	g.may(t, token, body, no)
	g.revoke(t, fmt.Sprintf(`{"kind":"user","value":%q,"before":%d}`, user, (now()+10)*1000))
	g.denies(t, "api", unbelieved("revoked"), func() *answer { return g.asks(t, g.checks(token, body)) })
	g.suspend(t, acme)
	g.denies(t, "api", refusal{http.StatusForbidden, "tenant_suspended", "tenant_suspended"}, func() *answer { return g.asks(t, g.checks(acme.token("bob"), body)) })
	g.may(t, globex.token("bob"), body, no)
}

// A body that is no list of questions counts as one: nobody makes the gateway read such bodies without end.
func TestQuestionsThatAreNoneCountAsMessages(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_user: 1"}})
	refused := 0
	for range 10 {
		a := g.asks(t, g.checks(acme.token("eve"), `{"checks":[`+strings.Repeat("{},", 1000)+`{}]}`))
		if a.status == http.StatusTooManyRequests {
			refused++
		} else {
			a.wants(t, 400, "bad_request")
		}
	}
	if refused < 2 {
		t.Errorf("%d of 10 were refused, want most of those behind the burst of 2", refused)
	}
}
