package blackbox_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// closedRoom is a rule that takes room:1 from everybody but operators.
const closedRoom = `- { name: room one is closed, deny: [subscribe], channels: ["room:1"], unless: { roles: [operator] } }
`

// remove takes a file out of the gateway's configuration.
func (g *gateway) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(g.folder, name)); err != nil {
		t.Fatal(err)
	}
}

// chatters publishes numbers on two rooms, as fast as their oks come, until its stop is called.
func (c *conn) chatters() (stop func() error) {
	done, over := make(chan struct{}), make(chan error, 1)
	go func() { // ends with stop
		for n := 0; ; n++ {
			select {
			case <-done:
				over <- nil
				return
			default:
			}
			for i, room := range []string{"room:1", "room:2"} {
				if err := c.put(text(fmt.Sprintf(`{"type":"publish","id":%d,"channel":%q,"data":%d}`, 2*n+i+1, room, n))); err != nil {
					over <- err
					return
				}
				f, err := c.message(patience)
				if err == nil && !strings.HasPrefix(string(f.payload), `{"type":"ok"`) {
					err = fmt.Errorf("got %s, want an ok", f.payload)
				}
				if err != nil {
					over <- err
					return
				}
			}
		}
	}()
	return sync.OnceValue(func() error { close(done); return <-over })
}

// listener is somebody who hears the numbers of somebody who chatters.
type listener struct {
	*conn
	next map[any]float64 // of each room
	ends []entry         // the notices that it lost one
}

func (g *gateway) listens(t *testing.T, token string, rooms ...string) *listener {
	t.Helper()
	l := &listener{conn: g.dial(t, token), next: make(map[any]float64)}
	for i, room := range rooms {
		l.does(`{"type":"subscribe","id":%d,"channel":%q}`, i+1, room)
		l.next[room] = -1
	}
	return l
}

// hearUntil hears numbers, each behind the one before, until end says so.
func (l *listener) hearUntil(t *testing.T, end func(entry) bool) entry {
	t.Helper()
	for {
		e := l.hear()
		room := e["channel"]
		if e["type"] == "message" {
			n, known := l.next[room]
			if !known {
				t.Fatalf("%v came behind the end of its channel", e)
			}
			if n >= 0 && e["data"] != n {
				t.Fatalf("got %v, want %v to be the next", e, n)
			}
			l.next[room] = e["data"].(float64) + 1
		}
		if e["type"] == "unsubscribed" {
			l.ends = append(l.ends, e)
			delete(l.next, room)
		}
		if end(e) {
			return e
		}
	}
}

func isOf(kind, room string) func(entry) bool {
	return func(e entry) bool { return e["type"] == kind && e["channel"] == room }
}

// An operator edits a rule while everybody talks. One connection loses one of its rooms, hears of it once and within a second, and nothing of it after; another
// one that may still hear the room misses nothing, and neither does anybody in the other room. When the rule goes, so does what it took.
func TestARuleIsEditedWhileEverybodyTalks(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_connection: unlimited"}})
	ana := g.listens(t, acme.token("ana", roles("member")), "room:1", "room:2")
	bob := g.listens(t, acme.token("bob", roles("member", "operator")), "room:1", "room:2")
	stop := g.dial(t, acme.token("carol", roles("member"))).chatters()
	defer stop()
	lost := g.mark(t, "portcullis_unsubscribes_total", "reason", "policy")
	changed := g.securityEvents(t, "authz_change")
	for _, l := range []*listener{ana, bob} {
		l.hearUntil(t, isOf("message", "room:2"))
	}

	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{rules: closedRoom, limits: "messages_per_second_per_connection: unlimited"}))
	at := time.Now()
	g.reload(t, "applied")
	end := ana.hearUntil(t, isOf("unsubscribed", "room:1"))
	if took := time.Since(at); took > withinASecond || end["code"] != "forbidden" {
		t.Errorf("got %v after %v, want forbidden within a second", end, took)
	}
	for range 20 {
		ana.hearUntil(t, isOf("message", "room:2"))
		bob.hearUntil(t, isOf("message", "room:1"))
	}
	lost.moved(t, 1)
	changed.audited(t, "WARN", entry{"event": "authz_change", "user_hash": hashed("ana"), "reason": "policy", "subscriptions": 1, "tenant": "acme"})
	g.logged(t, entry{"event": "policy.applied", "subscriptions_lost": 1, "ended": 0, "connections": 3})

	g.put(t, "tenants/acme.yaml", acme.file(g.options.acme))
	g.reload(t, "applied")
	ana.say(`{"type":"subscribe","id":9,"channel":"room:1"}`)
	if answer := ana.hearUntil(t, func(e entry) bool { return e["id"] == 9.0 }); answer["type"] != "ok" {
		t.Errorf("got %v, want to be let in again", answer)
	}
	ana.next["room:1"] = -1
	for range 20 {
		ana.hearUntil(t, isOf("message", "room:1"))
		bob.hearUntil(t, isOf("message", "room:1"))
	}
	if err := stop(); err != nil {
		t.Errorf("who talked: %v", err)
	}
	if len(ana.ends) != 1 || len(bob.ends) != 0 {
		t.Errorf("ana was told of %v, bob of %v; want one end for ana", ana.ends, bob.ends)
	}
}

// A user's role is taken by the next token. What it gave is lost in the same moment, and nothing comes behind the end.
func TestARoleIsTakenWhileEverybodyTalks(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_connection: unlimited"}})
	ana := g.listens(t, acme.token("ana", roles("member")), "room:1", "room:2", "user:ana:inbox")
	bob := g.listens(t, acme.token("bob", roles("member")), "room:1")
	stop := g.dial(t, acme.token("carol", roles("member"))).chatters()
	defer stop()
	ana.hearUntil(t, isOf("message", "room:2"))
	lost := g.mark(t, "portcullis_unsubscribes_total", "reason", "refresh")
	ana.say(`{"type":"refresh","id":9,"token":%q}`, acme.token("ana"))
	for len(ana.ends) < 2 {
		ana.hearUntil(t, func(e entry) bool { return e["type"] == "unsubscribed" })
	}
	for range 50 {
		bob.hearUntil(t, isOf("message", "room:1"))
	}
	ana.does(`{"type":"ping","id":10}`)
	ana.silent(0)
	lost.moved(t, 2)
	if err := stop(); err != nil {
		t.Errorf("who talked: %v", err)
	}
}

// What is taken out of a configuration takes its connections along, each with a code that says what to do, within a second, and nobody else's.
func TestWhoeverIsTakenOutOfTheConfigurationIsOut(t *testing.T) {
	t.Parallel()
	without := func(line string) string {
		var kept strings.Builder
		for l := range strings.Lines(acme.file(tenantOptions{})) {
			if !strings.Contains(l, line) {
				kept.WriteString(l)
			}
		}
		return kept.String()
	}
	// Handshakes, by a credential that is made once.
	with := func(token string) func(*gateway, *testing.T) func() *answer {
		return func(g *gateway, t *testing.T) func() *answer {
			return func() *answer { return g.handshake(t, bearer(token)) }
		}
	}
	over := func(certificate tls.Certificate) func(*gateway, *testing.T) func() *answer {
		return func(g *gateway, t *testing.T) func() *answer {
			return func() *answer { return g.handshakeOver(t, trust(certificate)) }
		}
	}
	ana, partner := with(acme.token("ana")), with(acme.tokenOf(acme.partner, "ana"))
	sensors, odd := over(acme.certificate(t, "sensor/1")), over(acme.strange.sign(t, clientTemplate(sensor)))
	for _, tt := range []struct {
		name, reason string
		code         int
		out          func(*gateway, *testing.T) func() *answer // who is in, and comes again
		stay         func(*gateway, *testing.T) func() *answer // whom it does not concern
		change       func(*testing.T, *gateway)
		again        refusal
	}{
		{"a tenant", "identity_gone", 4501, ana, with(globex.token("bob")), func(t *testing.T, g *gateway) { g.remove(t, "tenants/acme.yaml") }, unbelieved("bad_issuer")},
		{"an issuer", "credential_refused", 4202, partner, ana, func(t *testing.T, g *gateway) { g.put(t, "tenants/acme.yaml", without(acme.partner.URL)) }, unbelieved("bad_issuer")},
		{"an audience", "credential_refused", 4202, ana, sensors, func(t *testing.T, g *gateway) {
			g.put(t, "tenants/acme.yaml", strings.ReplaceAll(acme.file(tenantOptions{}), "audience: "+acme.audience, "audience: another"))
		}, unbelieved("bad_audience")},
		{"an authority", "credential_refused", 4202, odd, sensors, func(t *testing.T, g *gateway) {
			g.put(t, "tenants/acme-ca.pem", string(acme.authority.PEM()))
		}, unbelieved("certificate_untrusted")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, options{tls: true, listen: "client_certificates: request"})
			comes := tt.out(g, t)
			out, stays, theirs := accepted(t, comes()), accepted(t, tt.stay(g, t)()), g.dial(t, globex.token("ana"))
			closes := g.closes(t, "server", tt.reason)
			tt.change(t, g)
			at := time.Now()
			g.reload(t, "applied")
			out.ends(t, tt.code, fmt.Sprintf(`{"code":%q}`, tt.reason))
			if took := time.Since(at); took > withinASecond {
				t.Errorf("it was closed after %v, want within a second", took)
			}
			closes.moved(t, 1)
			g.logged(t, entry{"event": "session_expired", "reason": tt.reason, "close_code": tt.code, "tenant": "acme"})
			theirs.lives(t)
			stays.lives(t)
			g.refuses(t, tt.again, comes)
		})
	}
}

// A suspension needs no file.
func TestASuspendedTenantIsOutWithinASecond(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	ana, theirs := g.dial(t, acme.token("ana")), g.dial(t, globex.token("ana"))
	at := time.Now()
	g.suspend(t, acme)
	ana.ends(t, 4502, `{"code":"tenant_suspended"}`)
	if took := time.Since(at); took > withinASecond {
		t.Errorf("it was closed after %v, want within a second", took)
	}
	theirs.lives(t)
}
