package blackbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// keeping is the channels of a tenant that keep what was said.
const keeping = "channels:\n  - { match: \"room:kept:**\", history: { messages: 100, ttl: 1m }, presence: true }\n"

// spoken is a gateway whose tenants' backends and pages talk over HTTP.
func spoken(t *testing.T) *gateway {
	rules := `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }
- { name: services announce, allow: [publish, subscribe], channels: ["news:**"], for: { scopes: ["portcullis:manage"] } }
- { name: members read, allow: [history, presence], channels: ["room:kept:**"], for: { roles: [member] } }`
	o := tenantOptions{rules: rules, more: keeping}
	return share(t, "spoken", options{acme: o, globex: o})
}

// publication is the request that publishes a body on a channel, which is encoded for the path once.
func (g *gateway) publication(token, channel, body string, headers ...string) string {
	return g.post("/v1/channels/"+url.PathEscape(channel)+"/messages", "application/json", body, append(headers, bearer(token))...)
}

// taken wants a publication to be taken.
func (g *gateway) taken(t *testing.T, raw string) (e entry) {
	t.Helper()
	a := g.asks(t, raw)
	if err := a.into(&e); err != nil || a.status != http.StatusCreated || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, want 201", a.status, a.body)
	}
	return e
}

// wants is an answer that is a problem.
func (a *answer) wants(t *testing.T, status int, code string) {
	t.Helper()
	if p, err := a.problem(); err != nil || a.status != status || p.Code != code {
		t.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
}

// What is said over HTTP is heard on connections as what is said there: with the user who said it, no connection, and the place that it has.
func TestABackendIsHeardOnConnections(t *testing.T) {
	g := spoken(t)
	ana := g.dial(t, acme.token(someone("ana"), roles("member")))
	room := "room:kept:" + someone("")
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	published := g.mark(t, "portcullis_acl_decisions_total", "action", "publish")
	e := g.taken(t, g.publication(acme.service(roles("member")), room, `{"data":{"text":"hi",  "Ids":[1.0,
		9007199254740993]}}`))
	published.moved(t, 1)
	if e["channel"] != room || e["offset"] == nil || e["epoch"] == nil || len(e) != 3 {
		t.Errorf("got %v, want channel, offset and epoch", e)
	}
	got := ana.verbatim()
	for _, want := range []string{`"from":{"user":"svc-billing"}`, `"data":{"text":"hi","Ids":[1.0,9007199254740993]}`, fmt.Sprintf(`"offset":%v`, e["offset"])} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	plain := someone("room")
	ana.does(`{"type":"subscribe","id":2,"channel":%q}`, "room:"+plain)
	if e := g.taken(t, g.publication(acme.service(roles("member")), "room:"+plain, `{"data":null}`)); len(e) != 1 || e["channel"] != "room:"+plain {
		t.Errorf("got %v, want the channel alone where nothing is kept", e)
	}
	ana.hear()
}

// A channel in the path is decoded once: what is decoded twice could name another channel than the one that a rule was asked about.
func TestAChannelInThePathIsDecodedOnce(t *testing.T) {
	g := spoken(t)
	token := acme.service(roles("member"))
	ana := g.dial(t, acme.token(someone("ana"), roles("member")))
	room := "room:" + someone("a") + "%2Fb%20c"
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	if e := g.taken(t, g.publication(token, room, `{"data":1}`)); e["channel"] != room {
		t.Errorf("got %v, want %s", e, room)
	}
	ana.hear()
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"room:a%2Fb": {400, "bad_channel"}, "room:a%20b": {400, "bad_channel"}, "room:%2561": {400, "bad_channel"}, "room:a%00": {400, "bad_channel"},
		"$presence": {400, "bad_channel"}, "%24presence": {400, "bad_channel"}, "room:*": {400, "bad_channel"}, "room:**": {400, "bad_channel"}, "room:": {400, "bad_channel"}, "%C3%A4": {400, "bad_channel"},
		"ops%3Ax": {403, "forbidden"}, "..": {403, "forbidden"}, "%2e%2e": {403, "forbidden"}, "room:ops:x": {403, "forbidden"}, "room%3Aops%3Ax": {403, "forbidden"},
		"": {400, "bad_channel"}, "room:1/x": {404, "not_found"}, "../channels/room:1": {404, "not_found"}, strings.Repeat("a", 256): {400, "bad_channel"},
	} {
		a := g.asks(t, g.post("/v1/channels/"+path+"/messages", "application/json", `{"data":1}`, bearer(token)))
		if p, err := a.problem(); err != nil || a.status != want.status || p.Code != want.code {
			t.Errorf("%s: got %d %s, want %d %s", path, a.status, a.body, want.status, want.code)
		}
	}
}

// Another tenant's channel is a name in one's own; no credential, path or body leads anywhere else.
func TestPublishingIntoAnotherTenant(t *testing.T) {
	g := spoken(t)
	theirs := g.dial(t, globex.token(someone("victim"), roles("member")))
	room := "room:" + someone("secret")
	theirs.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	g.taken(t, g.publication(acme.service(roles("member")), room, `{"data":"from acme"}`))
	for _, channel := range []string{"globex:" + room, "globex/" + room, "../globex/" + room} {
		if a := g.asks(t, g.publication(acme.service(roles("member")), channel, `{"data":1}`)); a.status < 400 {
			t.Errorf("%s: got %d %s", channel, a.status, a.body)
		}
	}
	for _, body := range []string{`{"data":1,"tenant":"globex"}`, `{"data":1,"from":{"user":"boss"}}`, `{"data":1,"user":"boss"}`, `{"data":1,"channel":"room:2"}`} {
		g.asks(t, g.publication(acme.service(roles("member")), room, body)).wants(t, 400, "bad_request")
	}
	theirs.lives(t) // and it has heard nothing
	g.asks(t, g.publication(acme.token("eve"), room, `{"data":1}`)).wants(t, 403, "forbidden")
	g.denies(t, "api", refusal{http.StatusUnauthorized, "unauthorized", "missing_credentials"}, func() *answer {
		return g.asks(t, g.post("/v1/channels/room:1/messages", "application/json", `{"data":1}`))
	})
	g.denies(t, "api", badHandshake("credential_in_url"), func() *answer {
		return g.asks(t, g.post("/v1/channels/room:1/messages?access_token=x", "application/json", `{"data":1}`, bearer(acme.service())))
	})
	g.asks(t, g.publication(acme.service(roles("member")), room, `{"data":1}`, "Origin: https://evil.example")).wants(t, 403, "origin_refused")
	if a := g.asks(t, g.publication(acme.service(roles("member")), room, `{"data":1}`, "Origin: "+acme.origin)); a.status != 201 || a.header.Get("Access-Control-Allow-Origin") != acme.origin {
		t.Errorf("from the tenant's page: got %d %s, want 201 and that it may read it", a.status, a.body)
	}
}

// A body that two readers take differently, or that is none, is refused whole.
func TestPublishingBodiesThatAreNone(t *testing.T) {
	g := spoken(t)
	token := acme.service(roles("member"))
	ana := g.dial(t, acme.token(someone("ana"), roles("member")))
	room := "room:" + someone("")
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	for _, body := range []string{
		``, `null`, `[]`, `1`, `{}`, `{"data":1`, `{"data":1}}`, `{"data":1} {}`, `{"data":1}{"data":2}`, `{"data":1,"data":2}`, `{"data":1,"d\u0061ta":2}`, `{"Data":1}`, `{"DATA":1,"data":1}`,
		`{"data":1,"offset":5}`, `{"dat\u017f":1}`, "{\"data\":\"\xff\"}", `{'data':1}`, `{"data":NaN}`, "\ufeff" + `{"data":1}`,
		`{"data":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, `{"data":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	} {
		a := g.asks(t, g.publication(token, room, body))
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%.100q: got %d %s, want 400 bad_request", body, a.status, a.body)
		}
	}
	g.asks(t, g.publication(token, room, `{"data":"`+strings.Repeat("x", 64<<10)+`"}`)).wants(t, 413, "too_large")
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/cloudevents+json", "application/json, text/plain"} {
		g.asks(t, g.post("/v1/channels/"+room+"/messages", media, `{"data":1}`, bearer(token))).wants(t, 415, "bad_request")
	}
	for _, encoding := range []string{"gzip", "identity", "br"} {
		g.asks(t, g.publication(token, room, `{"data":1}`, "Content-Encoding: "+encoding)).wants(t, 415, "bad_request")
	}
	if a := g.manage(t, token, http.MethodPut, "/v1/channels/"+room+"/messages"); a.status != http.StatusMethodNotAllowed || !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Errorf("PUT: got %d, Allow %q", a.status, a.header.Get("Allow"))
	}
	// What is inside data is the user's, in any case and any number of times.
	g.taken(t, g.publication(token, room, `{"data":{"A":1,"a":[{"A":2,"A":3}],"":null,"\u212a":"]}"}}`))
	if got, want := ana.verbatim(), `"data":{"A":1,"a":[{"A":2,"A":3}],"":null,"\u212a":"]}"}`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Each message of a batch has a result of its own, in the order in which they stand, which is the order in which they are heard.
func TestABatchOfMessages(t *testing.T) {
	g := spoken(t)
	token := acme.service(roles("member"))
	ana := g.dial(t, acme.token(someone("ana"), roles("member")))
	room := "room:kept:" + someone("")
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	batch := func(body string) *answer {
		return g.asks(t, g.post("/v1/messages/batch", "application/json", body, bearer(token)))
	}
	one := func(data string) string { return fmt.Sprintf(`{"channel":%q,"data":%s}`, room, data) }
	a := batch(`{"messages":[` + strings.Join([]string{one("1"), `{"channel":"ops:x","data":1}`, `{"channel":"room:*","data":1}`, `{"channel":"room:1"}`, `{"data":1}`, `7`, `{"channel":"room:1","data":1,"data":2}`,
		`{"channel":"room:1","data":"` + strings.Repeat("x", 64<<10) + `"}`, `{"channel":null,"data":1}`, `{"channel":"room:1","data":1,"tenant":"globex"}`, one("2")}, ",") + `]}`)
	var said struct{ Results []entry }
	if err := a.into(&said); err != nil || a.status != http.StatusOK || len(said.Results) != 11 {
		t.Fatalf("got %d %s, want 200 and 11 results", a.status, a.body)
	}
	for i, want := range []string{"", "forbidden", "bad_channel", "bad_request", "bad_request", "bad_request", "bad_request", "too_large", "bad_request", "bad_request", ""} {
		code := ""
		if p, is := said.Results[i]["problem"].(map[string]any); is {
			code = p["code"].(string)
		}
		if code != want || (want == "") != (said.Results[i]["channel"] == room && said.Results[i]["offset"] != nil) {
			t.Errorf("result %d: got %v, want %q", i, said.Results[i], want)
		}
	}
	for _, want := range []string{`"data":1}`, `"data":2}`} {
		if got := ana.verbatim(); !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	many := func(n int) string {
		return `{"messages":[` + strings.TrimSuffix(strings.Repeat(`{"channel":"room:quiet","data":1},`, n), ",") + `]}`
	}
	if a := batch(many(100)); a.status != http.StatusOK || strings.Contains(a.body, "problem") {
		t.Errorf("a hundred: got %d %s", a.status, a.body)
	}
	for _, body := range []string{many(101), `{"messages":[]}`, `{"messages":null}`, `{}`, `[]`, `{"messages":{}}`, `{"messages":[],"messages":[]}`, `{"Messages":[]}`} {
		a := batch(body)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%.60s: got %d %s, want 400", body, a.status, a.body)
		}
	}
	batch(`{"messages":[`+strings.Repeat(" ", 1<<20)+`]}`).wants(t, 413, "too_large")
	// A key that would count for nothing is refused, with where it belongs: whoever believed in it would say everything twice.
	keyed := g.asks(t, g.post("/v1/messages/batch", "application/json", many(1), bearer(token), "Idempotency-Key: k1"))
	if keyed.wants(t, 400, "bad_request"); !strings.Contains(keyed.body, "give each message an idempotency_key") {
		t.Errorf("got %s, want where the key belongs", keyed.body)
	}
}

// Over HTTP nobody says more than on a connection: every message counts for its user and its tenant, also those of a batch, and its bytes for the tenant.
func TestPublishingCountsAsMessages(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second: unlimited\nmessages_per_second_per_user: 2"}, globex: tenantOptions{limits: "messages_per_second: unlimited\nmessage_size: 512\nbytes_per_second: 512"}})
	token := acme.token("ana", roles("member"))
	for range 2 {
		g.taken(t, g.publication(token, "room:1", `{"data":1}`))
	}
	three := `{"messages":[{"channel":"room:1","data":1},{"channel":"room:1","data":1},{"channel":"room:1","data":1}]}`
	for _, raw := range []string{g.post("/v1/messages/batch", "application/json", three, bearer(token)), g.publication(token, "room:1", `{"data":1}`), g.publication(token, "room:1", `{"data":1}`)} {
		a := g.asks(t, raw)
		if a.status == http.StatusCreated {
			continue // time has passed
		}
		if a.wants(t, 429, "rate_limited"); a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "messages_per_second_per_user") {
			t.Errorf("got %s and Retry-After %q", a.body, a.header.Get("Retry-After"))
		}
	}
	other := globex.token("ana", roles("member"))
	refused := 0
	for range 4 {
		if a := g.asks(t, g.publication(other, "room:1", `{"data":"`+strings.Repeat("x", 480)+`"}`)); a.status != http.StatusCreated {
			a.wants(t, 429, "rate_limited")
			refused++
		}
	}
	if refused == 0 {
		t.Error("2 KiB at once are taken where 512 bytes a second are allowed")
	}
}

// Two headers, or a parameter that cannot be read, hide from nobody what the body is said to be.
func TestWhatABodyIsSaidToBeIsNotHidden(t *testing.T) {
	g := spoken(t)
	token := acme.service(roles("member"))
	for _, media := range []string{`application/json; charset=utf-16; =`, `application/json; charset="utf-16`, `application/json;charset`} {
		g.asks(t, g.post("/v1/channels/room:1/messages", media, `{"data":1}`, bearer(token))).wants(t, 415, "bad_request")
	}
	g.asks(t, g.publication(token, "room:1", `{"data":1}`, "Content-Encoding:", "Content-Encoding: gzip")).wants(t, 415, "bad_request")
}

// Whoever sends large bodies that are no messages is at the limit of the tenant's bytes as one who sends messages: nobody is served for nothing by what cannot be read.
func TestBodiesThatAreNoneAreWeighed(t *testing.T) {
	t.Parallel()
	o := tenantOptions{limits: "messages_per_second: unlimited\nmessages_per_second_per_user: unlimited\nbytes_per_second: 256KiB"}
	g := start(t, options{acme: o, globex: o})
	for path, media := range map[string]string{"/v1/messages/batch": "application/json", "/v1/events": "application/cloudevents-batch+json"} {
		p := map[string]*party{"/v1/messages/batch": acme, "/v1/events": globex}[path]
		list := "[" + strings.Repeat("1,", 100<<10) + "1]"
		if media == "application/json" {
			list = `{"messages":` + list + `}`
		}
		refused := 0
		for range 8 {
			switch a := g.asks(t, g.post(path, media, list, bearer(p.token("eve", roles("member"))))); a.status {
			case http.StatusBadRequest:
			case http.StatusTooManyRequests:
				refused++
			default:
				t.Errorf("%s: got %d %s", path, a.status, a.body)
			}
		}
		if refused < 4 {
			t.Errorf("%s: %d of 8 bodies of 200 KiB were refused, want most of them where 256 KiB a second may come", path, refused)
		}
	}
}
