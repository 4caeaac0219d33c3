package blackbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// past is a page of what was said.
type past struct {
	Messages  []entry
	Offset    float64
	Epoch     string
	Recovered *bool
	Reason    string
	Next      string
}

func (p *past) data() (all string) {
	for _, m := range p.Messages {
		all += fmt.Sprint(m["data"])
	}
	return all
}

// reads asks for the history of a channel.
func (g *gateway) reads(t *testing.T, token, channel, query string) (p past) {
	t.Helper()
	a := g.manage(t, token, http.MethodGet, "/v1/channels/"+url.PathEscape(channel)+"/messages"+query)
	if err := a.into(&p); err != nil || a.status != http.StatusOK {
		t.Fatalf("%s: got %d %s, want 200", query, a.status, a.body)
	}
	return p
}

// What a channel keeps is read in both directions, page by page, and each message once.
func TestHistoryOverHTTP(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	for i := range 7 {
		g.taken(t, g.publication(token, room, fmt.Sprintf(`{"data":%d}`, i)))
	}
	for query, want := range map[string]string{"?limit=3": "0123456", "?limit=3&reverse=true": "6543210", "": "0123456"} {
		got, pages, cursor := "", 0, ""
		for {
			q := query
			if cursor != "" {
				q += "&cursor=" + url.QueryEscape(cursor)
			}
			p := g.reads(t, token, room, q)
			got, cursor = got+p.data(), p.Next
			if pages++; cursor == "" || pages > 9 {
				break
			}
		}
		if got != want || query != "" && pages != 3 {
			t.Errorf("%s: got %s on %d pages, want %s", query, got, pages, want)
		}
	}
	page := g.reads(t, token, room, "?limit=2")
	m := page.Messages[1]
	if from := mustJSON(m["from"]); from != `{"user":"svc-billing"}` || m["offset"] != page.Offset || m["time"].(float64) < 1e12 || m["previous"] != page.Messages[0]["offset"] {
		t.Errorf("got %v at %v", m, page.Offset)
	}
	since := fmt.Sprintf("?since=%.0f&epoch=%s", page.Offset, page.Epoch)
	if p := g.reads(t, token, room, since); p.data() != "23456" || p.Recovered == nil || !*p.Recovered {
		t.Errorf("got %s, %v; want 23456 and recovered", p.data(), p)
	}
	for _, query := range []string{"?since=5&epoch=foreign", fmt.Sprintf("?since=%.0f&epoch=%s", page.Offset+1e6, page.Epoch), "?since=18446744073709551615&epoch=" + page.Epoch} {
		if p := g.reads(t, token, room, query); p.Recovered == nil || *p.Recovered || p.Reason != "epoch" || p.data() != "0123456" {
			t.Errorf("%s: got %s, %v; want all that there is, and that the position never was one", query, p.data(), p)
		}
		if p := g.reads(t, token, room, query+"&reverse=true"); p.Recovered == nil || *p.Recovered || p.data() != "6543210" {
			t.Errorf("%s: got %s, %v backwards", query, p.data(), p)
		}
		g.manage(t, token, http.MethodGet, "/v1/channels/"+room+"/messages"+query+"&strict=true").wants(t, 410, "unrecoverable")
	}
	g.manage(t, token, http.MethodGet, "/v1/channels/room:1/messages").wants(t, 403, "forbidden")
	g.manage(t, globex.token("eve"), http.MethodGet, "/v1/channels/"+room+"/messages").wants(t, 403, "forbidden")
	if p := g.reads(t, globex.token("ana", roles("member")), room, ""); len(p.Messages) != 0 {
		t.Errorf("another tenant reads %v", p.Messages)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?reverse=1", "?reverse=false", "?strict=yes", "?since=5", "?epoch=x", "?since=-1&epoch=x", "?since=05&epoch=x", "?since=18446744073709551616&epoch=x",
		"?cursor=5", "?cursor=x.y", "?cursor=5.", "?cursor=5.x&since=5&epoch=x", "?limit=1&limit=2"} {
		a := g.manage(t, token, http.MethodGet, "/v1/channels/"+room+"/messages"+query)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%s: got %d %s, want 400 bad_request", query, a.status, a.body)
		}
	}
	g.manage(t, token, http.MethodGet, "/v1/channels/"+room+"/messages?tenant=globex").wants(t, 400, "bad_handshake")
}

// A purge is for whoever may manage: what was said is forgotten, for its own tenant alone, and numbers grow on.
func TestPurging(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	path := "/v1/channels/" + room + "/messages"
	was := g.taken(t, g.publication(token, room, `{"data":1}`))
	g.taken(t, g.publication(globex.service(roles("member")), room, `{"data":"theirs"}`))
	ana, heard := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member")))
	g.manage(t, acme.token("ana", roles("member")), http.MethodDelete, path).wants(t, 403, "forbidden")
	before := g.taken(t, g.publication(token, room, `{"data":2}`))
	heard.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	var e entry
	if a := g.manage(t, token, http.MethodDelete, path); a.into(&e) != nil || a.status != http.StatusOK || e["epoch"] != before["epoch"] || e["offset"].(float64) < before["offset"].(float64) {
		t.Fatalf("got %d %s, want 200 and a position behind %v", a.status, a.body, before)
	}
	if p := g.reads(t, token, room, ""); len(p.Messages) != 0 {
		t.Errorf("after the purge there is %v", p.Messages)
	}
	if p := g.reads(t, globex.token("ana", roles("member")), room, ""); p.data() != "theirs" {
		t.Errorf("another tenant has %v, want what it said", p.Messages)
	}
	if after := g.taken(t, g.publication(token, room, `{"data":3}`)); after["epoch"] != e["epoch"] || after["offset"].(float64) <= e["offset"].(float64) {
		t.Errorf("got %v, want a place behind %v", after, e)
	}
	g.manage(t, token, http.MethodDelete, "/v1/channels/news:1/messages").wants(t, 404, "not_available")
	// Whoever was away while something was said and purged is told; whoever has heard it all is not, and goes on.
	if got := ana.does(`{"type":"subscribe","id":2,"channel":%q,"since":%s}`, room, at(was)); got["recovered"] != false || got["reason"] != "trimmed" {
		t.Errorf("from before the purge: got %v, want trimmed", got)
	}
	if m := heard.hear(); m["data"] != 3.0 || m["previous"] != 0.0 {
		t.Errorf("who stayed heard %v, want what was said behind the purge and nothing before it", m)
	}
	heard.silent(0)
	g.logged(t, entry{"event": "authz_admin", "operation": "channel.purge", "tenant": "acme"})
}

// Where nothing was ever said there is a position too, the first: whoever goes on from it misses nothing.
func TestThePositionBeforeTheFirstMessage(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{rules: `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }`, more: keeping}})
	token, ana := acme.service(roles("member")), g.dial(t, acme.token("ana", roles("member")))
	for _, ask := range []struct{ method, path string }{{http.MethodGet, "/v1/channels/room:kept:1"}, {http.MethodDelete, "/v1/channels/room:kept:1/messages"}} {
		var e entry
		if a := g.manage(t, token, ask.method, ask.path); a.into(&e) != nil || e["offset"] != 0.0 || e["epoch"] == nil {
			t.Fatalf("%s: got %d %s, want offset 0 and an epoch", ask.method, a.status, a.body)
		}
		if got := ana.does(`{"type":"subscribe","id":1,"channel":"room:kept:1","since":%s}`, at(e)); got["recovered"] != true || got["replayed"] != 0.0 {
			t.Errorf("%s: got %v from there, want that nothing is missing", ask.method, got)
		}
		ana.does(`{"type":"unsubscribe","id":2,"channel":"room:kept:1"}`)
	}
}

// A repetition has the place of the first; the key is the user's own, on its channel; with other words it is refused.
func TestPublishingWithAKeyTwice(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	first := g.taken(t, g.publication(token, room, `{"data":{"a":1}}`, "Idempotency-Key: k1"))
	for _, key := range []string{`k1`, `"k1"`} {
		if e := g.taken(t, g.publication(token, room, `{ "data": {"a": 1} }`, "Idempotency-Key: "+key)); e["duplicate"] != true || e["offset"] != first["offset"] {
			t.Errorf("%s: got %v, want a duplicate of %v", key, e, first)
		}
	}
	g.asks(t, g.publication(token, room, `{"data":2}`, "Idempotency-Key: k1")).wants(t, 409, "conflict")
	a := g.asks(t, g.post("/v1/messages/batch", "application/json", fmt.Sprintf(`{"messages":[{"channel":%[1]q,"data":{"a":1},"idempotency_key":"k1"},{"channel":%[1]q,"data":3,"idempotency_key":"k1"},{"channel":%[1]q,"data":1,"idempotency_key":7}]}`, room), bearer(token)))
	for _, want := range []string{`"duplicate":true`, `"conflict"`, `"bad_request"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the batch: got %s, want %s", a.body, want)
		}
	}
	ana := g.dial(t, acme.token("ana", roles("member")))
	if e := g.taken(t, g.publication(acme.token("ana", roles("member")), room, `{"data":2}`, "Idempotency-Key: k1")); e["duplicate"] != nil {
		t.Errorf("another user's key: got %v, want no duplicate", e)
	}
	if e := ana.does(`{"type":"publish","id":1,"channel":%q,"data":2,"idempotency_key":"k1"}`, room); e["duplicate"] != true {
		t.Errorf("the same user on a connection: got %v, want a duplicate", e)
	}
	if e := g.taken(t, g.publication(globex.service(roles("member")), room, `{"data":2}`, "Idempotency-Key: k1")); e["duplicate"] != nil {
		t.Errorf("another tenant's key: got %v, want no duplicate", e)
	}
	g.asks(t, g.publication(token, "room:plain", `{"data":1}`, "Idempotency-Key: k1")).wants(t, 404, "not_available")
	for _, key := range []string{"", `""`, `"k`, `k"`, "a b", "k\tk", "\xff", strings.Repeat("k", 65), "k1\r\nIdempotency-Key: k2"} {
		a := g.asks(t, g.publication(token, room, `{"data":1}`, "Idempotency-Key: "+key))
		if a.status != http.StatusBadRequest {
			t.Errorf("key %q: got %d %s, want 400", key, a.status, a.body)
		}
	}
}

// Bytes go as base64, and are heard and read so.
func TestPublishingBytes(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	for _, bytes := range []string{"AAH/", ""} {
		g.taken(t, g.publication(token, room, fmt.Sprintf(`{"base64":%q}`, bytes)))
		if m := ana.hear(); m["base64"] != bytes {
			t.Errorf("got %v, want %q", m, bytes)
		}
	}
	if p := g.reads(t, token, room, ""); len(p.Messages) != 2 || p.Messages[0]["base64"] != "AAH/" || p.Messages[1]["base64"] != "" {
		t.Errorf("got %v, want both", p.Messages)
	}
	for _, body := range []string{`{"base64":"AAH/","data":1}`, `{"base64":"AAH"}`, `{"base64":"_-8="}`, `{"base64":"aGl="}`, `{"base64":"aG\nk="}`, `{"base64":1}`, `{"base64":null}`, `{"base64":["aGk="]}`} {
		a := g.asks(t, g.publication(token, room, body))
		if p, err := a.problem(); err != nil || p.Code != "bad_request" {
			t.Errorf("%s: got %d %s, want 400", body, a.status, a.body)
		}
	}
}

// Who is on a channel is told to whom a rule allows it, and nobody of another tenant is among them.
func TestPresenceOverHTTP(t *testing.T) {
	g := spoken(t)
	room := "room:kept:" + someone("")
	ana, theirs := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("boss", roles("member")))
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	theirs.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	token := acme.service(roles("member"))
	path := "/v1/channels/" + room + "/presence"
	a := g.manage(t, token, http.MethodGet, path)
	if want := fmt.Sprintf(`{"channel":%q,"count":1,"members":[{"user":"ana","connection":%q}]}`, room, ana.id()); strings.TrimSpace(a.body) != want || a.status != http.StatusOK {
		t.Errorf("got %d %s, want %s", a.status, a.body, want)
	}
	if a := g.manage(t, token, http.MethodGet, "/v1/channels/room:kept:nobody/presence"); strings.TrimSpace(a.body) != `{"channel":"room:kept:nobody","count":0,"members":[]}` {
		t.Errorf("got %d %s, want nobody", a.status, a.body)
	}
	g.manage(t, acme.token("eve"), http.MethodGet, path).wants(t, 403, "forbidden")
	g.manage(t, token, http.MethodGet, "/v1/channels/room:plain/presence").wants(t, 403, "forbidden")
	g.manage(t, token, http.MethodGet, "/v1/channels/room:*/presence").wants(t, 400, "bad_channel")
}

// Channels with a subscriber are listed page by page, for whoever may manage their tenant. When the last has left, nothing is left of them.
func TestListingChannels(t *testing.T) {
	g := spoken(t)
	token, prefix := acme.service(), "room:kept:"+someone("")
	ana, bob, theirs := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member"))), g.dial(t, globex.token("ana", roles("member")))
	for i := range 7 {
		ana.does(`{"type":"subscribe","id":1,"channel":"%s:%d"}`, prefix, i)
	}
	bob.does(`{"type":"subscribe","id":1,"channel":"%s:3"}`, prefix)
	theirs.does(`{"type":"subscribe","id":1,"channel":"%s:secret"}`, prefix)
	type listed struct {
		Channels []entry
		Next     string
	}
	list := func(query string) (l listed) {
		t.Helper()
		if a := g.manage(t, token, http.MethodGet, "/v1/channels?prefix="+prefix+query); a.into(&l) != nil || a.status != http.StatusOK || l.Channels == nil {
			t.Fatalf("%s: got %d %s, want 200", query, a.status, a.body)
		}
		return l
	}
	got, cursor, pages := "", "", 0
	for {
		l := list("&limit=3&cursor=" + cursor)
		for _, c := range l.Channels {
			got += strings.TrimPrefix(c["channel"].(string), prefix) + "=" + fmt.Sprint(c["subscriptions"]) + " "
		}
		if pages++; l.Next == "" {
			break
		}
		cursor = l.Next
	}
	if want := ":0=1 :1=1 :2=1 :3=2 :4=1 :5=1 :6=1 "; got != want || pages != 3 {
		t.Errorf("got %s on %d pages, want %s", got, pages, want)
	}
	said := g.taken(t, g.publication(acme.service(roles("member")), prefix+":3", `{"data":1}`))
	var one entry
	if a := g.manage(t, token, http.MethodGet, "/v1/channels/"+prefix+":3"); a.into(&one) != nil || one["subscriptions"] != 2.0 || one["offset"] != said["offset"] || one["epoch"] != said["epoch"] {
		t.Errorf("got %d %s, want two subscriptions at %v", a.status, a.body, said)
	}
	if a := g.manage(t, token, http.MethodGet, "/v1/channels/"+prefix+":secret"); a.into(&one) != nil || one["subscriptions"] != 0.0 {
		t.Errorf("another tenant's: got %d %s, want none", a.status, a.body)
	}
	for i := range 7 {
		ana.does(`{"type":"unsubscribe","id":1,"channel":"%s:%d"}`, prefix, i)
	}
	if l := list(""); len(l.Channels) != 1 || l.Next != "" {
		t.Errorf("got %v, want what bob hears", l)
	}
	for _, path := range []string{"/v1/channels", "/v1/channels/room:1"} {
		g.denies(t, "api", refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}, func() *answer { return g.manage(t, acme.token("ana", roles("member")), http.MethodGet, path) })
	}
	g.manage(t, token, http.MethodGet, "/v1/channels/room:*").wants(t, 400, "bad_channel")
	for _, query := range []string{"?limit=0", "?limit=x", "?prefix=a&prefix=b"} {
		g.manage(t, token, http.MethodGet, "/v1/channels"+query).wants(t, 400, "bad_request")
	}
	g.manage(t, token, http.MethodGet, "/v1/channels?tenant=globex").wants(t, 400, "bad_handshake")
}
