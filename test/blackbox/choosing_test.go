package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// choosing is what a tenant's file has whose users are subscribed when they connect.
const choosing = `channels:
- { match: "user:*:inbox", history: { messages: 1000 } }
- { match: "room:kept:**", history: { messages: 1000 } }
- { match: "room:attended", presence: true }
subscribe:
- { channels: ["user:{user}:inbox"] }
- { channels: ["room:kept:lobby", "room:attended"], for: { roles: [member] }, unless: { roles: [hermit] } }
- { channels: ["org:{claim.org}:news", "ops:secret"] }
`

const choosingRules = `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }
- { name: an org's news, allow: [subscribe], channels: ["org:{claim.org}:news"] }
- { name: orgs are written to, allow: [publish], channels: ["org:**"], for: { roles: [member] } }
- { name: members see who is there, allow: [presence], channels: ["room:*"], for: { roles: [member] } }
- { name: visitors hear, allow: [subscribe], channels: ["room:**"], for: { roles: [visitor] } }
`

// withChoices is a gateway whose tenants subscribe their users to the same channels.
func withChoices(t *testing.T) *gateway {
	o := tenantOptions{limits: noRates, rules: choosingRules, more: choosing}
	return share(t, "choices", options{acme: o, globex: o})
}

// given asks as a backend that a connection hears a channel.
func (g *gateway) given(token, connection, channel string) string {
	return g.post("/v1/connections/"+connection+"/subscribe", "application/json", fmt.Sprintf(`{"channel":%q}`, channel), bearer(token))
}

// chosen returns the channels in the welcome, in its order.
func (c *conn) chosen() (names []string) {
	list, _ := c.welcome["subscriptions"].([]any)
	for _, s := range list {
		names = append(names, s.(map[string]any)["channel"].(string))
	}
	return names
}

// position is where the welcome says that a channel is.
func (c *conn) position(channel string) entry {
	c.t.Helper()
	list, _ := c.welcome["subscriptions"].([]any)
	for _, s := range list {
		if e := s.(map[string]any); e["channel"] == channel {
			return e
		}
	}
	c.t.Fatalf("%v does not list %s", c.welcome, channel)
	return nil
}

// Whoever connects hears what the tenant's file says of users like it, and what the rules allow it, from the position in its welcome on.
func TestUsersAreSubscribedWhenTheyConnect(t *testing.T) {
	g := withChoices(t)
	bob := g.dial(t, acme.token(someone("bob"), roles("member", "hermit")))
	for _, tt := range []struct {
		name  string
		token string
		want  []string
	}{
		{"a member", acme.token("ana", roles("member")), []string{"user:ana:inbox", "room:kept:lobby", "room:attended"}},
		{"somebody else", acme.token("cleo"), []string{"user:cleo:inbox"}},
		{"whom the choice spares", acme.token("dan", roles("member", "hermit")), []string{"user:dan:inbox"}},
		{"of an org", acme.token("eve", claims{"org": "red"}), []string{"user:eve:inbox", "org:red:news"}},
		{"of two orgs, so that none is meant", acme.token("finn", claims{"org": []string{"red", "blue"}}), []string{"user:finn:inbox"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := g.dial(t, tt.token)
			if got := c.chosen(); !slices.Equal(got, tt.want) {
				t.Fatalf("the welcome lists %v, want %v", got, tt.want)
			}
			inbox := c.position(tt.want[0])
			for i, name := range tt.want {
				if name != "room:attended" && name != "org:red:news" {
					if p := c.position(name); p["epoch"] == nil || p["offset"] == nil {
						t.Errorf("%v has no position", p)
					}
				} else if p := c.position(name); len(p) != 1 {
					t.Errorf("got %v, want no position: it keeps nothing", p)
				}
				bob.does(`{"type":"publish","id":1,"channel":%q,"data":%d}`, name, i)
				m := c.hear()
				if m["type"] != "message" || m["channel"] != name || m["data"] != float64(i) {
					t.Fatalf("got %v, want %d on %s", m, i, name)
				}
				if i == 0 && m["offset"].(float64) <= inbox["offset"].(float64) {
					t.Errorf("the first message is at %v, want it behind %v of the welcome", m["offset"], inbox["offset"])
				}
			}
			c.mayNot("already_subscribed", `{"type":"subscribe","id":1,"channel":%q}`, tt.want[0])
		})
	}
}

// While others publish as fast as they can, the welcome is the first frame, and every message behind its position comes, once, in order.
func TestNoMessageComesBeforeTheWelcome(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: noRates, rules: choosingRules, more: choosing}})
	publisher := g.dial(t, acme.token("bob", roles("member", "hermit")))
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				if publisher.put(text(strings.Repeat(`{"type":"publish","channel":"room:kept:lobby","data":1}`+"\n", 20))) != nil {
					return
				}
			}
		}
	}()
	defer func() { close(done); <-ended }()
	token := acme.token("ana", roles("member"))
	for round := range 60 {
		c := g.dial(t, token) // which wants the welcome first
		last := c.position("room:kept:lobby")["offset"].(float64)
		for heard := 0; heard < 20; heard++ {
			switch m := c.hear(); m["type"] {
			case "message":
				if m["previous"] != last || m["channel"] != "room:kept:lobby" {
					t.Fatalf("round %d: got %v, want the message behind %.0f", round, m, last)
				}
				last = m["offset"].(float64)
			case "gap":
				last = m["before"].(float64) - 1
			default:
				t.Fatalf("round %d: got %v", round, m)
			}
		}
		c.Close()
	}
}

// What a client had before it was cut off it continues, by its own subscribe: what came before the ok comes again.
func TestAChosenSubscriptionIsContinued(t *testing.T) {
	g := withChoices(t)
	user := someone("ana")
	inbox := "user:" + user + ":inbox"
	bob := g.dial(t, acme.token(someone("bob"), roles("member", "hermit")))
	first := g.dial(t, acme.token(user))
	bob.tells(t, inbox, 1)
	had := first.nextHears(t, 1)[0]
	epoch := first.position(inbox)["epoch"]
	first.Close()
	bob.tells(t, inbox, 2, 3)
	c := g.dial(t, acme.token(user))
	bob.tells(t, inbox, 4)
	c.nextHears(t, 4)
	ok := c.does(`{"type":"subscribe","id":7,"channel":%q,"since":{"offset":%.0f,"epoch":%q},"strict":true}`, inbox, had["offset"], epoch)
	if ok["recovered"] != true || ok["replayed"] != float64(3) {
		t.Errorf("got %v, want three replayed", ok)
	}
	c.nextHears(t, 2, 3, 4)
	bob.tells(t, inbox, 5)
	c.nextHears(t, 5)
	c.does(`{"type":"unsubscribe","id":8,"channel":%q}`, inbox)
}

// With a position that is none a client takes over what was chosen for it, to hear joins and leaves too. What it may not have it is refused, and hears the channel no more.
func TestAClientTakesAChosenSubscriptionOver(t *testing.T) {
	g := withChoices(t)
	user := someone("ana")
	ana := g.dial(t, acme.token(user, roles("member")))
	ok := ana.does(`{"type":"subscribe","id":1,"channel":"room:attended","since":{"offset":0,"epoch":""},"join_leave":true}`)
	if ok["recovered"] != false || ok["reason"] != "no_history" {
		t.Errorf("got %v, want that nothing is continued", ok)
	}
	other := someone("bob")
	bob := g.dial(t, acme.token(other, roles("member")))
	for e := ana.hear(); e["type"] != "join" || e["member"].(map[string]any)["user"] != other; e = ana.hear() {
		if e["type"] != "join" && e["type"] != "leave" { // of tests beside this one
			t.Fatalf("got %v, want that bob joins", e)
		}
	}
	ana.mayNot("already_subscribed", `{"type":"subscribe","id":2,"channel":"room:attended","since":{"offset":0,"epoch":""}}`)
	inbox := "user:" + user + ":inbox"
	ana.mayNot("unrecoverable", `{"type":"subscribe","id":3,"channel":%q,"since":{"offset":1,"epoch":"other"},"strict":true}`, inbox)
	ana.mayNot("not_subscribed", `{"type":"unsubscribe","id":4,"channel":%q}`, inbox)
	bob.lives(t)
}

// A client may leave what was chosen for it. It stays away until its next connection, also when the file is read anew.
func TestAClientLeavesWhatWasChosenForIt(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: noRates, rules: choosingRules, more: choosing}})
	token := acme.token("ana", roles("member"))
	c := g.dial(t, token)
	bob := g.dial(t, acme.token("bob", roles("member", "hermit")))
	c.does(`{"type":"unsubscribe","id":1,"channel":"room:kept:lobby"}`)
	bob.tells(t, "room:kept:lobby", 1)
	g.edit(t, "tenants/acme.yaml", `"room:kept:lobby", "room:attended"`, `"room:kept:lobby", "room:attended", "room:kept:new"`)
	g.reload(t, "applied")
	if e := c.hear(); !e.has(entry{"type": "subscribed", "channel": "room:kept:new"}) || e["epoch"] == nil {
		t.Fatalf("got %v, want room:kept:new alone, with a position", e)
	}
	bob.tells(t, "room:kept:lobby", 2)
	bob.tells(t, "room:kept:new", 3)
	c.nextHears(t, 3)
	if got := g.dial(t, token).chosen(); !slices.Contains(got, "room:kept:lobby") || !slices.Contains(got, "room:kept:new") {
		t.Errorf("the next connection has %v, want both", got)
	}
}

// An edited file, edited rules and a refreshed token give and take what they choose, told by one frame each, and nothing of a channel comes before the one or behind the other.
func TestChoicesFollowTheFileTheRulesAndTheCredential(t *testing.T) {
	t.Parallel()
	o := tenantOptions{limits: noRates, rules: choosingRules, more: choosing}
	g := start(t, options{acme: o, globex: o})
	c, other := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("ana", roles("member")))
	bob := g.dial(t, acme.token("bob", roles("member", "hermit")))
	wants := func(kind, channel string) {
		t.Helper()
		if e := c.hear(); e["type"] != kind || e["channel"] != channel {
			t.Fatalf("got %v, want %s %s", e, kind, channel)
		}
	}
	g.edit(t, "tenants/acme.yaml", `"room:kept:lobby", "room:attended"`, `"room:attended", "room:kept:new"`)
	g.reload(t, "applied")
	wants("unsubscribed", "room:kept:lobby")
	wants("subscribed", "room:kept:new")
	bob.tells(t, "room:kept:lobby", "not heard")
	bob.tells(t, "room:kept:new", "heard")
	c.nextHears(t, "heard")

	g.edit(t, "tenants/acme.yaml", "rules:\n", "rules:\n  - { name: not the new one, deny: [subscribe], channels: [\"room:kept:new\"] }\n")
	g.reload(t, "applied")
	wants("unsubscribed", "room:kept:new")
	g.edit(t, "tenants/acme.yaml", "  - { name: not the new one, deny: [subscribe], channels: [\"room:kept:new\"] }\n", "")
	g.reload(t, "applied")
	wants("subscribed", "room:kept:new")

	c.does(`{"type":"refresh","id":1,"token":%q}`, acme.token("ana", claims{"org": "red", "exp": now() + 7200}))
	lost := []string{}
	for range 2 {
		e := c.hear()
		lost = append(lost, fmt.Sprint(e["type"], " ", e["channel"]))
	}
	slices.Sort(lost)
	if !slices.Equal(lost, []string{"unsubscribed room:attended", "unsubscribed room:kept:new"}) {
		t.Errorf("got %v", lost)
	}
	wants("subscribed", "org:red:news")
	bob.tells(t, "org:red:news", "news")
	c.nextHears(t, "news")
	other.silent(50 * time.Millisecond) // nothing of it was the other tenant's
}

// A service subscribes a client to what it may hear: the client is told where that begins, hears everything behind it, and the service knows too.
func TestABackendSubscribesAClient(t *testing.T) {
	g := withChoices(t)
	user := someone("ana")
	ana, bob := g.dial(t, acme.token(user, roles("visitor"))), g.dial(t, acme.token(someone("bob"), roles("member", "hermit")))
	room := "room:kept:" + user
	bob.tells(t, room, "before")
	counted := g.mark(t, "portcullis_chosen_subscriptions_total", "by", "service", "result", "subscribed")
	a := g.asks(t, g.given(acme.service(), ana.id(), room))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, want 200 and no-store", a.status, a.body)
	}
	counted.moved(t, 1)
	e := ana.hear()
	if want := fmt.Sprintf(`{"channel":%q,"offset":%.0f,"epoch":%q}`, room, e["offset"], e["epoch"]); e["type"] != "subscribed" || strings.TrimSpace(a.body) != want {
		t.Errorf("the client heard %v, the backend %s", e, a.body)
	}
	bob.tells(t, room, "behind")
	ana.nextHears(t, "behind")
	again := g.asks(t, g.given(acme.service(), ana.id(), room))
	if p, err := again.problem(); err != nil || again.status != http.StatusConflict || p.Code != "already_subscribed" {
		t.Errorf("once more: got %d %s, want 409 already_subscribed", again.status, again.body)
	}
	g.logged(t, entry{"event": "authz_admin", "operation": "connection.subscribe", "tenant": "acme"})
	if a := g.asks(t, g.unsubscription(acme.service(), ana.id(), fmt.Sprintf(`{"channel":%q}`, room))); a.status != http.StatusNoContent {
		t.Errorf("to take it away: got %d %s, want 204", a.status, a.body)
	}
	if e := ana.hear(); e["type"] != "unsubscribed" {
		t.Errorf("got %v, want unsubscribed", e)
	}
	if a := g.asks(t, g.given(acme.service(), ana.id(), "room:plain")); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"channel":"room:plain"}` {
		t.Errorf("without history: got %d %s, want 200 and no position", a.status, a.body)
	}
	ana.says(`{"type":"subscribed","channel":"room:plain"}`)
}

// All connections of a user, each by its own rights.
func TestABackendSubscribesAUser(t *testing.T) {
	g := withChoices(t)
	user := someone("a na|ß")
	hears, may := g.dial(t, acme.token(user, roles("visitor"))), g.dial(t, acme.token(user))
	foreign := g.dial(t, globex.token(user, roles("visitor")))
	ask := func(token, user string) *answer {
		return g.asks(t, g.post("/v1/users/"+user+"/subscribe", "application/json", `{"channel":"room:plain"}`, bearer(token)))
	}
	path := strings.NewReplacer(" ", "%20", "|", "%7C", "ß", "%C3%9F").Replace(user)
	a := ask(acme.service(), path)
	if a.status != http.StatusOK || strings.Count(a.body, `"connection":`) != 2 || !strings.Contains(a.body, fmt.Sprintf(`{"connection":%q,"channel":"room:plain"}`, hears.id())) ||
		!strings.Contains(a.body, fmt.Sprintf(`{"connection":%q,"problem":{"type":"about:blank","title":"Forbidden","status":403`, may.id())) {
		t.Errorf("got %d %s, want one that hears and one that may not", a.status, a.body)
	}
	hears.says(`{"type":"subscribed","channel":"room:plain"}`)
	may.silent(20 * time.Millisecond)
	foreign.silent(20 * time.Millisecond)
	if a := ask(acme.service(), "nobody"); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"connections":[]}` {
		t.Errorf("nobody: got %d %s", a.status, a.body)
	}
	g.denies(t, "api", refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}, func() *answer { return ask(acme.token(user, roles("visitor")), path) })
}

// A service that manages the tenant cannot make a client hear what the rules do not allow that client: the answer says so, and the client notices nothing.
func TestAChoiceThatWouldWidenTheRightsOfAClient(t *testing.T) {
	g := withChoices(t)
	ana := g.dial(t, acme.token(someone("ana")))
	if got := ana.chosen(); len(got) != 1 { // ops:secret is chosen for everybody, and allowed to nobody but operators
		t.Errorf("the welcome lists %v, want the inbox alone", got)
	}
	for _, channel := range []string{"room:1", "ops:secret", "user:bob:inbox"} {
		a := g.asks(t, g.given(acme.service(), ana.id(), channel))
		if p, err := a.problem(); err != nil || a.status != http.StatusForbidden || p.Code != "forbidden" || strings.Contains(a.body, "rule") {
			t.Errorf("%s: got %d %s, want 403 forbidden", channel, a.status, a.body)
		}
	}
	ana.silent(20 * time.Millisecond)
	ana.lives(t)
}

// A backend of one tenant finds nobody of another: the same answer as for a connection that never was. Without manage there is no answer but that.
func TestABackendChoosesForAConnectionOfAnotherTenant(t *testing.T) {
	g := withChoices(t)
	victim := g.dial(t, acme.token(someone("victim"), roles("visitor")))
	foreign := g.asks(t, g.given(globex.service(), victim.id(), "room:plain"))
	absent := g.asks(t, g.given(globex.service(), "c_"+strings.Repeat("A", len(victim.id())-2), "room:plain"))
	if foreign.status != http.StatusNotFound || foreign.body != absent.body {
		t.Errorf("another tenant's is %d %s, one that never was %d %s; want the same 404", foreign.status, foreign.body, absent.status, absent.body)
	}
	g.denies(t, "api", refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}, func() *answer {
		return g.asks(t, g.given(acme.token("eve", roles("member")), victim.id(), "room:plain"))
	})
	for body, code := range map[string]string{
		`{"channel":"room:1","channel":"room:2"}`: "bad_request", `{"Channel":"room:1"}`: "bad_request", `{}`: "bad_request", `{"channel":"room:*"}`: "bad_channel", `{"channel":"user:{user}:inbox"}`: "bad_channel",
	} {
		a := g.asks(t, g.post("/v1/connections/"+victim.id()+"/subscribe", "application/json", body, bearer(acme.service())))
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != code {
			t.Errorf("%s: got %d %s, want 400 %s", body, a.status, a.body, code)
		}
	}
	victim.silent(20 * time.Millisecond)
}

// A name or a claim with a channel's separators in it stays in its segment: its owner hears its own inbox, by an odd name, and nobody else's.
func TestAUserNameThatReachesForAnothersInbox(t *testing.T) {
	g := withChoices(t)
	bob := g.dial(t, acme.token(someone("bob"), roles("member", "hermit")))
	for _, name := range []string{"victim:inbox", "victim%3Ainbox", "*", "**", "{user}", "$sys", "a:b:c", "../victim"} {
		c := g.dial(t, acme.token(name, claims{"org": name}))
		segment, _ := c.welcome["segment"].(string)
		if strings.ContainsAny(segment, ":*{$") || segment == "victim" {
			t.Errorf("%q is the segment %q", name, segment)
		}
		if got, want := c.chosen(), []string{"user:" + segment + ":inbox", "org:" + segment + ":news"}; !slices.Equal(got, want) {
			t.Errorf("%q: the welcome lists %v, want %v", name, got, want)
		}
		for _, channel := range []string{"user:victim:inbox", "org:victim:news"} {
			bob.tells(t, channel, "secret")
		}
		bob.tells(t, "user:"+segment+":inbox", "own")
		c.nextHears(t, "own")
	}
	long := strings.Repeat("x", 200)
	if got := g.dial(t, acme.token(long, claims{"org": strings.Repeat("%", 60)})).chosen(); len(got) > 1 {
		t.Errorf("a name that is too long has %v", got)
	}
}

// A mirror has no subscriptions: nothing is chosen for it, and a backend is told.
func TestNothingIsChosenForAMirror(t *testing.T) {
	g := withChoices(t)
	user := someone("prober")
	m := g.dial(t, acme.token(user, roles("prober", "member")), mirror)
	m.reflects(t, opText, []byte("who has no welcome is there by now"))
	a := g.asks(t, g.connectionsOf(acme.service(), user))
	if !strings.Contains(a.body, `"subscriptions":0`) {
		t.Errorf("got %s, want no subscriptions", a.body)
	}
	_, id, _ := strings.Cut(a.body, `"connection":"`)
	id, _, _ = strings.Cut(id, `"`)
	b := g.asks(t, g.given(acme.service(), id, "room:plain"))
	if p, err := b.problem(); err != nil || b.status != http.StatusNotFound || p.Code != "not_available" {
		t.Errorf("got %d %s, want 404 not_available", b.status, b.body)
	}
	m.reflects(t, opText, []byte("still a mirror"))
}

// connectionsOf lists the connections of a user.
func (g *gateway) connectionsOf(token, user string) string {
	return g.get("/v1/connections?user="+user, bearer(token))
}

// Chosen subscriptions are within the tenant's limits, and in presence.
func TestChosenSubscriptionsCountAsAny(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "subscriptions_per_connection: 2", rules: choosingRules, more: choosing}})
	counted := g.mark(t, "portcullis_chosen_subscriptions_total", "by", "tenant", "result", "quota_exceeded")
	ana := g.dial(t, acme.token("ana", roles("member")))
	if got := ana.chosen(); !slices.Equal(got, []string{"user:ana:inbox", "room:kept:lobby"}) {
		t.Errorf("the welcome lists %v, want two", got)
	}
	counted.moved(t, 1)
	if a := g.asks(t, g.given(acme.service(), ana.id(), "room:plain")); a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "quota_exceeded") {
		t.Errorf("got %d %s, want 429 quota_exceeded", a.status, a.body)
	}
	ana.mayNot("quota_exceeded", `{"type":"subscribe","id":1,"channel":"room:plain"}`)
	ana.does(`{"type":"unsubscribe","id":2,"channel":"room:kept:lobby"}`)
	if a := g.asks(t, g.given(acme.service(), ana.id(), "room:attended")); a.status != http.StatusOK {
		t.Errorf("got %d %s, want 200", a.status, a.body)
	}
	if e := ana.hear(); e["type"] != "subscribed" {
		t.Errorf("got %v", e)
	}
	if got := ana.members("room:attended"); got[ana.id()] != "ana" {
		t.Errorf("present are %v, want ana", got)
	}
}

// A user with many connections costs a backend as many messages as it has connections: whoever subscribes all of them at once is held to the limits like whoever names each.
func TestAUserWithManyConnectionsIsNoWayAroundTheRate(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "connections_per_user: unlimited\nmessages_per_second: unlimited\nmessages_per_second_per_user: 2", rules: choosingRules, more: choosing}})
	user := someone("ana")
	const connections = 12
	for range connections {
		g.dial(t, acme.token(user, roles("visitor")))
	}
	ask := func() (given, limited, there int) {
		a := g.asks(t, g.post("/v1/users/"+user+"/subscribe", "application/json", `{"channel":"room:plain"}`, bearer(acme.service())))
		if a.status == http.StatusTooManyRequests {
			return 0, connections, 0
		}
		var said struct{ Connections []entry }
		if err := a.into(&said); err != nil || len(said.Connections) != connections {
			t.Fatalf("got %d %s, want an entry for each of %d", a.status, a.body, connections)
		}
		for _, one := range said.Connections {
			switch p, _ := one["problem"].(map[string]any); {
			case p == nil:
				given++
			case p["code"] == "already_subscribed":
				there++
			case p["code"] == "rate_limited" && one["retry_ms"].(float64) >= 1:
				limited++
			default:
				t.Fatalf("got %v", one)
			}
		}
		return given, limited, there
	}
	if given, limited, _ := ask(); given == 0 || given > 5 || limited != connections-given {
		t.Errorf("at once %d were subscribed and %d told to come again, want a burst of 4 at most", given, limited)
	}
	for end := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		if g.hearing(t, user) == connections {
			break
		}
		if time.Now().After(end) {
			t.Fatal("who comes again, again and again, never gets through")
		}
		g.asks(t, g.post("/v1/users/"+user+"/subscribe", "application/json", `{"channel":"room:plain"}`, bearer(acme.service())))
	}
}

// hearing is how many connections of a user of acme's are subscribed to something besides the user's own inbox.
func (g *gateway) hearing(t *testing.T, user string) (n int) {
	t.Helper()
	_, body, err := g.ask("/admin/v1/tenants/acme/connections?user=" + user)
	if err != nil {
		t.Fatal(err)
	}
	var p pageful
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, c := range p.Connections {
		if c["subscriptions"].(float64) > 1 {
			n++
		}
	}
	return n
}
