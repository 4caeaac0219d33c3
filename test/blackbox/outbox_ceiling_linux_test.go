package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A tenant without a limit of its own has many clients that stop reading, each on a channel of its own and none with a full outbox, and fills the node. Another tenant has one client that reads slowly. The node's memory stays under its
// ceiling, and the attacker's clients alone are closed for it; the other tenant's stays, and hears everything in order.
func TestATenantWhoseReadersAreStuckDoesNotUseUpTheNode(t *testing.T) {
	const ceiling, attackers = 4 << 20, 40
	slowly := attackers // one message while so many of the attacker's are said; it must read something in ten seconds
	if raced {
		slowly = 4
	}
	for name, secured := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{tls: secured, limits: "outbox_per_node: 4MiB", acme: tenantOptions{limits: noRates + "\noutbox: unlimited"}, globex: tenantOptions{limits: noRates}})
			member := roles("member")
			closes, refused := g.closes(t, "server", "slow_consumer"), g.mark(t, "portcullis_limit_refusals_total", "limit", "outbox_per_node")
			told := g.mark(t, "portcullis_close_frames_sent_total", "code", "4101")

			slow, neighbour := g.narrow(t, globex.token("bob", member)), g.dial(t, globex.token("ana", member))
			slow.does(`{"type":"subscribe","id":1,"channel":"room:calm"}`)
			said, heard := 0, 0
			speak := func() {
				said++
				neighbour.does(`{"type":"publish","id":%d,"channel":"room:calm","data":"%d %s"}`, said, said, strings.Repeat("x", 4<<10))
			}
			hear := func() {
				e := slow.hear()
				var n int
				if data, _ := e["data"].(string); e["type"] == "message" {
					fmt.Sscan(data, &n)
				}
				if heard++; n != heard {
					t.Fatalf("the other tenant's reader heard %.100v, want message %d", e, heard)
				}
			}
			waits := func() float64 {
				n, _ := g.tenants(t).sum("portcullis_tenant_used", "tenant", "globex", "limit", "outbox")
				return n
			}
			for said < 1000 && waits() < 200<<10 {
				for range 10 {
					speak()
				}
			}
			memory := g.watchMemory(t)

			for i := range attackers {
				eve := g.narrow(t, acme.token("eve", member))
				eve.does(`{"type":"subscribe","id":1,"channel":"room:slow%d"}`, i)
			}
			attacker, data := g.dial(t, acme.token("ana", member)), strings.Repeat("x", 40_000)
			gone := func(tenant string) float64 {
				n, _ := g.tenants(t).sum("portcullis_tenant_limit_refusals_total", "tenant", tenant, "limit", "outbox_per_node")
				return n
			}
			most, id := 0.0, 0
			for round := 0; round < 60 && gone("acme") < attackers/2; round++ {
				for i := range attackers {
					id++
					attacker.does(`{"type":"publish","id":%d,"channel":"room:slow%d","data":"%s"}`, id, i, data)
					if i%slowly == 0 {
						speak()
						hear()
					}
				}
				most = max(most, g.metric(t, "portcullis_outbox_bytes"))
			}
			for wait := time.Now(); most == 0 && time.Since(wait) < patience; time.Sleep(50 * time.Millisecond) { // the gauge is up to a second behind
				most = g.metric(t, "portcullis_outbox_bytes")
			}
			lost := gone("acme")
			if lost < attackers/2 || gone("globex") != 0 {
				t.Errorf("closed for the node: %v of the attacker's clients and %v of the other tenant's, want at least half and none", lost, gone("globex"))
			}
			closes.moved(t, lost)
			refused.moved(t, lost)
			told.moved(t, lost)
			if most == 0 || most > ceiling+64<<10 {
				t.Errorf("outboxes held %v bytes, want some and at most %d", most, ceiling)
			}
			if got := g.metric(t, "portcullis_outbox_limit_bytes"); got != ceiling {
				t.Errorf("the ceiling is told as %v, want %d", got, ceiling)
			}
			memory.stayed(t, 192<<20) // most of it is garbage of what is published, which a busy machine collects late; what waits is told above, to the byte
			e := g.logged(t, entry{"event": "connection.closed", "reason": "slow_consumer"})
			if e["limit"] != "outbox_per_node" || e["tenant"] != "acme" || e["user"] != "eve" {
				t.Errorf("the line of a stuck reader is %v, want that it names the limit", e)
			}
			e = g.logged(t, entry{"event": "node.limit_reached", "tenant": "acme", "limit": "outbox_per_node", "level": "WARN"})
			if !e.has(entry{"most": float64(ceiling)}) || e["used"] == nil || !strings.Contains(fmt.Sprint(e["remedy"]), "raise limits.outbox_per_node of the main file") {
				t.Errorf("got %v, want the value, the limit and the remedy", e)
			}
			g.logged(t, entry{"event": "node.limit_near", "limit": "outbox_per_node"})

			for heard < said {
				hear()
			}
			speak()
			hear()
			slow.lives(t)
		})
	}
}

// A channel that drops messages for slow readers loses them for the node too, before any connection ends.
func TestTheNodesCeilingTakesMessagesThatMayBeDroppedFirst(t *testing.T) {
	dropping := droppingRooms
	dropping.limits += "\noutbox: unlimited"
	g := start(t, options{limits: "outbox_per_node: 2MiB", acme: dropping})
	token := acme.token("ana", roles("member"))
	readers, count := 8, 400
	if raced {
		count = 200
	}
	var rooms []string
	var slow []*conn
	for i := range readers {
		rooms = append(rooms, fmt.Sprintf("room:drop_oldest:%d", i))
		slow = append(slow, g.narrow(t, token))
		slow[i].does(`{"type":"subscribe","id":1,"channel":%q}`, rooms[i])
	}
	closes, dropped := g.closes(t, "server", "slow_consumer"), g.mark(t, "portcullis_dropped_messages_total", "slow_reader", "drop_oldest")
	g.dial(t, token).floods(t, count, rooms...)
	missing := 0
	for _, c := range slow {
		missing += count - c.hearsWhatIsLeft(t, count)
	}
	if missing == 0 {
		t.Error("nothing was dropped: nothing was tried")
	}
	dropped.moved(t, float64(missing))
	closes.moved(t, 0)
	if e, told := g.find(entry{"event": "node.limit_reached"}); told {
		t.Errorf("got %v, want nobody to be closed", e)
	}
}

// hearsWhatIsLeft hears all that waits, and wants the messages in order and a gap wherever one of count is missing. It returns how many there were. What the gateway has taken it may not have given to anybody yet: where the end is missing it is
// asked again, after longer than a channel waits for its readers.
func (c *conn) hearsWhatIsLeft(t *testing.T, count int) (heard int) {
	t.Helper()
	last, told := 0, false
	for quiet := 0; last != count && quiet < 3; {
		if c.does(`{"type":"ping","id":2}`); len(c.pending) == 0 { // its answer is behind everything that was given
			quiet++
			time.Sleep(400 * time.Millisecond)
			continue
		}
		quiet = 0
		heard, last, told = c.hearsOn(t, heard, last, told)
	}
	if last != count && !told {
		t.Errorf("the last is message %d of %d, and no gap", last, count)
	}
	return heard
}

// hearsOn takes what is pending, behind the last of so many messages that were heard.
func (c *conn) hearsOn(t *testing.T, heard, last int, told bool) (int, int, bool) {
	t.Helper()
	for len(c.pending) > 0 {
		e := c.hear()
		if e["type"] == "gap" {
			told = true
			continue
		}
		var n int
		fmt.Sscan(e["data"].(string), &n)
		if n <= last || n != last+1 && !told {
			t.Fatalf("got message %d behind %d, gap %v", n, last, told)
		}
		heard, last, told = heard+1, n, false
	}
	return heard, last, told
}

// The ceiling is a key of the main file: out of range it is an error with its place, and another value is refused by its name until the gateway is started again.
func TestTheNodesCeilingIsRefusedByItsName(t *testing.T) {
	t.Parallel()
	broken{"outboxes that hold less than one", options{limits: "outbox_per_node: 64KiB"}, "", "", "", "portcullis.yaml:17:20", "less than 1MiB"}.refusedThere(t)
	g := start(t, options{limits: "outbox_per_node: 2MiB"})
	g.edit(t, "portcullis.yaml", "outbox_per_node: 2MiB", "outbox_per_node: unlimited")
	if e := g.reload(t, "refused"); !e.has(entry{"path": "limits.outbox_per_node"}) || !strings.Contains(fmt.Sprint(e["msg"]), "changed from 2MiB to unlimited") {
		t.Errorf("got %v, want that it names the key", e)
	}
	if a := g.handshake(t, bearer(acme.token("ana"))); a.status != http.StatusSwitchingProtocols {
		t.Errorf("got %d, want that the gateway serves on", a.status)
	}
}
