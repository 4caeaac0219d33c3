package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// unsubscription asks as a backend that a connection hears a channel no more. What stands in the body is the test's own.
func (g *gateway) unsubscription(token, connection, body string, headers ...string) string {
	return g.post("/v1/connections/"+connection+"/unsubscribe", "application/json", body, append(headers, bearer(token))...)
}

// A backend takes one subscription from one connection: the client is told once, hears nothing of the channel behind it, keeps its others, and may come back.
func TestABackendUnsubscribesAClient(t *testing.T) {
	g := served(t)
	ana := g.dial(t, acme.token(someone("ana"), roles("member")))
	bob := g.dial(t, acme.token(someone("bob"), roles("member")))
	for _, c := range []*conn{ana, bob} {
		c.does(`{"type":"subscribe","id":1,"channel":"room:left"}`)
		c.does(`{"type":"subscribe","id":2,"channel":"room:kept"}`)
	}
	counted := g.mark(t, "portcullis_unsubscribes_total", "reason", "backend")
	if a := g.asks(t, g.unsubscription(acme.service(), ana.id(), `{"channel":"room:left"}`)); a.status != http.StatusNoContent || a.body != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, want 204 and no-store", a.status, a.body)
	}
	e := ana.hear()
	if text, _ := e["message"].(string); e["type"] != "unsubscribed" || e["channel"] != "room:left" || e["code"] != "forbidden" || !strings.Contains(text, "a service of the tenant ended") {
		t.Errorf("got %v, want unsubscribed by a service", e)
	}
	counted.moved(t, 1)
	for i, room := range []string{"left", "kept"} {
		bob.say(`{"type":"publish","channel":"room:%s","data":%d}`, room, i)
		if m := bob.hear(); m["channel"] != "room:"+room {
			t.Errorf("bob got %v, want the message of room:%s", m, room)
		}
	}
	if m := ana.hear(); m["channel"] != "room:kept" {
		t.Errorf("ana got %v, want that of room:kept alone", m)
	}
	a := g.asks(t, g.unsubscription(acme.service(), ana.id(), `{"channel":"room:left"}`))
	if p, err := a.problem(); err != nil || a.status != http.StatusConflict || p.Code != "not_subscribed" {
		t.Errorf("once more: got %d %s, want 409 not_subscribed", a.status, a.body)
	}
	ana.does(`{"type":"subscribe","id":3,"channel":"room:left"}`)
	g.logged(t, entry{"event": "authz_admin", "operation": "connection.unsubscribe", "tenant": "acme"})
	g.logged(t, entry{"event": "authz_change", "reason": "backend", "connection": ana.id()})
}

// While messages are in flight, nothing of the channel comes behind the notice, and the notice comes once.
func TestABackendUnsubscribesInAStormOfMessages(t *testing.T) {
	t.Parallel()
	rules := tenantOptions{rules: `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }`, limits: noRates}
	g := start(t, options{acme: rules})
	ana, backend := g.dial(t, acme.token("ana", roles("member"))), acme.service()
	publisher := g.dial(t, acme.token("bob", roles("member")))
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
				if publisher.put(text(strings.Repeat(`{"type":"publish","channel":"room:1","data":1}`+"\n", 20))) != nil {
					return
				}
			}
		}
	}()
	defer func() { close(done); <-ended }()
	for round := range 30 {
		ana.does(`{"type":"subscribe","id":%d,"channel":"room:1"}`, round+1)
		for ana.hear()["type"] != "message" { // the storm reaches ana
		}
		if a := g.asks(t, g.unsubscription(backend, ana.id(), `{"channel":"room:1"}`)); a.status != http.StatusNoContent {
			t.Fatalf("got %d %s, want 204", a.status, a.body)
		}
		ana.say(`{"type":"ping","id":%d}`, 1000+round)
		notices := 0
		for e := ana.hear(); e["type"] != "ok"; e = ana.hear() {
			switch {
			case e["type"] == "unsubscribed":
				notices++
			case notices > 0 || e["type"] != "message":
				t.Fatalf("round %d: got %v behind %d notices", round, e, notices)
			}
		}
		if notices != 1 {
			t.Fatalf("round %d: got %d notices, want 1", round, notices)
		}
	}
}

// Another tenant's service finds nobody: the same answer as for a connection that never was, whatever the channel. Without the right there is no answer but that.
func TestUnsubscribingAConnectionOfAnotherTenant(t *testing.T) {
	g := served(t)
	victim := g.dial(t, acme.token(someone("victim"), roles("member")))
	victim.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	for _, channel := range []string{"room:1", "room:2"} {
		body := fmt.Sprintf(`{"channel":%q}`, channel)
		foreign := g.asks(t, g.unsubscription(globex.service(), victim.id(), body))
		absent := g.asks(t, g.unsubscription(globex.service(), "c_"+strings.Repeat("A", len(victim.id())-2), body))
		if foreign.status != http.StatusNotFound || foreign.status != absent.status || foreign.body != absent.body {
			t.Errorf("another tenant's is %d %s, one that never was %d %s; want the same 404", foreign.status, foreign.body, absent.status, absent.body)
		}
	}
	g.denies(t, "api", refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}, func() *answer {
		return g.asks(t, g.unsubscription(acme.token("eve", roles("member")), victim.id(), `{"channel":"room:1"}`))
	})
	if a := g.asks(t, g.unsubscription(acme.service(), victim.id(), `{"channel":"room:1"}`, "Origin: https://evil.example")); a.status != http.StatusForbidden {
		t.Errorf("from another page: got %d %s, want 403", a.status, a.body)
	}
	victim.say(`{"type":"publish","channel":"room:1","data":"still here"}`)
	if m := victim.hear(); m["type"] != "message" {
		t.Errorf("got %v, want that the victim hears the channel", m)
	}
}

// Two members that two readers take differently, and whatever else is no channel: refused before anybody looks who is there.
func TestUnsubscribingWithABodyOfTwoMeanings(t *testing.T) {
	g := served(t)
	victim := g.dial(t, acme.token(someone("victim"), roles("member")))
	victim.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	for body, code := range map[string]string{
		``: "bad_request", `null`: "bad_request", `{}`: "bad_request", `[]`: "bad_request", `{"channel":null}`: "bad_request", `{"channel":1}`: "bad_request", `{"channel":["room:1"]}`: "bad_request",
		`{"channels":["room:1"]}`: "bad_request", `{"channel":"room:2","channel":"room:1"}`: "bad_request", `{"Channel":"room:1"}`: "bad_request", `{"channel":"room:1","user":"eve"}`: "bad_request",
		`{"channel":"room:1"}}`: "bad_request", `{"channel":"room:1"} {}`: "bad_request", `{"channel":""}`: "bad_channel", `{"channel":"room:*"}`: "bad_channel", "{\"channel\":\"room:\xff\"}": "bad_request",
	} {
		for _, id := range []string{victim.id(), "c_nobody"} {
			a := g.asks(t, g.unsubscription(acme.service(), id, body))
			if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != code {
				t.Errorf("%q of %s: got %d %s, want 400 %s", body, id, a.status, a.body, code)
			}
		}
	}
	if a := g.asks(t, g.post("/v1/connections/"+victim.id()+"/unsubscribe", "text/plain", `{"channel":"room:1"}`, bearer(acme.service()))); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("as text: got %d %s, want 415", a.status, a.body)
	}
	victim.say(`{"type":"publish","channel":"room:1","data":"still here"}`)
	if m := victim.hear(); m["type"] != "message" {
		t.Errorf("got %v, want that the victim hears the channel", m)
	}
}

// What a filter in front reads in one way, the gateway must not read in another: a member that stands twice, or in another case, is refused by its name.
func TestAMemberThatAFilterReadsOtherwise(t *testing.T) {
	g := served(t)
	victim := g.dial(t, acme.token(someone("victim")))
	for body, named := range map[string]string{
		`{"checks":[{"action":"echo","action":"publish","channel":"room:1"}]}`: `\"action\" stands twice`,
		`{"checks":[{"action":"echo","Action":"publish","channel":"room:1"}]}`: `\"Action\" is not known`,
		`{"CHECKS":[{"action":"manage"}]}`:                                     `\"CHECKS\" is not known`,
		`{"checks":[{"action":"manage"}],"checks":[{"action":"manage"}]}`:      `\"checks\" stands twice`,
		"{\"chec\u212as\":[{\"action\":\"manage\"}]}":                          `is not known`, // the Kelvin sign is a k to encoding/json
	} {
		if a := g.asks(t, g.checks(acme.service(), body)); a.status != http.StatusBadRequest || !strings.Contains(a.body, named) || !strings.Contains(a.body, "bad_request") {
			t.Errorf("%s: got %d %s, want 400 and %s", body, a.status, a.body, named)
		}
	}
	for body, named := range map[string]string{
		`{"kind":"user","value":"nobody","value":"` + "ana" + `"}`: `\"value\" stands twice`,
		`{"kind":"user","value":"nobody","Value":"ana"}`:           `\"Value\" is not known`,
	} {
		if a := g.asks(t, g.revocation(acme.service(), body)); a.status != http.StatusBadRequest || !strings.Contains(a.body, named) {
			t.Errorf("%s: got %d %s, want 400 and %s", body, a.status, a.body, named)
		}
	}
	victim.lives(t)
}
