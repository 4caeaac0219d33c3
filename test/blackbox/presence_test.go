package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth/authtest"
)

// guests is an issuer whose tokens say something of their users that others may see. They stand behind "guest|".
var guests = authtest.New("https://id.guests.example")

const (
	seers  = "- { name: members see who is there, allow: [presence], channels: [\"room:*\", \"hall:*\", \"user:*:inbox\"], for: { roles: [member] } }\n"
	halls  = "- { name: everybody in the halls, allow: [subscribe, publish], channels: [\"hall:*\"] }\n"
	places = "channels:\n  - { match: \"room:*\", presence: true }\n  - { match: \"hall:*\", presence: true, presence_members: 10 }\n"
)

// attended is a gateway whose rooms know who is there.
func attended(t *testing.T) *gateway {
	t.Helper()
	o := tenantOptions{rules: seers + halls, more: places, limits: noRates}
	withGuests := o
	withGuests.issuers = fmt.Sprintf("- { issuer: %q, audience: portcullis-acme, jwks_file: guests-jwks.json, leeway: 1s, prefix: \"guest|\", presence_claim: /profile/public }", guests.URL)
	return start(t, options{acme: withGuests, globex: o, files: map[string][]byte{"guests-jwks.json": guests.JWKS()}})
}

// guest is a token of somebody of whom others see this.
func guest(name string, public any) string {
	return acme.tokenOf(guests, name, roles("member"), claims{"profile": claims{"public": public, "mail": "private@example.com"}})
}

// says wants the next message to be this text.
func (c *conn) says(want string) {
	c.t.Helper()
	if got := c.verbatim(); got != want {
		c.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// told is what is told of somebody.
func told(kind, channel, user string, of *conn, info string) string {
	return fmt.Sprintf(`{"type":%q,"channel":%q,"member":{"user":%q,"connection":%q%s}}`, kind, channel, user, of.welcome["connection"], info)
}

// members returns who is in the answer to presence, by connection.
func (c *conn) members(channel string) map[string]string {
	c.t.Helper()
	e := c.does(`{"type":"presence","id":900,"channel":%q}`, channel)
	found := make(map[string]string)
	list, _ := e["members"].([]any)
	for _, m := range list {
		found[m.(map[string]any)["connection"].(string)] = m.(map[string]any)["user"].(string)
	}
	if e["count"] != float64(len(found)) {
		c.t.Errorf("got %v, want as many members as are counted", e)
	}
	return found
}

// ana is in the room and hears who comes and goes; carol is in a room of the same name, of another tenant.
func TestWhoIsInTheRoom(t *testing.T) {
	t.Parallel()
	g := attended(t)
	carol := g.dial(t, globex.token("carol", roles("member")))
	carol.does(`{"type":"subscribe","id":1,"channel":"room:1","join_leave":true}`)
	carol.says(told("join", "room:1", "carol", carol, ""))

	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.say(`{"type":"presence","id":1,"channel":"room:1"}`)
	ana.says(`{"type":"ok","id":1,"channel":"room:1","count":0,"members":[]}`)
	ana.say(`{"type":"subscribe","id":2,"channel":"room:1","join_leave":true}`)
	ana.says(`{"type":"ok","id":2,"channel":"room:1"}`)
	ana.says(told("join", "room:1", "ana", ana, ""))

	public := claims{"name": "B\x00\x1b[2J<b>\u2028"}
	bob := g.dial(t, guest("bob", public))
	bob.does(`{"type":"subscribe","id":1,"channel":"room:1","info":{"admin":true},"user":"root","member":{"user":"root"}}`)
	heard := ana.hear()
	if m, _ := heard["member"].(map[string]any); heard["type"] != "join" || m["user"] != "guest|bob" || m["connection"] != bob.id() ||
		fmt.Sprint(m["info"]) != fmt.Sprint(map[string]any(public)) || len(m) != 3 {
		t.Errorf("got %q, want a join of guest|bob with what his token shows, and nothing of what he asked for", heard)
	}
	again := g.dial(t, guest("bob", strings.Repeat("x", 600))) // too much to be shown
	again.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	ana.say(`{"type":"publish","id":3,"channel":"room:1","data":"here"}`)
	if e := ana.hear(); e["type"] != "ok" && e["type"] != "message" {
		t.Errorf("got %v: the second connection of a user is told of", e)
	}
	ana.hear()
	if got, want := fmt.Sprint(ana.members("room:1")), fmt.Sprint(map[string]string{ana.id(): "ana", bob.id(): "guest|bob", again.id(): "guest|bob"}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := carol.members("room:1"); len(got) != 1 || got[carol.id()] != "carol" {
		t.Errorf("globex's room has %v, want carol alone", got)
	}
	if n := g.metric(t, "portcullis_presence_members"); n != 4 {
		t.Errorf("%v members are counted, want 4", n)
	}

	bob.Close()
	again.does(`{"type":"unsubscribe","id":2,"channel":"room:1"}`)
	left := time.Now()
	if e := ana.hear(); e["type"] != "leave" || e["member"].(map[string]any)["user"] != "guest|bob" {
		t.Errorf("got %v, want to hear that guest|bob leaves", e)
	}
	if d := time.Since(left); d < 4*time.Second {
		t.Errorf("the leave came after %v, want a while to reconnect", d)
	}
	if got := ana.members("room:1"); len(got) != 1 || got[ana.id()] != "ana" {
		t.Errorf("got %v, want ana alone", got)
	}
	g.until(t, 4, "portcullis_presence_joins_total") // with carol's
	g.until(t, 2, "portcullis_presence_leaves_total")
	carol.silent(0)
}

// bob connects and disconnects a hundred times. Nobody hears more of it than that he came.
func TestAFlappingClient(t *testing.T) {
	t.Parallel()
	g := attended(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.does(`{"type":"subscribe","id":1,"channel":"room:1","join_leave":true}`)
	ana.says(told("join", "room:1", "ana", ana, ""))
	bob := acme.token("bob", roles("member"))
	var last *conn
	for i := range 100 {
		last = g.dial(t, bob)
		last.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
		if i < 99 {
			last.Close()
		}
	}
	if e := ana.hear(); e["type"] != "join" || e["member"].(map[string]any)["user"] != "bob" {
		t.Errorf("got %v, want a join of bob", e)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // until the gateway has noticed that the others are closed
		if got := ana.members("room:1"); len(got) == 2 && got[last.id()] == "bob" {
			break
		} else if time.Now().After(end) {
			t.Fatalf("got %v, want ana and bob's last connection", got)
		}
	}
	ana.silent(6 * time.Second)
}

func TestPresenceWithoutTheRight(t *testing.T) {
	t.Parallel()
	g := attended(t)
	eve, ana := g.dial(t, acme.token("eve")), g.dial(t, acme.token("ana", roles("member")))
	for i, tt := range []struct {
		who           *conn
		code, request string
	}{
		{eve, "forbidden", `{"type":"presence","id":%d,"channel":"hall:1"}`},
		{eve, "forbidden", `{"type":"presence","id":%d,"channel":"nowhere"}`},
		{eve, "forbidden", `{"type":"subscribe","id":%d,"channel":"hall:1","join_leave":true}`},
		{eve, "not_subscribed", `{"type":"unsubscribe","id":%d,"channel":"hall:1"}`},
		{ana, "not_available", `{"type":"presence","id":%d,"channel":"user:ana:inbox"}`},
		{ana, "not_available", `{"type":"subscribe","id":%d,"channel":"user:ana:inbox","join_leave":true}`},
		{ana, "bad_channel", `{"type":"presence","id":%d,"channel":"room:*"}`},
		{ana, "bad_channel", `{"type":"presence","id":%d,"channel":"$presence"}`},
		{ana, "bad_channel", `{"type":"presence","id":%d,"channel":"globex/room:1"}`},
		{ana, "bad_channel", `{"type":"presence","id":%d,"channel":""}`},
		{ana, "bad_request", `{"type":"presence","id":%d}`},
		{ana, "bad_request", `{"type":"subscribe","id":%d,"channel":"room:1","join_leave":"yes"}`},
	} {
		tt.who.mayNot(tt.code, tt.request, i+1)
	}
	eve.does(`{"type":"subscribe","id":90,"channel":"hall:1"}`)
	if got := ana.members("hall:1"); got[eve.id()] != "eve" || len(got) != 1 {
		t.Errorf("got %v, want eve: who is there needs no right to be seen", got)
	}
}

// The rule goes while ana listens: a word says so, and no join comes behind it. Then the setting goes, and with it everybody.
func TestPresenceThatARuleTookAway(t *testing.T) {
	t.Parallel()
	g := attended(t)
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member")))
	ana.does(`{"type":"subscribe","id":1,"channel":"room:1","join_leave":true}`)
	ana.says(told("join", "room:1", "ana", ana, ""))
	g.edit(t, "tenants/acme.yaml", strings.TrimSpace(seers), `- { name: nobody sees, deny: [presence], channels: ["**"] }`)
	g.reload(t, "applied")
	ana.says(`{"type":"join_leave","channel":"room:1","told":false,"code":"forbidden","message":"presence on room:1 is not allowed any more"}`)
	ana.mayNot("forbidden", `{"type":"presence","id":2,"channel":"room:1"}`)
	bob.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	bob.does(`{"type":"publish","id":2,"channel":"room:1","data":"still heard"}`)
	ana.hearsFrom(t, "bob", "still heard")
	g.edit(t, "tenants/acme.yaml", `{ match: "room:*", presence: true }`, `{ match: "room:x", presence: true }`)
	g.reload(t, "applied")
	if n := g.metric(t, "portcullis_presence_members"); n != 0 {
		t.Errorf("%v members are counted, want none", n)
	}
	ana.silent(0)
}

// Twelve come to a hall that lists ten.
func TestACrowd(t *testing.T) {
	t.Parallel()
	g := attended(t)
	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.does(`{"type":"subscribe","id":1,"channel":"hall:1","join_leave":true}`)
	ana.hear()
	var all []*conn
	for i := range 11 {
		c := g.dial(t, acme.token(fmt.Sprint("u", i)))
		c.does(`{"type":"subscribe","id":1,"channel":"hall:1"}`)
		if i < 9 {
			ana.says(told("join", "hall:1", fmt.Sprint("u", i), c, ""))
		}
		all = append(all, c)
	}
	ana.says(`{"type":"join_leave","channel":"hall:1","told":false,"count":11}`)
	ana.say(`{"type":"presence","id":2,"channel":"hall:1"}`)
	ana.says(`{"type":"ok","id":2,"channel":"hall:1","count":12}`)
	for _, c := range all[8:] {
		c.Close()
	}
	ana.says(`{"type":"join_leave","channel":"hall:1","told":true,"count":9}`)
	if got := ana.members("hall:1"); len(got) != 9 {
		t.Errorf("got %v, want nine", got)
	}
}
