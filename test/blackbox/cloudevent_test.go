package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const oneEvent, manyEvents = "application/cloudevents+json", "application/cloudevents-batch+json"

// event is a CloudEvent as one JSON object, with more members behind the usual ones.
func event(id, channel, more string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/orders","type":"order.paid","subject":%q,"tenant":"globex","time":"2026-11-26T17:04:05Z"%s}`, id, channel, more)
}

// headed is a CloudEvent whose attributes are headers.
func headed(id, channel string, more ...string) []string {
	return append([]string{"ce-specversion: 1.0", "ce-id: " + id, "ce-source: /orders", "ce-type: order.paid", "ce-subject: " + channel, "ce-tenant: globex"}, more...)
}

// An event is said on the channel that is its subject, in each way in which HTTP carries it, and once: the same source and id are a repetition.
func TestCloudEvents(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	ana, theirs := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("ana", roles("member")))
	for _, c := range []*conn{ana, theirs} {
		c.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	}
	post := func(media, body string, headers ...string) string {
		return g.post("/v1/events", media, body, append(headers, bearer(token))...)
	}
	first := g.taken(t, post(oneEvent+"; charset=UTF-8", event("1", room, `,"data":{"a":"é"},"datacontenttype":"application/json"`)))
	for _, tt := range []struct{ raw, want string }{
		{"", `"from":{"user":"svc-billing"},"data":{"a":"é"}}`},
		{post(oneEvent, event("2", room, `,"data_base64":"AAH/"`)), `"base64":"AAH/"}`},
		{post(oneEvent, event("3", room, ``)), `"data":null}`},
		{post("application/json", `{"b":1}`, headed("4", room)...), `"data":{"b":1}}`},
		{post("application/vnd.order+json", `{"b":2}`, headed("5", room)...), `"data":{"b":2}}`},
		{post("text/plain", "hi", headed("6", room)...), `"base64":"aGk="}`},
		{post("", "", headed("7", strings.ReplaceAll(room, ":", "%3A"))...), `"data":null}`},
		{post("application/json", `8`, headed("8", `"`+room+`"`)...), `"data":8}`},
	} {
		if tt.raw != "" {
			if e := g.taken(t, tt.raw); e["duplicate"] != nil || e["channel"] != room {
				t.Errorf("%s: got %v", tt.want, e)
			}
		}
		if got := ana.verbatim(); !strings.HasSuffix(got, tt.want) {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	for _, raw := range []string{post(oneEvent, event("1", room, `,"data":{"a":"é"}`)), post("application/json", ` {"a": "é"}`, headed("1", room)...)} {
		if e := g.taken(t, raw); e["duplicate"] != true || e["offset"] != first["offset"] {
			t.Errorf("got %v, want a duplicate of %v", e, first)
		}
	}
	g.asks(t, post(oneEvent, event("1", room, `,"data":2`))).wants(t, 409, "conflict")
	if e := g.taken(t, post(oneEvent, strings.Replace(event("1", room, `,"data":9`), "/orders", "/others", 1))); e["duplicate"] != nil {
		t.Errorf("of another source: got %v", e)
	}
	for range 2 { // a channel that keeps nothing knows no repetition
		if e := g.taken(t, post(oneEvent, event("1", "room:plain", `,"data":1`))); e["duplicate"] != nil {
			t.Errorf("got %v", e)
		}
	}
	theirs.lives(t)
}

// Each event of a batch has a result of its own; an empty one is a batch too.
func TestABatchOfCloudEvents(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	batch := func(events ...string) *answer {
		return g.asks(t, g.post("/v1/events", manyEvents, "["+strings.Join(events, ",")+"]", bearer(token)))
	}
	a := batch(event("1", room, `,"data":1`), event("1", room, `,"data":1`), event("1", room, `,"data":2`), event("2", "ops:x", ``), `{}`, `7`, event("3", "room:1", `,"data":"`+strings.Repeat("x", 64<<10)+`"`), event("4", room, ``))
	var said struct{ Results []entry }
	if err := a.into(&said); err != nil || a.status != http.StatusOK || len(said.Results) != 8 {
		t.Fatalf("got %d %s, want 200 and 8 results", a.status, a.body)
	}
	for i, want := range []string{"", "", "conflict", "forbidden", "bad_request", "bad_request", "too_large", ""} {
		code := ""
		if p, is := said.Results[i]["problem"].(map[string]any); is {
			code = p["code"].(string)
		}
		if code != want || (said.Results[i]["duplicate"] == true) != (i == 1) {
			t.Errorf("result %d: got %v, want %q", i, said.Results[i], want)
		}
	}
	if a := batch(); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"results":[]}` {
		t.Errorf("an empty batch: got %d %s", a.status, a.body)
	}
	for _, body := range []string{``, `null`, `{}`, event("1", room, ``), `[` + strings.TrimSuffix(strings.Repeat(`{},`, 101), ",") + `]`} {
		g.asks(t, g.post("/v1/events", manyEvents, body, bearer(token))).wants(t, 400, "bad_request")
	}
}

// What is no event, or two, is refused; and an event gives no right.
func TestCloudEventsThatAreNone(t *testing.T) {
	g := spoken(t)
	token, room := acme.service(roles("member")), "room:kept:"+someone("")
	post := func(media, body string, headers ...string) *answer {
		return g.asks(t, g.post("/v1/events", media, body, append(headers, bearer(token))...))
	}
	good := event("1", room, `,"data":1`)
	for _, body := range []string{
		``, `[]`, `null`, `{}`, good + good, strings.Replace(good, `"1.0"`, `"0.3"`, 1), strings.Replace(good, `"1.0"`, `1.0`, 1), strings.Replace(good, `"id":"1"`, `"id":""`, 1), strings.Replace(good, `"id":"1"`, `"id":1`, 1),
		strings.Replace(good, `"subject"`, `"subjekt"`, 1), strings.Replace(good, `"source"`, `"src"`, 1), strings.Replace(good, `"type"`, `"kind"`, 1), strings.Replace(good, `"id":"1"`, `"id":"1","id":"2"`, 1),
		strings.Replace(good, `"id":"1"`, `"id":"1","Id":"2"`, 1), strings.Replace(good, `"id":"1"`, `"id":"1\n"`, 1), event("1", room, `,"data":1,"data_base64":"AA=="`), event("1", room, `,"data_base64":"AA"`), event("1", room, `,"data_base64":null`),
	} {
		a := post(oneEvent, body)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%s: got %d %s, want 400 bad_request", body, a.status, a.body)
		}
	}
	for i, headers := range [][]string{headed("1", room)[1:], headed("", room), headed("1", ""), headed("1", room, "ce-id: 2"), headed("1%0A", room), headed("1", room+"%zz"), headed("%FF", room)} {
		a := post("application/json", `1`, headers...)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("headers %d: got %d %s, want 400 bad_request", i, a.status, a.body)
		}
	}
	post("application/json", `{"a":`, headed("1", room)...).wants(t, 400, "bad_request")
	post("", `{}`, headed("1", room)...).wants(t, 400, "bad_request")
	post(oneEvent+"; charset=utf-16", good).wants(t, 415, "bad_request")
	post("application/json; charset=utf-16", "1", headed("1", room)...).wants(t, 415, "bad_request")
	post(manyEvents+"; charset=iso-8859-1", "["+good+"]").wants(t, 415, "bad_request")
	for media, body := range map[string]string{oneEvent: good, manyEvents: "[" + good + "]"} {
		a := post(media, body, "Idempotency-Key: k1")
		if a.wants(t, 400, "bad_request"); !strings.Contains(a.body, "known by its source and id") {
			t.Errorf("%s: got %s, want what its key is", media, a.body)
		}
	}
	post(oneEvent, good, "Content-Encoding: gzip").wants(t, 415, "bad_request")
	post(oneEvent, good, "Content-Type: application/json").wants(t, 415, "bad_request")
	post("application/json", `1`, headed("1", "room:%2A")...).wants(t, 400, "bad_channel")
	post("application/json", `1`, headed("1", "ops:x")...).wants(t, 403, "forbidden")
	post("text/plain", strings.Repeat("x", 64<<10+1), headed("1", room)...).wants(t, 413, "too_large")
	g.asks(t, g.post("/v1/events", oneEvent, good, bearer(acme.token("eve")))).wants(t, 403, "forbidden")
	g.denies(t, "api", refusal{http.StatusUnauthorized, "unauthorized", "missing_credentials"}, func() *answer { return g.asks(t, g.post("/v1/events", oneEvent, good)) })
	if p := g.reads(t, token, room, ""); len(p.Messages) != 0 {
		t.Errorf("something was said: %v", p.Messages)
	}
}
