package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
)

// What this gateway does not have it says it has not, and does no part of it.
func TestWhatIsNotAvailable(t *testing.T) {
	g := unbounded(t)
	c := g.dial(t, acme.token("ana", roles("member")))
	listeners := g.subscribers(t, 1, acme.token("bob", roles("member")), "room:later")
	tests := []struct{ name, command, request string }{
		{"an idempotency key", "publish", `{"type":"publish","id":%d,"channel":"room:later","data":1,"idempotency_key":"c1-17"}`},
	}
	for i, tt := range tests {
		errors := g.mark(t, "portcullis_command_errors_total", "command", tt.command, "code", "not_available")
		c.mayNot("not_available", tt.request, i+1)
		errors.moved(t, 1)
	}
	c.mayNot("not_subscribed", `{"type":"unsubscribe","id":90,"channel":"room:later"}`)
	c.does(`{"type":"publish","id":91,"channel":"room:later","data":"the only one"}`)
	listeners.hearNext(t, "the only one")
	c.silent(0)
}

// A client that wants to continue is told that there is nothing to continue from, and hears what comes.
func TestRecoveryWithoutHistory(t *testing.T) {
	g := unbounded(t)
	c := g.dial(t, acme.token("ana", roles("member")))
	for i, since := range []string{`{"offset":41,"epoch":"x7"}`, `{"offset":0,"epoch":"x7"}`, `{"offset":18446744073709551615,"epoch":""}`} {
		channel := fmt.Sprintf("room:since-%d", i)
		c.say(`{"type":"subscribe","id":1,"channel":%q,"since":%s,"strict":true}`, channel, since)
		if got, want := c.verbatim(), fmt.Sprintf(`{"type":"error","id":1,"channel":%q,"code":"unrecoverable",`, channel); !strings.HasPrefix(got, want) {
			t.Errorf("strict since %s: got %s, want %s", since, got, want)
		}
		c.mayNot("not_subscribed", `{"type":"unsubscribe","id":2,"channel":%q}`, channel)
		c.say(`{"type":"subscribe","id":3,"channel":%q,"since":%s}`, channel, since)
		if got, want := c.verbatim(), fmt.Sprintf(`{"type":"ok","id":3,"channel":%q,"recovered":false,"reason":"no_history"}`, channel); got != want {
			t.Errorf("since %s: got %s, want %s", since, got, want)
		}
		c.does(`{"type":"publish","id":4,"channel":%q,"data":"live"}`, channel)
		if got := c.hear(); got["channel"] != channel || got["data"] != "live" {
			t.Errorf("got %v, want what was published", got)
		}
	}
	for _, since := range []string{`41`, `null`, `{}`, `{"epoch":"x7"}`, `{"offset":41}`, `{"offset":41,"epoch":7}`, `{"offset":-1,"epoch":"x7"}`, `{"offset":1.5,"epoch":"x7"}`, `{"offset":18446744073709551616,"epoch":"x7"}`, `{"offset":"41","epoch":"x7"}`, `[]`} {
		c.mayNot("bad_request", `{"type":"subscribe","id":5,"channel":"room:never","since":%s}`, since)
	}
	// A recovery is refused on a forbidden channel like everything else: nothing is found out by asking.
	for _, strict := range []bool{false, true} {
		c.mayNot("forbidden", `{"type":"subscribe","id":6,"channel":"ops:x","since":{"offset":1,"epoch":"x"},"strict":%v}`, strict)
	}
	c.mayNot("already_subscribed", `{"type":"subscribe","id":7,"channel":"room:since-0"}`)
}
