package blackbox_test

import (
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"portcullis/internal/config"
)

// limited is a gateway of whose tenant acme one limit is changed while it runs. All others are out of the way.
type limited struct {
	*gateway
	t           *testing.T
	name, value string
	member      claims
}

// limiting starts a gateway with a small value of a limit.
func limiting(t *testing.T, name, value string) *limited {
	more := "channels:\n  - { match: \"room:kept\", history: { messages: 100, ttl: 1m } }\n"
	rules := "- { name: members read, allow: [history], channels: [\"room:**\"], for: { roles: [member] } }\n"
	limits := noRates + "\n" + name + ": " + value
	if strings.HasPrefix(name, "bytes_") {
		limits += "\nmessage_size: 512"
	}
	g := start(t, options{acme: tenantOptions{limits: limits, rules: rules, more: more}})
	return &limited{g, t, name, value, roles("member")}
}

// set gives the limit another value.
func (l *limited) set(value string) {
	l.t.Helper()
	l.edit(l.t, "tenants/acme.yaml", "  "+l.name+": "+l.value+"\n", "  "+l.name+": "+value+"\n")
	l.value = value
	l.reload(l.t, "applied")
}

func (l *limited) come(user string) *conn { return l.dial(l.t, acme.token(user, l.member)) }

// used is how much acme uses of a limit of the tenant as a whole.
func (l *limited) used(name string) float64 {
	l.t.Helper()
	n, _ := l.tenants(l.t).sum("portcullis_tenant_used", "tenant", "acme", "limit", name)
	return n
}

// named wants a refusal to name the limit.
func (l *limited) named(text any) {
	l.t.Helper()
	if !strings.HasPrefix(fmt.Sprint(text), l.name+" is reached") {
		l.t.Errorf("refused with %q, want that it names %s", text, l.name)
	}
}

// holds tests a limit of what there may be at a time, which is 2. take takes one more and says whether there was room; give gives one back; lives looks whether all that is held still is.
func (l *limited) holds(most int, take func() bool, give, lives func()) {
	l.t.Helper()
	fit := func(when string, want ...bool) {
		l.t.Helper()
		for i, w := range want {
			if got := take(); got != w {
				l.t.Fatalf("%s: %d more, and there is room: %v, want %v", when, i+1, got, w)
			}
		}
	}
	fit("at first", true, true, false)
	l.set("3")
	fit("raised to 3", true, false)
	l.set("1")
	lives()
	fit("lowered to 1 while 3 are there", false)
	for left := 2; left >= 1; left-- {
		give()
		fit(fmt.Sprintf("%d are left", left), false)
	}
	give()
	fit("none are left", true, false)
	l.set("unlimited")
	for range most {
		fit("unlimited", true)
	}
	lives()
}

// flows tests a limit of what may happen in a second, which is so small that of a few at once some are too many. send sends so many at once, and says how many were let through.
func (l *limited) flows(large string, most int, send func(n int) int) {
	l.t.Helper()
	small, few := l.value, 5
	fit := func(when string, n, want int) {
		l.t.Helper()
		if got := send(n); got != want && (want != 0 || got == n || got == 0) {
			l.t.Fatalf("%s: of %d %d were let through", when, n, got)
		}
	}
	fit("at first some", few, 0)
	l.set(large)
	fit("raised all", 20, 20)
	l.set(small)
	fit("lowered some", few, 0)
	l.set("unlimited")
	fit("unlimited all", most, most)
}

// everyLimit has a test for each limit of a tenant's file: that it bites, follows a reload up and down, and may be unlimited. Where more than the default is dear here, internal/realm tests that.
var everyLimit = map[string]func(t *testing.T, name string){
	"connections": func(t *testing.T, name string) {
		n := 0
		placesOf(limiting(t, name, "2"), 20, func() string { n++; return fmt.Sprint("user", n) })
	},
	"connections_per_user":         func(t *testing.T, name string) { placesOf(limiting(t, name, "2"), 25, func() string { return "ana" }) },
	"connections_per_second":       arrivalsOf,
	"subscriptions":                func(t *testing.T, name string) { subscriptionsOf(limiting(t, name, "2"), 150) },
	"subscriptions_per_connection": func(t *testing.T, name string) { subscriptionsOf(limiting(t, name, "2"), 150) },
	"channels":                     func(t *testing.T, name string) { subscriptionsOf(limiting(t, name, "2"), 150) },
	"message_size":                 sizesOf,
	"messages_per_second": func(t *testing.T, name string) {
		l := limiting(t, name, "1")
		l.flows("100000", 4100, l.sends(`{"type":"ping","id":%d}`, "ana", "bob"))
	},
	"messages_per_second_per_user": func(t *testing.T, name string) {
		l := limiting(t, name, "1")
		l.flows("100000", 450, l.sends(`{"type":"ping","id":%d}`, "ana", "ana"))
	},
	"messages_per_second_per_connection": func(t *testing.T, name string) {
		l := limiting(t, name, "1")
		l.flows("100000", 150, l.sends(`{"type":"ping","id":%d}`, "ana"))
	},
	"bytes_per_second": func(t *testing.T, name string) {
		l := limiting(t, name, "512")
		l.flows("100MiB", 200, l.sends(publication, "ana", "bob"))
	},
	"bytes_per_second_per_connection": func(t *testing.T, name string) {
		l := limiting(t, name, "512")
		l.flows("100MiB", 4900, l.sends(publication, "ana"))
	},
	"outbox":  outboxesOf,
	"history": historyOf,
}

// publication has 440 bytes or some more.
var publication = `{"type":"publish","id":%d,"channel":"room:1","data":"` + strings.Repeat("x", 385) + `"}`

// A limit of the tenant's file counts as soon as the file was read again, also for whoever is there: what is more fits at once, and what is less takes nothing from anybody. No limit is
// forgotten: a new one has no test here, and fails.
func TestEveryLimitFollowsAReload(t *testing.T) {
	t.Parallel()
	all := reflect.TypeFor[config.Limits]()
	if all.NumField() != len(everyLimit) {
		t.Errorf("there are tests of %d limits, and %d limits", len(everyLimit), all.NumField())
	}
	for i := range all.NumField() {
		name := all.Field(i).Tag.Get("yaml")
		test := everyLimit[name]
		if test == nil {
			t.Errorf("limit %s has no test: add one to everyLimit, and say in docs/operating.md what becomes of those who use more than a lowered one", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name)
		})
	}
}

func placesOf(l *limited, most int, user func() string) {
	var there []*conn
	l.holds(most, func() bool {
		a := l.handshake(l.t, bearer(acme.token(user(), l.member)))
		if a.status == http.StatusSwitchingProtocols {
			there = append(there, accepted(l.t, a))
			return true
		}
		p, err := a.problem()
		if err != nil || p.Code != "quota_exceeded" {
			l.t.Fatalf("got %d %s, want quota_exceeded", a.status, a.body)
		}
		l.named(p.Detail)
		return false
	}, func() {
		there[0].Close()
		there = there[1:]
		for end := time.Now().Add(patience); l.used("connections") != float64(len(there)); { // portcullis_connections falls a moment before the place is given back
			if time.Now().After(end) {
				l.t.Fatalf("%v places are taken, want %d", l.used("connections"), len(there))
			}
		}
	}, func() {
		for _, c := range there {
			c.lives(l.t)
		}
	})
}

func arrivalsOf(t *testing.T, name string) {
	l := limiting(t, name, "1")
	l.flows("100000", 40, func(n int) (fit int) {
		for range n {
			a := l.handshake(t, bearer(acme.token("ana")))
			if a.status == http.StatusSwitchingProtocols {
				accepted(t, a).lives(t)
				fit++
				continue
			}
			p, err := a.problem()
			if err != nil || p.Code != "rate_limited" {
				t.Fatalf("got %d %s, want rate_limited", a.status, a.body)
			}
			l.named(p.Detail)
		}
		return fit
	})
}

func subscriptionsOf(l *limited, most int) {
	ana, bob := l.come("ana"), l.come("bob")
	n, id := 0, 0
	var there []int
	l.holds(most, func() bool {
		n++
		e := ana.ask(`{"type":"subscribe","id":%d,"channel":"room:%d"}`, n, n)
		if e["type"] == "ok" {
			there = append(there, n)
			return true
		}
		l.named(e["message"])
		return false
	}, func() {
		ana.does(`{"type":"unsubscribe","id":%d,"channel":"room:%d"}`, 10_000+n, there[0])
		there = there[1:]
	}, func() {
		for _, room := range there {
			id++
			bob.does(`{"type":"publish","id":%d,"channel":"room:%d","data":%d}`, id, room, room)
			if m := ana.hear(); m["type"] != "message" || m["data"] != float64(room) {
				l.t.Fatalf("in room:%d ana hears %v, want the message", room, m)
			}
		}
	})
}

// sends returns what sends requests, at once on each of the connections of these users, and counts those that were answered with ok.
func (l *limited) sends(request string, users ...string) func(n int) int {
	var conns []*conn
	for _, user := range users {
		conns = append(conns, l.come(user))
	}
	return func(n int) (fit int) {
		for i := range n {
			conns[i%len(conns)].queue = append(conns[i%len(conns)].queue, text(fmt.Sprintf(request, i+1)))
		}
		for _, c := range conns {
			if err := c.put(c.queue...); err != nil {
				l.t.Fatal(err)
			}
		}
		for _, c := range conns {
			for range c.queue {
				if e := c.hear(); e["type"] == "ok" {
					fit++
				} else if l.named(e["message"]); e["code"] != "rate_limited" {
					l.t.Fatalf("got %v, want rate_limited", e)
				}
			}
			c.queue = nil
		}
		return fit
	}
}

// The size of messages is each connection's own, as its welcome said.
func sizesOf(t *testing.T, name string) {
	l := limiting(t, name, "512")
	long := strings.Repeat("x", 700)
	small := l.come("ana")
	l.set("1KiB")
	large := l.come("ana")
	large.does(`{"type":"echo","id":1,"channel":"lab:1","data":%q}`, long)
	small.lives(t)
	small.say(`{"type":"echo","id":1,"channel":"lab:1","data":%q}`, long)
	small.ends(t, 1009, `{"code":"message_too_big"}`)
	l.set("512")
	large.does(`{"type":"echo","id":2,"channel":"lab:1","data":%q}`, long)
	again := l.come("ana")
	again.say(`{"type":"echo","id":1,"channel":"lab:1","data":%q}`, long)
	again.ends(t, 1009, `{"code":"message_too_big"}`)
	l.edit(t, "tenants/acme.yaml", "  message_size: 512\n", "  message_size: unlimited\n")
	if e := l.reload(t, "refused"); !strings.Contains(fmt.Sprint(e), "unlimited") {
		t.Errorf("got %v, want that a size cannot be unlimited", e)
	}
	large.lives(t)
}

// What waits for slow readers stays when the limit is lowered. The next message that has to wait finds too little room, and then the slowest go.
func outboxesOf(t *testing.T, name string) {
	l := limiting(t, name, "1MiB")
	closed := func() float64 {
		n, _ := l.tenants(t).sum("portcullis_tenant_limit_refusals_total", "tenant", "acme", "limit", name)
		return n
	}
	l.set("64MiB")
	ana, data := l.come("ana"), strings.Repeat("x", 50_000)
	id := 0
	fill := func(to float64, rooms ...string) {
		t.Helper()
		for l.used(name) < to {
			if id++; id > 1000 {
				t.Fatalf("%v bytes wait after %d messages, want %v", l.used(name), id, to)
			}
			ana.does(`{"type":"publish","id":%d,"channel":"room:%s","data":%q}`, id, rooms[id%len(rooms)], data)
		}
	}
	for i, room := range []string{"a", "b"} { // neither of them fills its own, of 1 MiB
		slow := l.come("eve")
		slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		slow.does(`{"type":"subscribe","id":1,"channel":"room:%s"}`, room)
		fill(float64(i+1)*700_000, room)
	}
	l.set("1MiB")
	if got := closed(); got != 0 || l.used(name) < 1_300_000 {
		t.Fatalf("%v were closed, and %v bytes wait; want that nothing happens by itself", got, l.used(name))
	}
	ana.does(`{"type":"publish","id":2000,"channel":"room:b","data":1}`)
	l.logged(t, entry{"event": "connection.closed", "reason": "slow_consumer", "limit": "outbox"})
	if got := closed(); got != 1 {
		t.Errorf("%v were closed, want one: then the other fits", got)
	}
	l.set("unlimited")
	slow := l.come("eve") // whoever read nothing for ten seconds may have been cut off
	slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	slow.does(`{"type":"subscribe","id":1,"channel":"room:c"}`)
	fill(l.used(name)+100_000, "a", "b", "c")
}

// What its channels keep stays when the limit is lowered, until the next message is kept: then the oldest go.
func historyOf(t *testing.T, name string) {
	l := limiting(t, name, "5800")
	ana := l.come("ana")
	id := 0
	keep := func(n int) {
		t.Helper()
		for range n {
			id++
			ana.does(`{"type":"publish","id":%d,"channel":"room:kept","data":%q}`, id, strings.Repeat("x", 1000))
		}
	}
	kept := func(when string, want int) {
		t.Helper()
		id++
		if got := len(ana.does(`{"type":"history","id":%d,"channel":"room:kept","limit":100}`, id)["messages"].([]any)); got != want {
			t.Errorf("%s: %d messages are kept, want %d", when, got, want)
		}
	}
	keep(10) // of about 1,300 bytes each, with what there is beside the payload
	kept("at first", 4)
	l.set("11000")
	keep(10)
	kept("raised", 8)
	l.set("3200")
	kept("lowered", 8)
	keep(1)
	kept("lowered, and one more", 2)
	l.set("unlimited")
	keep(50)
	kept("unlimited", 52)
}
