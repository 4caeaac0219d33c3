package blackbox_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// withHistory is a gateway whose tenants' rooms keep a history.
func withHistory(t *testing.T) *gateway {
	return share(t, "history", options{acme: keepingRooms, globex: keepingRooms})
}

var keepingRooms = tenantOptions{
	limits: noRates,
	more:   "channels:\n- { match: \"room:short:*\", history: { messages: 3 } }\n- { match: \"room:brief:*\", history: { messages: 100, ttl: 1s } }\n- { match: \"room:kept:**\", history: { messages: 1000, ttl: 10m } }\n",
	rules: `
- { name: readers read, allow: [history], channels: ["room:**"], for: { roles: [member] } }
- { name: newcomers do not, deny: [history], channels: ["room:**"], for: { roles: [newcomer] } }
- { name: guests hear, allow: [subscribe], channels: ["room:**"], for: { roles: [guest] } }
`,
}

// at writes the position of an answer.
func at(e entry) string { return fmt.Sprintf(`{"offset":%.0f,"epoch":%q}`, e["offset"], e["epoch"]) }

// tells publishes each of data, and returns the answers.
func (c *conn) tells(t *testing.T, channel string, data ...any) (all []entry) {
	t.Helper()
	for _, d := range data {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.does(`{"type":"publish","id":1,"channel":%q,"data":%s}`, channel, text))
	}
	return all
}

// nextHears wants messages of this data to be the next that come, and returns them.
func (c *conn) nextHears(t *testing.T, data ...any) (all []entry) {
	t.Helper()
	for _, want := range data {
		got := c.hear()
		if got["type"] != "message" || fmt.Sprint(got["data"]) != fmt.Sprint(want) {
			t.Fatalf("got %v, want the message %v", got, want)
		}
		all = append(all, got)
	}
	return all
}

func TestAClientThatWasAwayContinuesWhereItWas(t *testing.T) {
	g := withHistory(t)
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("guest")))
	const room = "room:kept:away"
	begun := bob.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	if _, there := begun["recovered"]; there || begun["epoch"] == "" || begun["offset"] == nil {
		t.Errorf("got %v, want a position and nothing about a recovery", begun)
	}
	ana.tells(t, room, "a", "b")
	heard := bob.nextHears(t, "a", "b")
	if heard[1]["previous"] != heard[0]["offset"] || heard[0]["offset"].(float64) <= begun["offset"].(float64) {
		t.Errorf("got %v and %v behind %v, want offsets that grow and name the one before", heard[0], heard[1], begun)
	}
	bob.Close()
	sent := ana.tells(t, room, "c", "d", map[string]int{"n": 5})
	recovered, replayed := g.mark(t, "portcullis_recoveries_total", "result", "recovered"), g.mark(t, "portcullis_recovered_messages_sum")
	again := g.dial(t, acme.token("bob", roles("guest")))
	got := again.does(`{"type":"subscribe","id":2,"channel":%q,"since":{"offset":%.0f,"epoch":%q}}`, room, heard[1]["offset"], begun["epoch"])
	if got["recovered"] != true || got["replayed"] != 3.0 || got["offset"] != sent[2]["offset"] {
		t.Errorf("got %v, want 3 replayed up to %v", got, sent[2])
	}
	recovered.moved(t, 1)
	replayed.moved(t, 3)
	again.nextHears(t, "c", "d", map[string]any{"n": 5})
	ana.tells(t, room, "e")
	again.nextHears(t, "e")
	again.silent(0)
}

// Whoever cannot continue is told why, and hears what comes.
func TestWhoeverCannotContinueIsToldWhy(t *testing.T) {
	g := withHistory(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	const room = "room:short:trimmed"
	sent := ana.tells(t, room, 1, 2, 3, 4, 5)
	newest := sent[4]
	counted := make(map[string]mark)
	for _, why := range []string{"recovered", "trimmed", "epoch", "limit", "no_history"} {
		counted[why] = g.mark(t, "portcullis_recoveries_total", "result", why)
	}
	for name, tt := range map[string]struct{ since, reason string }{
		"trimmed":                {at(sent[0]), "trimmed"},
		"the beginning":          {fmt.Sprintf(`{"offset":0,"epoch":%q}`, newest["epoch"]), "trimmed"},
		"a foreign epoch":        {fmt.Sprintf(`{"offset":%.0f,"epoch":"x7"}`, newest["offset"]), "epoch"},
		"no epoch":               {fmt.Sprintf(`{"offset":%.0f,"epoch":""}`, newest["offset"]), "epoch"},
		"the future":             {fmt.Sprintf(`{"offset":%.0f,"epoch":%q}`, newest["offset"].(float64)+1e6, newest["epoch"]), "epoch"},
		"the end of all numbers": {fmt.Sprintf(`{"offset":18446744073709551615,"epoch":%q}`, newest["epoch"]), "epoch"},
	} {
		c := g.dial(t, acme.token("bob", roles("guest")))
		if e := c.mayNot("unrecoverable", `{"type":"subscribe","id":1,"channel":%q,"since":%s,"strict":true}`, room, tt.since); !strings.Contains(e["message"].(string), tt.reason) {
			t.Errorf("%s, strictly: got %v, want the reason %s", name, e, tt.reason)
		}
		got := c.does(`{"type":"subscribe","id":2,"channel":%q,"since":%s}`, room, tt.since)
		if got["recovered"] != false || got["reason"] != tt.reason || got["offset"] != newest["offset"] || got["epoch"] != newest["epoch"] || got["replayed"] != nil {
			t.Errorf("%s: got %v, want the reason %s and the present", name, got, tt.reason)
		}
		c.silent(0)
		c.Close()
	}
	limit := "room:kept:limit"
	first := ana.tells(t, limit, 0)[0]
	for range 501 {
		ana.say(`{"type":"publish","channel":%q,"data":1}`, limit)
	}
	ana.does(`{"type":"ping","id":9}`)
	c := g.dial(t, acme.token("bob", roles("guest")))
	if got := c.does(`{"type":"subscribe","id":3,"channel":%q,"since":%s}`, limit, at(first)); got["recovered"] != false || got["reason"] != "limit" {
		t.Errorf("501 were missed: got %v, want the reason limit", got)
	}
	c.silent(0)
	newcomer := g.dial(t, acme.token("new", roles("guest", "newcomer")))
	if got := newcomer.does(`{"type":"subscribe","id":4,"channel":%q,"since":%s}`, room, at(sent[3])); got["recovered"] != false || got["reason"] != "no_history" || got["epoch"] != newest["epoch"] {
		t.Errorf("where a rule denies history: got %v, want the reason no_history", got)
	}
	newcomer.silent(0)
	newcomer.mayNot("unrecoverable", `{"type":"subscribe","id":5,"channel":"room:short:other","since":%s,"strict":true}`, at(sent[3]))
	for why, times := range map[string]float64{"recovered": 0, "trimmed": 4, "epoch": 8, "limit": 1, "no_history": 2} { // strictly and not
		counted[why].moved(t, times)
	}
}

// What is older than the channel's ttl is not there any more, for whoever reads and for whoever continues.
func TestWhatIsTooOldIsNotKept(t *testing.T) {
	g := withHistory(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	const brief, kept = "room:brief:1", "room:kept:brief"
	before := ana.does(`{"type":"history","id":1,"channel":%q}`, brief)
	said := time.Now()
	last := ana.tells(t, brief, 1, 2)[1]
	ana.tells(t, kept, 1, 2)
	for end := said.Add(patience); len(ana.does(`{"type":"history","id":2,"channel":%q}`, brief)["messages"].([]any)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is there still, and should be for a second")
		}
	}
	if took := time.Since(said); took < time.Second {
		t.Errorf("it was there for %v, want a second", took)
	}
	if page := ana.does(`{"type":"history","id":3,"channel":%q}`, kept); len(page["messages"].([]any)) != 2 {
		t.Errorf("got %v, want what another channel keeps for longer", page)
	}
	if got := ana.does(`{"type":"subscribe","id":4,"channel":%q,"since":%s}`, brief, at(before)); got["recovered"] != false || got["reason"] != "trimmed" {
		t.Errorf("from before: got %v, want trimmed", got)
	}
	bob := g.dial(t, acme.token("bob", roles("guest")))
	if got := bob.does(`{"type":"subscribe","id":5,"channel":%q,"since":%s}`, brief, at(last)); got["recovered"] != true || got["replayed"] != 0.0 {
		t.Errorf("who has the last: got %v, want that nothing is missing", got)
	}
}

func TestHistoryIsReadPageByPage(t *testing.T) {
	g := withHistory(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	const room = "room:kept:pages"
	var want []string
	for i := range 25 {
		ana.tells(t, room, i)
		want = append(want, fmt.Sprint(i))
	}
	read := func(more string) (all []string, pages int) {
		for since := ""; ; pages++ {
			e := ana.does(`{"type":"history","id":7,"channel":%q,"limit":10%s%s}`, room, since, more)
			for _, m := range e["messages"].([]any) {
				m := entry(m.(map[string]any))
				if m["from"] == nil || m["offset"] == nil || m["time"] == nil || m["type"] != nil || m["channel"] != nil {
					t.Fatalf("got %v in a page, want what a message says", m)
				}
				all = append(all, fmt.Sprint(m["data"]))
			}
			if since != "" && e["recovered"] != true {
				t.Fatalf("got %v, want that it goes on", e)
			}
			if e["more"] != true {
				return all, pages + 1
			}
			since = `,"since":` + at(e)
		}
	}
	if got, pages := read(""); fmt.Sprint(got) != fmt.Sprint(want) || pages != 3 {
		t.Errorf("got %v in %d pages, want %v in 3", got, pages, want)
	}
	backwards := make([]string, len(want))
	for i, w := range want {
		backwards[len(want)-1-i] = w
	}
	if got, pages := read(`,"reverse":true`); fmt.Sprint(got) != fmt.Sprint(backwards) || pages != 3 {
		t.Errorf("backwards: got %v in %d pages, want %v in 3", got, pages, backwards)
	}
	// A client that reads everything and then subscribes where that ends misses nothing.
	pages, messages := g.mark(t, "portcullis_history_messages_count"), g.mark(t, "portcullis_history_messages_sum")
	end := ana.does(`{"type":"history","id":7,"channel":%q,"limit":99999999}`, room)
	pages.moved(t, 1)
	messages.moved(t, 25)
	if got := ana.does(`{"type":"subscribe","id":8,"channel":%q,"since":%s}`, room, at(end)); got["recovered"] != true || got["replayed"] != 0.0 {
		t.Errorf("got %v, want that nothing was missed", got)
	}
	for _, bad := range []string{`"limit":0`, `"limit":-1`, `"limit":1.5`, `"limit":"10"`, `"limit":null`, `"since":5`, `"since":{"offset":-1,"epoch":"x"}`, `"reverse":1`, `"strict":"yes"`} {
		ana.mayNot("bad_request", `{"type":"history","id":9,"channel":%q,%s}`, room, bad)
	}
	for name, since := range map[string]string{
		"a foreign epoch": `{"offset":1,"epoch":"x7"}`, "the future": fmt.Sprintf(`{"offset":%.0f,"epoch":%q}`, end["offset"].(float64)+1e6, end["epoch"]),
		"the end of all numbers": fmt.Sprintf(`{"offset":18446744073709551615,"epoch":%q}`, end["epoch"]),
	} {
		for _, more := range []string{"", `,"reverse":true`} {
			if got := ana.does(`{"type":"history","id":11,"channel":%q,"since":%s%s}`, room, since, more); got["recovered"] != false || got["reason"] != "epoch" || len(got["messages"].([]any)) != 25 {
				t.Errorf("%s%s: got %v, want all that there is, and that it does not go on", name, more, got)
			}
			ana.mayNot("unrecoverable", `{"type":"history","id":10,"channel":%q,"since":%s,"strict":true%s}`, room, since, more)
		}
	}
	ana.mayNot("not_available", `{"type":"history","id":12,"channel":"room:plain"}`)
	ana.mayNot("forbidden", `{"type":"history","id":13,"channel":"ops:x"}`)
	g.dial(t, acme.token("bob", roles("guest"))).mayNot("forbidden", `{"type":"history","id":14,"channel":%q}`, room)
	if got := g.dial(t, globex.token("ana", roles("member"))).does(`{"type":"history","id":15,"channel":%q}`, room); len(got["messages"].([]any)) != 0 {
		t.Errorf("the other tenant's channel of that name has %v", got)
	}
	// What does not fit into half of an outbox comes in more pages.
	big := strings.Repeat("x", 60<<10)
	for range 12 {
		ana.does(`{"type":"publish","id":16,"channel":"room:kept:big","data":%q}`, big)
	}
	if got := ana.does(`{"type":"history","id":17,"channel":"room:kept:big"}`); got["more"] != true || len(got["messages"].([]any)) != 8 {
		t.Errorf("12 messages of 60 KiB: got %d and more %v, want 8, and more", len(got["messages"].([]any)), got["more"])
	}
}

func TestARepeatedPublicationIsPublishedOnce(t *testing.T) {
	g := withHistory(t)
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member")))
	const room = "room:kept:once"
	bob.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	publish := func(c *conn, room, key, payload string) entry {
		return c.ask(`{"type":"publish","id":2,"channel":%q,"idempotency_key":%q,%s}`, room, key, payload)
	}
	first := publish(ana, room, "k1", `"data":"a"`)
	again := publish(ana, room, "k1", `"data":"a"`)
	elsewhere := publish(g.dial(t, acme.token("ana", roles("member"))), room, "k1", `"data":"a"`) // another connection of the same user
	for _, e := range []entry{again, elsewhere} {
		if e["duplicate"] != true || e["offset"] != first["offset"] || e["epoch"] != first["epoch"] || first["duplicate"] != nil {
			t.Errorf("got %v after %v, want a duplicate of the same place", e, first)
		}
	}
	for name, payload := range map[string]string{"other data": `"data":"b"`, "other spelling": `"data": "\u0061"`, "bytes": `"base64":"ImEi"`} {
		if e := publish(ana, room, "k1", payload); e["code"] != "conflict" {
			t.Errorf("%s with the same key: got %v, want conflict", name, e)
		}
	}
	for name, e := range map[string]entry{
		"another key":          publish(ana, room, "k2", `"data":"b"`),
		"another user's key":   publish(bob, room, "k1", `"data":"c"`),
		"another channel":      publish(ana, "room:kept:once:2", "k1", `"data":"x"`),
		"the longest key":      publish(ana, "room:kept:once:2", strings.Repeat("k", 64), `"data":"x"`),
		"another tenant's key": publish(g.dial(t, globex.token("ana", roles("member"))), room, "k1", `"data":"theirs"`),
	} {
		if e["type"] != "ok" || e["duplicate"] != nil {
			t.Errorf("%s: got %v, want a publication", name, e)
		}
	}
	if got := bob.hear(); got["data"] != "a" {
		t.Errorf("got %v, want a", got)
	}
	both := fmt.Sprint(bob.hear()["data"], bob.hear()["data"])
	if both != "bc" && both != "cb" && both != "b c" && both != "c b" {
		t.Errorf("got %s, want b and c", both)
	}
	bob.silent(0)
	ana.mayNot("not_available", `{"type":"publish","id":3,"channel":"room:plain","data":1,"idempotency_key":"k"}`)
	for _, key := range []string{`""`, `17`, `null`, `"` + strings.Repeat("k", 65) + `"`} {
		ana.mayNot("bad_request", `{"type":"publish","id":4,"channel":%q,"data":1,"idempotency_key":%s}`, room, key)
	}
}

func TestBytesTravelAsBytes(t *testing.T) {
	g := withHistory(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	for _, room := range []string{"room:plain:bytes", "room:kept:bytes"} {
		ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
		ana.does(`{"type":"publish","id":2,"channel":%q,"base64":"AAEC/w=="}`, room)
		if got := ana.hear(); got["base64"] != "AAEC/w==" || got["data"] != nil {
			t.Errorf("got %v, want the bytes", got)
		}
		for _, bad := range []string{`"base64":"AAEC/w"`, `"base64":"AAEC_w=="`, `"base64":"AAEC/x=="`, `"base64":"AA EC/w=="`, `"base64":"AAEC\n/w=="`, `"base64":1`, `"base64":null`, `"base64":"AA==","data":1`} {
			ana.mayNot("bad_request", `{"type":"publish","id":3,"channel":%q,%s}`, room, bad)
		}
		ana.silent(0)
	}
	if got := ana.does(`{"type":"history","id":4,"channel":"room:kept:bytes"}`)["messages"].([]any)[0].(map[string]any); got["base64"] != "AAEC/w==" {
		t.Errorf("got %v in the history, want the bytes", got)
	}
}

// What a connection says itself it need not hear; its other connections do.
func TestWithoutOnesOwnMessages(t *testing.T) {
	g := withHistory(t)
	for _, room := range []string{"room:plain:own", "room:kept:own"} {
		ana, other := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("ana", roles("member")))
		ana.does(`{"type":"subscribe","id":1,"channel":%q,"self":false}`, room)
		other.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
		ana.tells(t, room, 1, 2)
		other.tells(t, room, 3)
		ana.tells(t, room, 4)
		other.nextHears(t, 1, 2, 3, 4)
		ana.nextHears(t, 3)
		ana.silent(0)
	}
}

// Several requests in one frame are several requests, whatever they ask for.
func TestAFrameOfManyRequests(t *testing.T) {
	g := withHistory(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	const room = "room:kept:frame"
	ana.say(`{"type":"subscribe","id":1,"channel":%[1]q,"self":false}
{"type":"publish","id":2,"channel":%[1]q,"data":1,"idempotency_key":"k"}
{"type":"publish","id":3,"channel":%[1]q,"data":1,"idempotency_key":"k"}
{"type":"publish","id":4,"channel":%[1]q,"data":2,"idempotency_key":"k"}
{"type":"history","id":5,"channel":%[1]q}
{"type":"unsubscribe","id":6,"channel":%[1]q}
{"type":"subscribe","id":6,"channel":%[1]q,"since":{"offset":0,"epoch":"x"}}`, room)
	for i, want := range []string{"1 ok <nil>", "2 ok <nil>", "3 ok true", "4 error <nil>", "5 ok <nil>", "6 ok <nil>", "6 ok <nil>"} { // an id that is used twice is answered twice
		e := ana.hear()
		if got := fmt.Sprint(e["id"], e["type"], e["duplicate"]); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("answer %d: got %v, want %s", i+1, e, want)
		}
	}
}

// Requests that are sent by the ten thousand are answered in their order, each once.
func TestTenThousandRequestsAreAnsweredInOrder(t *testing.T) {
	const requests, atOnce = 10_000, 500
	g := withHistory(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.does(`{"type":"publish","id":1,"channel":"room:short:many","data":1}`)
	done := make(chan error, 1)
	go func() {
		for from := 0; from < requests; from += atOnce {
			var frame strings.Builder
			for i := from + 1; i <= from+atOnce; i++ {
				switch i % 4 {
				case 0:
					fmt.Fprintf(&frame, "{\"type\":\"history\",\"id\":%d,\"channel\":\"room:short:many\"}\n", i)
				case 1:
					fmt.Fprintf(&frame, "{\"type\":\"subscribe\",\"id\":%d,\"channel\":\"room:short:%d\",\"since\":{\"offset\":1,\"epoch\":\"x\"}}\n", i, i)
				case 2:
					fmt.Fprintf(&frame, "{\"type\":\"unsubscribe\",\"id\":%d,\"channel\":\"room:short:%d\"}\n", i, i-1)
				case 3:
					fmt.Fprintf(&frame, "{\"type\":\"publish\",\"id\":%d,\"channel\":\"room:short:many\",\"base64\":\"AA==\"}\n", i)
				}
			}
			if err := ana.put(text(frame.String())); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := 1; i <= requests; i++ {
		if e := ana.hear(); e["id"] != float64(i) || e["type"] != "ok" {
			t.Fatalf("answer %d: got %v", i, e)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// What nobody may say for others, and where nobody may speak.
func TestNobodyForgesASender(t *testing.T) {
	g := withHistory(t)
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member")))
	const room = "room:kept:forged"
	bob.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	ana.does(`{"type":"publish","id":2,"channel":%q,"data":1,"from":{"user":"root","connection":"c_1"},"offset":1,"previous":7,"epoch":"x","time":1}`, room)
	got := bob.hear()
	from := got["from"].(map[string]any)
	if from["user"] != "ana" || from["connection"] != ana.id() || got["previous"] != 0.0 || got["time"].(float64) < 1e12 {
		t.Errorf("got %v, want what the gateway knows", got)
	}
	for _, name := range []string{"$control", "$", "room:$x", "", ":", "room:*", "**"} {
		for _, request := range []string{`{"type":"publish","id":3,"channel":%q,"data":1}`, `{"type":"history","id":3,"channel":%q}`, `{"type":"subscribe","id":3,"channel":%q,"since":{"offset":0,"epoch":"x"}}`} {
			ana.mayNot("bad_channel", request, name)
		}
	}
}

// A changed setting counts from the next publication on, for those who are connected.
func TestAChangedHistoryCountsAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: keepingRooms})
	ana := g.dial(t, acme.token("ana", roles("member")))
	const room = "room:now"
	ana.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	if e := ana.tells(t, room, 1)[0]; e["offset"] != nil {
		t.Errorf("got %v, want no offset", e)
	}
	ana.nextHears(t, 1)
	g.edit(t, "tenants/acme.yaml", `- { match: "room:short:*"`, "- { match: \"room:now\", history: { messages: 10 } }\n- { match: \"room:short:*\"")
	g.reload(t, "applied")
	e := ana.tells(t, room, 2)[0]
	if got := ana.nextHears(t, 2)[0]; e["offset"] == nil || got["offset"] != e["offset"] {
		t.Errorf("got %v and %v, want one offset", e, got)
	}
	if page := ana.does(`{"type":"history","id":3,"channel":%q}`, room); len(page["messages"].([]any)) != 1 {
		t.Errorf("got %v, want what was said since", page)
	}
}
