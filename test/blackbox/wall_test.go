package blackbox_test

import (
	"testing"
)

// Two services of one tenant that both know an ana know two users, and neither reads the other's inbox.
func TestTheSameSubjectOfTwoIssuers(t *testing.T) {
	g := plain(t)
	first := g.dial(t, acme.token("ana"))
	second := g.dial(t, acme.tokenOf(acme.partner, "ana"))
	third := g.dial(t, acme.tokenOf(broker, "ana"))
	for c, want := range map[*conn]string{first: "ana", second: "partner|ana", third: "broker|ana"} {
		if c.welcome["user"] != want || c.welcome["segment"] != want {
			t.Errorf("got %v, want user and segment %s", c.welcome, want)
		}
	}
	first.does(`{"type":"subscribe","id":1,"channel":"user:ana:inbox"}`)
	second.does(`{"type":"subscribe","id":1,"channel":"user:partner|ana:inbox"}`)
	for _, inbox := range []string{"user:partner|ana:inbox", "user:broker|ana:inbox", "user:bob:inbox", "user:partner%7Cana:inbox"} {
		if e := first.ask(`{"type":"subscribe","id":2,"channel":%q}`, inbox); e["code"] != "forbidden" && e["code"] != "bad_channel" {
			t.Errorf("ana on %s: got %v, want forbidden", inbox, e)
		}
	}
	second.mayNot("forbidden", `{"type":"subscribe","id":2,"channel":"user:ana:inbox"}`)
	third.mayNot("forbidden", `{"type":"subscribe","id":2,"channel":"user:ana:inbox"}`)

	// carol writes to both; each gets what is for it, and nothing else.
	carol := g.dial(t, acme.token("carol", roles("member")))
	for c, to := range map[*conn]string{first: "user:ana:inbox", second: "user:partner|ana:inbox"} {
		carol.does(`{"type":"publish","id":1,"channel":%q,"data":%q}`, to, secret("this is only for "+to))
		if got := c.hear(); got["channel"] != to || got["data"] != "this is only for "+to {
			t.Errorf("got %v, want what was for %s", got, to)
		}
	}
	for _, c := range []*conn{first, second, third} {
		c.does(`{"type":"ping","id":9}`) // everything before it has been delivered
		c.silent(0)
	}
}

// A subject that is spelled like somebody else's user is refused.
func TestASubjectThatImitatesAPrefix(t *testing.T) {
	bad := unbelieved("bad_subject")
	plain(t).withstands(t, []attack{
		{"of the partner's users", bad, []string{bearer(acme.token("partner|ana"))}},
		{"of the broker's users", bad, []string{bearer(acme.token("broker|ana"))}},
		{"of certificates", bad, []string{bearer(acme.token("cert|spiffe://acme.example/sensor/1"))}},
		{"the prefix alone", bad, []string{bearer(acme.token("partner|"))}},
	})
	// Behind a prefix of their own such subjects are only strange.
	for _, sub := range []string{"cert|spiffe://acme.example/sensor/1", "partner|ana", "broker|ana"} {
		if c := plain(t).dial(t, acme.tokenOf(acme.partner, sub)); c.welcome["user"] != "partner|"+sub {
			t.Errorf("got %v, want the user partner|%s", c.welcome, sub)
		}
	}
}

// A user is one segment of a channel's name, whatever characters its subject has.
func TestASubjectThatIsAChannelPattern(t *testing.T) {
	g := plain(t)
	for sub, segment := range map[string]string{
		"*": "%2A", "**": "%2A%2A", "ana:notes": "ana%3Anotes", "ana%3Anotes": "ana%253Anotes", "{user}": "%7Buser%7D", "ana:**": "ana%3A%2A%2A", "$sys": "%24sys",
	} {
		t.Run(sub, func(t *testing.T) {
			c := g.dial(t, acme.token(sub))
			if c.welcome["user"] != sub || c.welcome["segment"] != segment {
				t.Errorf("got %v, want user %s and segment %s", c.welcome, sub, segment)
			}
			c.does(`{"type":"subscribe","id":1,"channel":%q}`, "user:"+segment+":inbox")
			for _, other := range []string{"user:ana:inbox", "user:ana:notes:x", "user:x:y"} {
				c.mayNot("forbidden", `{"type":"subscribe","id":2,"channel":%q}`, other)
			}
		})
	}
}

// Who may not do the one thing that a subprotocol is for does not get its socket, and the policy's decision is counted.
func TestTheMirrorForWhoMayNotEcho(t *testing.T) {
	g := plain(t)
	forbidden := refusal{403, "forbidden", "echo_forbidden"}
	denied := func() float64 {
		return g.metric(t, "portcullis_acl_decisions_total", "action", "echo", "decision", "deny")
	}
	before := denied()
	attacks := []attack{
		{"without the role", forbidden, []string{bearer(acme.token("ana")), mirror}},
		{"with another", forbidden, []string{bearer(acme.token("ana", roles("member", "PROBER"))), mirror}},
		{"with the role in another claim", forbidden, []string{bearer(acme.token("ana", claims{"groups": []string{"prober"}})), mirror}},
		{"with the token as an entry", forbidden, []string{inProtocol(acme.token("ana"), "portcullis.echo.v1")}},
	}
	g.withstands(t, attacks)
	if got := denied() - before; got != float64(len(attacks)) {
		t.Errorf("%v denials were counted, want %d", got, len(attacks))
	}
	c := g.dial(t, acme.token("ana", roles("prober")), mirror)
	if err := c.put(frame{fin: true, opcode: opBinary, payload: []byte("\x00\xff")}); err != nil {
		t.Fatal(err)
	}
	if f, err := c.message(patience); err != nil || f.opcode != opBinary || string(f.payload) != "\x00\xff" {
		t.Errorf("got %v, %v, want what was sent", f, err)
	}
}

// A refused publish moves the counter.
func TestARefusedPublishIsCounted(t *testing.T) {
	g := plain(t)
	c := g.dial(t, acme.token("ana", roles("member")))
	for _, want := range []struct{ channel, basis string }{
		{"news:today", "no_match"},
		{"ops:deploy", "explicit_deny"},
	} {
		labels := []string{"action", "publish", "decision", "deny", "basis", want.basis}
		before := g.metric(t, "portcullis_acl_decisions_total", labels...)
		refused := g.metric(t, "portcullis_command_errors_total", "command", "publish", "code", "forbidden")
		c.mayNot("forbidden", `{"type":"publish","id":1,"channel":%q,"data":%q}`, want.channel, secret("what nobody may hear"))
		if got := g.metric(t, "portcullis_acl_decisions_total", labels...) - before; got != 1 {
			t.Errorf("%s: %v denials were counted, want 1", want.channel, got)
		}
		if got := g.metric(t, "portcullis_command_errors_total", "command", "publish", "code", "forbidden") - refused; got != 1 {
			t.Errorf("%s: %v errors were counted, want 1", want.channel, got)
		}
	}
}
