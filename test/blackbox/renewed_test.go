package blackbox_test

import (
	"strings"
	"testing"
	"time"
)

// What a user was allowed when it came in is not what it is allowed now.
func TestARightThatARefreshTookAway(t *testing.T) {
	g := identities(t)
	c := g.dial(t, acme.token("ana", roles("member", "operator")))
	witness := g.dial(t, acme.token("bob", roles("member", "operator")))
	for id, channel := range []string{"room:secret", "ops:secret", "user:ana:inbox"} {
		c.does(`{"type":"subscribe","id":%d,"channel":%q}`, id+1, channel)
	}
	witness.does(`{"type":"subscribe","id":1,"channel":"room:secret"}`)
	e := c.does(`{"type":"refresh","id":5,"token":%q}`, acme.token("ana", claims{"exp": now() + 7200}))
	if want := float64(now()+7201) * 1000; e["expires"].(float64) < want-2000 || e["expires"].(float64) > want {
		t.Errorf("it ends at %v, want %v", e["expires"], want)
	}
	lost := make(map[any]bool)
	for range 2 {
		told := c.hear()
		if told["type"] != "unsubscribed" || told["code"] != "forbidden" {
			t.Errorf("got %v, want unsubscribed, forbidden", told)
		}
		lost[told["channel"]] = true
	}
	if !lost["room:secret"] || !lost["ops:secret"] {
		t.Errorf("it lost %v, want room:secret and ops:secret", lost)
	}
	witness.does(`{"type":"publish","id":2,"channel":"room:secret","data":"not for ana"}`)
	witness.does(`{"type":"publish","id":3,"channel":"ops:secret","data":"not for ana"}`)
	witness.hearsFrom(t, "bob", "not for ana")
	c.mayNot("forbidden", `{"type":"subscribe","id":6,"channel":"room:secret"}`)
	c.mayNot("forbidden", `{"type":"publish","id":7,"channel":"room:secret","data":1}`)
	witness.does(`{"type":"publish","id":4,"channel":"user:ana:inbox","data":"still for ana"}`)
	c.hearsFrom(t, "bob", "still for ana") // and nothing before it
	c.does(`{"type":"refresh","id":8,"token":%q}`, acme.token("ana", roles("member"), claims{"exp": now() + 7200}))
	c.does(`{"type":"subscribe","id":9,"channel":"room:secret"}`)
}

// hearsFrom wants the next message to be a user's.
func (c *conn) hearsFrom(t *testing.T, user, data string) {
	t.Helper()
	e := c.hear()
	if from, _ := e["from"].(map[string]any); e["type"] != "message" || e["data"] != data || from["user"] != user {
		t.Fatalf("got %v, want %q of %s", e, data, user)
	}
}

// A connection ends with its credential, to the second, unless a newer one has taken its place. On the mirror nothing can.
func TestATokenThatRunsOutWhileItsClientIsConnected(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	end := now() + 3
	short := acme.token("ana", roles("member", "prober"), claims{"exp": end})
	stays, goes, forgets := g.dial(t, short), g.dial(t, short), g.dial(t, short)
	probe := g.dial(t, short, mirror)
	for _, c := range []*conn{stays, goes, forgets} {
		if e := c.hear(); e["type"] != "expiring" || e["in_ms"].(float64) < 1 || e["in_ms"].(float64) > 4000 {
			t.Errorf("got %v, want expiring within four seconds", e)
		}
	}
	stays.does(`{"type":"refresh","id":1,"token":%q}`, acme.token("ana"))
	goes.does(`{"type":"refresh","id":1,"token":%q}`, acme.token("ana", claims{"exp": end + 1}))
	if e := goes.hear(); e["type"] != "expiring" {
		t.Errorf("got %v, want to hear of the new end too", e)
	}
	forgets.mayNot("unauthorized", `{"type":"refresh","id":1,"token":%q}`, forged())
	probe.say(`{"type":"refresh","id":1,"token":%q}`, acme.token("ana", roles("prober")))
	if got := probe.verbatim(); !strings.HasPrefix(got, `{"type":"refresh","id":1`) {
		t.Errorf("the mirror answered %.60s, want what was sent", got)
	}
	for _, c := range []*conn{forgets, probe} {
		c.ends(t, 4200, expiredReason)
		if early := time.Until(time.Unix(end+1, 0)); early > 0 { // a second of leeway
			t.Errorf("it ended %v too early", early)
		}
	}
	goes.ends(t, 4200, expiredReason)
	if early := time.Until(time.Unix(end+2, 0)); early > 0 {
		t.Errorf("the refreshed one ended %v too early", early)
	}
	stays.lives(t)
	stays.silent(500 * time.Millisecond)
}

// The one road by which a session changes hands is closed with the tenant.
func TestARefreshWhileTheTenantIsSuspended(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	c, other := g.dial(t, acme.token("ana")), g.dial(t, globex.token("ana"))
	granted := g.refreshes(t)
	g.suspend(t, acme)
	c.put(text(`{"type":"refresh","id":1,"token":"` + acme.token("ana") + `"}`)) // it may be too late for that
	for {
		f, err := c.message(patience)
		if err != nil {
			if bye := err.(closed); bye.code != 4502 || bye.reason != `{"code":"tenant_suspended"}` {
				t.Errorf("it ended with %v, want 4502 tenant_suspended", bye)
			}
			break
		}
		if got := string(f.payload); strings.HasPrefix(got, `{"type":"ok"`) {
			t.Errorf("the refresh was granted: %s", got)
		}
	}
	granted.moved(t, 0)
	other.does(`{"type":"refresh","id":1,"token":%q}`, globex.token("ana"))
}
