package blackbox_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// over wants a request to be refused with words that name the limit and say what to do.
func (c *conn) over(code, quota, remedy, request string, args ...any) {
	c.t.Helper()
	refused := c.mayNot(code, request, args...)
	if text, _ := refused["message"].(string); !strings.Contains(text, quota+" is reached") || !strings.Contains(text, remedy) {
		c.t.Errorf("%s was refused with %q, want %s and %q in it", fmt.Sprintf(request, args...), text, quota, remedy)
	}
}

// A tenant has so many subscriptions and so many channels. Whoever unsubscribes or leaves, also without a word, makes room, and the other tenant has its own.
func TestSubscriptionsAndChannelsOfATenant(t *testing.T) {
	t.Parallel()
	const subscribe = `{"type":"subscribe","id":%d,"channel":"room:%s"}`
	g := start(t, options{acme: tenantOptions{limits: "subscriptions: 4\nchannels: 3\nsubscriptions_per_connection: 3"}})
	member := roles("member")
	ana, bob := g.dial(t, acme.token("ana", member)), g.dial(t, acme.token("bob", member))
	for i, room := range []string{"a", "b", "c"} {
		ana.does(subscribe, i+1, room)
	}
	ana.over("quota_exceeded", "subscriptions_per_connection", "unsubscribe", subscribe, 4, "d")
	bob.over("quota_exceeded", "channels", "fewer channels", subscribe, 1, "d")
	bob.does(subscribe, 2, "a") // somebody is there: no new channel
	bob.over("quota_exceeded", "subscriptions", "unsubscribe", subscribe, 3, "b")
	carol := g.dial(t, globex.token("carol", member))
	for i := range 5 {
		carol.does(subscribe, i+1, fmt.Sprint(i))
	}
	ana.does(`{"type":"unsubscribe","id":5,"channel":"room:b"}`)
	bob.does(subscribe, 4, "d")
	ana.Close()
	g.until(t, 2, "portcullis_connections")
	bob.does(subscribe, 5, "e")
	dave := g.dial(t, acme.token("dave", member))
	dave.does(subscribe, 1, "a")
	dave.over("quota_exceeded", "subscriptions", "unsubscribe", subscribe, 2, "d")
}

// The tenant's bytes are one budget for all its connections.
func TestBytesOfATenant(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "bytes_per_second: 8KiB\nmessage_size: 8KiB"}})
	publish := `{"type":"publish","id":%d,"channel":"room:1","data":"` + strings.Repeat("x", 7000) + `"}`
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member")))
	ana.does(publish, 1)
	bob.does(publish, 1)
	refused := ana.mayNot("rate_limited", publish, 2)
	if text := refused["message"].(string); !strings.HasPrefix(text, "bytes_per_second is reached: send less") {
		t.Errorf("got %q, want the limit and the remedy", text)
	}
	g.dial(t, globex.token("carol", roles("member"))).does(publish, 1)
	time.Sleep(time.Duration(refused["retry_ms"].(float64)) * time.Millisecond)
	ana.does(publish, 3)
}

// Handshakes beyond the tenant's rate are answered before the 101, with a time to come again, and whoever has no place uses up nothing of it.
func TestConnectionsPerSecondOfATenant(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "connections_per_second: 1"}})
	try := func() *answer { return g.handshake(t, bearer(acme.token("ana"))) }
	accepted(t, try())
	accepted(t, try())
	g.refuses(t, refusal{http.StatusTooManyRequests, "rate_limited", "connection_rate_tenant"}, try)
	a := try()
	p, err := a.problem()
	if err != nil || !strings.HasPrefix(p.Detail, "connections_per_second is reached: connect again later") {
		t.Errorf("got %+v, %v; want the limit and the remedy", p, err)
	}
	if after := a.header.Get("Retry-After"); after != "1" {
		t.Errorf("got Retry-After %q, want 1", after)
	}
	for range 5 {
		accepted(t, g.handshake(t, bearer(globex.token("ana"))))
	}
	time.Sleep(1100 * time.Millisecond)
	accepted(t, try())
}

// waiting is what a tenant's outboxes hold.
func (g *gateway) waiting(t *testing.T, of *party) float64 {
	n, _ := g.tenants(t).sum("portcullis_tenant_used", "tenant", of.id, "limit", "outbox")
	return n
}

// Slow readers of one tenant have so much memory together. The slowest loses, with 4101; who reads is never touched, in neither tenant.
func TestOutboxesOfATenant(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: noRates + "\noutbox: 1MiB"}, globex: tenantOptions{limits: noRates}})
	member := roles("member")
	reader, other := g.dial(t, acme.token("bob", member)), g.dial(t, globex.token("carol", member))
	for _, l := range []*conn{reader, other} {
		l.does(`{"type":"subscribe","id":1,"channel":"room:calm"}`)
	}
	closes := g.closes(t, "server", "slow_consumer")
	met := g.mark(t, "portcullis_limit_refusals_total", "limit", "outbox")
	gone := func() float64 {
		n, _ := g.tenants(t).sum("portcullis_tenant_limit_refusals_total", "tenant", "acme", "limit", "outbox")
		return n
	}
	data := strings.Repeat("x", 50_000)
	publisher, neighbour := g.dial(t, acme.token("ana", member)), g.dial(t, globex.token("ana", member))
	const slow = 4
	for i := range slow {
		eve := g.dial(t, acme.token("eve", member))
		eve.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		eve.does(`{"type":"subscribe","id":1,"channel":"room:all"}`)
		eve.does(`{"type":"subscribe","id":2,"channel":"room:slow%d"}`, i)
	}
	n := 0
	publish := func(channel string) {
		n++
		publisher.does(`{"type":"publish","id":%d,"channel":%q,"data":%q}`, n, channel, data)
	}
	for n < 400 && g.waiting(t, acme) < 200_000 { // until the kernel takes no more
		publish("room:all")
	}
	for n < 800 && gone() == 0 { // counted when it is decided: the goodbyes come later
		publish(fmt.Sprint("room:slow", n%slow)) // what one holds alone is free again when it is gone
	}
	lost := gone()
	if lost < 1 || lost == slow {
		t.Errorf("%v slow readers were closed, want one and not all", lost)
	}
	closes.moved(t, lost)
	met.moved(t, lost)
	e := g.logged(t, entry{"event": "connection.closed", "reason": "slow_consumer"})
	if e["limit"] != "outbox" || e["user"] != "eve" || e["tenant"] != "acme" {
		t.Errorf("the line of the slow reader is %v, want that it names the limit", e)
	}
	for id, p := range []*conn{publisher, neighbour} {
		p.does(`{"type":"publish","id":%d,"channel":"room:calm","data":%d}`, 100+id, id)
	}
	for _, l := range []*conn{reader, other} {
		if e := l.hear(); e["type"] != "message" {
			t.Errorf("got %v, want the message", e)
		}
	}
}

// Every limit is unlimited where the file says so, and out of range it is an error with its place.
func TestLimitsOutOfRange(t *testing.T) {
	t.Parallel()
	for _, b := range []broken{
		{"no subscriptions", options{acme: tenantOptions{limits: "subscriptions: 0"}}, "", "", "", "tenants/acme.yaml:14:18", "from 1 to"},
		{"fewer than no channels", options{acme: tenantOptions{limits: "channels: -1"}}, "", "", "", "tenants/acme.yaml:14:13", "from 1 to"},
		{"too many connections a second", options{acme: tenantOptions{limits: "connections_per_second: 1000000001"}}, "", "", "", "tenants/acme.yaml:14:27", "from 1 to"},
		{"bytes without a number", options{acme: tenantOptions{limits: "bytes_per_second: many"}}, "", "", "", "tenants/acme.yaml:14:21", "many"},
		{"outboxes that hold less than one", options{acme: tenantOptions{limits: "outbox: 64KiB"}}, "", "", "", "tenants/acme.yaml:14:11", "less than 1MiB"},
		{"messages that never fit", options{acme: tenantOptions{limits: "bytes_per_second: 16KiB"}}, "", "", "", "tenants/acme.yaml:10:1", "bytes_per_second"},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.refusedThere(t)
		})
	}
}
