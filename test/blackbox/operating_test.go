package blackbox_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// operating are the requests by which an administrator sees or changes something, as far as they have a tenant in their path.
func operating(tenant, connection, user string) []struct{ method, path, body string } {
	at := "/admin/v1/tenants/" + tenant
	return []struct{ method, path, body string }{
		{"POST", at + "/diff", `{"rules":[]}`},
		{"GET", at + "/connections", ""},
		{"GET", at + "/connections/" + connection, ""},
		{"DELETE", at + "/connections/" + connection, ""},
		{"DELETE", at + "/users/" + user + "/connections", ""},
		{"GET", at + "/revocations", ""},
		{"POST", at + "/revocations", `{"kind":"user","value":"` + user + `"}`},
		{"POST", at + "/suspend", ""},
		{"POST", at + "/resume", ""},
	}
}

// Whatever opens the administrators' paths to a page, a page will find: a foreign origin, a rebound name, a form's type, a client's token, and a tenant that is none.
func TestAttemptsOnTheAdministratorsPaths(t *testing.T) {
	t.Parallel()
	token := secret("an-administrators-token-0815")
	g := start(t, options{adminToken: token})
	user := someone("victim")
	victim := g.dial(t, acme.token(user))
	all := append(operating("acme", victim.id(), user), []struct{ method, path, body string }{
		{"POST", "/admin/v1/doctor", ""}, {"GET", "/admin/v1/tenants", ""}, {"GET", "/metrics", ""},
	}...)
	send := func(method, path, body string, headers ...string) *answer {
		return g.knock(t, method+" "+path+" HTTP/1.1\r\n"+head(append(headers, "Connection: close", "Content-Length: "+strconv.Itoa(len(body)))...)+body)
	}
	for _, r := range all {
		own := []string{"Host: " + g.admin, "Content-Type: application/json"}
		for name, try := range map[string]struct {
			headers []string
			status  int
		}{
			"no token":             {own, 401},
			"a client's token":     {append([]string{bearer(acme.token("svc-billing", roles("operator"), claims{"scope": "portcullis:manage"}))}, own...), 401},
			"a rebound name":       {[]string{"Host: evil.example", bearer(token), "Content-Type: application/json"}, 421},
			"a page, with a token": {append([]string{bearer(token), "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, own...), 403},
			"a form, with a token": {[]string{"Host: " + g.admin, bearer(token), "Content-Type: text/plain"}, 415},
		} {
			if r.method == "GET" && try.status != 401 && try.status != 421 {
				continue // whoever only reads is kept from the answer, not from the question
			}
			if a := send(r.method, r.path, r.body, try.headers...); a.status != try.status {
				t.Errorf("%s %s, %s: got %d %s, want %d", r.method, r.path, name, a.status, tail(a.body, 200), try.status)
			}
		}
	}
	// An id that is none, or is another's, finds nothing: in one text.
	answers := make(map[string]bool)
	for _, tenant := range []string{"nobody", "ACME", "acme%00", "acme%2f", "..", "%2e%2e", "acme:", "*", strings.Repeat("a", 64)} {
		for _, r := range operating(tenant, victim.id(), user) {
			a := send(r.method, r.path, r.body, "Host: "+g.admin, "Content-Type: application/json", bearer(token))
			if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: got %d %s, want 404", r.method, r.path, a.status, a.body)
			}
			if !strings.Contains(tenant, ".") && !strings.Contains(tenant, "%2e") { // these are other paths
				answers[a.body] = true
			}
		}
	}
	if len(answers) != 1 {
		t.Errorf("the answers tell ids apart: %v", answers)
	}
	// A connection is its tenant's: under another's path it is as little there as one that never was.
	for _, method := range []string{"GET", "DELETE"} {
		there := send(method, "/admin/v1/tenants/globex/connections/"+victim.id(), "", "Host: "+g.admin, "Content-Type: application/json", bearer(token))
		nowhere := send(method, "/admin/v1/tenants/globex/connections/c_AAAAAAAAAAAAAAAA", "", "Host: "+g.admin, "Content-Type: application/json", bearer(token))
		if there.status != http.StatusNotFound || there.body != nowhere.body {
			t.Errorf("%s: got %d %s, and %s for nobody's", method, there.status, there.body, nowhere.body)
		}
	}
	if a := send("DELETE", "/admin/v1/tenants/globex/users/"+user+"/connections", "", "Host: "+g.admin, "Content-Type: application/json", bearer(token)); strings.TrimSpace(a.body) != `{"disconnected":0}` {
		t.Errorf("got %d %s, want nobody of globex", a.status, a.body)
	}
	victim.lives(t)
}

// The rules that are compared are a body like others: bounded, strict, compiled for the tenant of the path, and put to no use.
func TestRulesThatAreComparedAreNotTaken(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	c := g.dial(t, acme.token("ana", roles("member")))
	c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	theirs := g.dial(t, globex.token("ana", roles("member")))
	theirs.does(`{"type":"subscribe","id":1,"channel":"room:secret"}`)
	diff := func(body string) *answer { return g.administer(t, "POST", "/admin/v1/tenants/acme/diff", body) }
	for name, try := range map[string]struct {
		body   string
		status int
	}{
		"nothing":            {"", 400},
		"null":               {"null", 400},
		"no rules":           {"{}", 400},
		"an unknown member":  {`{"rules":[],"tenant":"globex"}`, 400},
		"an unknown key":     {`{"rules":[{"name":"a","allow":["echo"],"channels":["**"],"tenant":"globex"}]}`, 400},
		"two documents":      {`{"rules":[]}{"rules":[]}`, 400},
		"a rule that is bad": {`{"rules":[{"name":"a","allow":["shout"],"channels":["**"]}]}`, 400},
		"a reserved channel": {`{"rules":[{"name":"a","allow":["echo"],"channels":["$sys:**"]}]}`, 400},
		"deep nesting":       {`{"rules":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`, 400},
		"too large":          {`{"rules":[` + strings.Repeat(" ", 1<<20) + `]}`, 413},
	} {
		if a := diff(try.body); a.status != try.status {
			t.Errorf("%s: got %d %s, want %d", name, a.status, tail(a.body, 300), try.status)
		}
	}
	a := diff(`{"rules":[]}`)
	if a.status != http.StatusOK || strings.Contains(a.body, "globex") || strings.Contains(a.body, "secret") || !strings.Contains(a.body, `"lost_subscriptions":1`) {
		t.Errorf("got %d %s, want acme's one subscription, and nothing of globex", a.status, a.body)
	}
	c.does(`{"type":"publish","id":2,"channel":"room:1","data":"still"}`)
	if got := c.hear(); got["data"] != "still" {
		t.Errorf("got %v", got)
	}
	theirs.lives(t)
}
