package blackbox_test

import (
	"net/http"
	"testing"
)

// narrowed is a claim that narrows a token to these entries.
func narrowed(entries ...claims) claims { return claims{"authorization_details": entries} }

func channelGrant(channel string, actions ...string) claims {
	return claims{"type": "portcullis_channel", "actions": actions, "channels": []string{channel}}
}

// A token that its user gave to an assistant, for one room, opens that room and no other, however it is shown.
func TestAGrantThatWouldWiden(t *testing.T) {
	g := identities(t)
	token := acme.token("ana", roles("member", "operator", "backend"), narrowed(claims{"type": "payment", "amount": 1},
		channelGrant("room:1", "subscribe"), channelGrant("hall:**", "subscribe", "publish"), channelGrant("user:bob:inbox", "subscribe")))
	for name, c := range map[string]*conn{"by its token": g.dial(t, token), "grants lost through a ticket": accepted(t, g.redeem(t, g.mint(t, token)))} {
		t.Run(name, func(t *testing.T) {
			c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
			c.mayNot("forbidden", `{"type":"subscribe","id":2,"channel":"room:2"}`)             // allowed by the rules, and not granted
			c.mayNot("forbidden", `{"type":"publish","id":3,"channel":"room:1","data":1}`)      // another action
			c.mayNot("forbidden", `{"type":"subscribe","id":4,"channel":"hall:1"}`)             // granted, and no rule allows it
			c.mayNot("forbidden", `{"type":"subscribe","id":5,"channel":"user:bob:inbox"}`)     // granted, and another's
			c.mayNot("forbidden", `{"type":"echo","id":6,"channel":"lab:rtt","data":"anyone"}`) // what everybody may
		})
	}
	if a := g.asks(t, g.post("/v1/revocations", "application/json", `{"kind":"user","value":"x"}`, bearer(token))); a.status != http.StatusForbidden {
		t.Errorf("it manages: got %d %s, want 403", a.status, a.body)
	}
	who := g.identity(t, g.connect(t), bearer(token))
	if want := `[{"actions":["subscribe"],"channels":["room:1"]},{"actions":["subscribe","publish"],"channels":["hall:**"]},{"actions":["subscribe"],"channels":["user:bob:inbox"]}]`; mustJSON(who["grants"]) != want || who["manages"] != false {
		t.Errorf("got %s, manages %v; want %s and false", mustJSON(who["grants"]), who["manages"], want)
	}
}

func TestAGrantThatIsNotUnderstood(t *testing.T) {
	g := identities(t)
	token := acme.token("ana", roles("member"), narrowed(channelGrant("room:*", "subscribe", "everything")))
	g.refuses(t, unbelieved("bad_grant"), func() *answer { return g.handshake(t, bearer(token)) })
	g.denies(t, "api", unbelieved("bad_grant"), func() *answer { return g.asks(t, g.get("/v1/whoami", bearer(token))) })
}

// A refresh by a narrower token takes away at once what it does not grant; a wider one of the same user gives it back.
func TestARefreshThatNarrows(t *testing.T) {
	g := identities(t)
	c, witness := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member")))
	c.does(`{"type":"subscribe","id":1,"channel":"room:narrow-1"}`)
	c.does(`{"type":"subscribe","id":2,"channel":"room:narrow-2"}`)
	c.does(`{"type":"refresh","id":3,"token":%q}`, acme.token("ana", roles("member"), narrowed(channelGrant("room:narrow-1", "subscribe"))))
	if told := c.hear(); told["type"] != "unsubscribed" || told["channel"] != "room:narrow-2" || told["code"] != "forbidden" {
		t.Errorf("got %v, want to be unsubscribed from room:narrow-2", told)
	}
	witness.does(`{"type":"publish","id":1,"channel":"room:narrow-2","data":"not for ana"}`)
	witness.does(`{"type":"publish","id":2,"channel":"room:narrow-1","data":"for ana"}`)
	c.hearsFrom(t, "bob", "for ana")
	c.mayNot("forbidden", `{"type":"subscribe","id":4,"channel":"room:narrow-2"}`)
	c.mayNot("unauthorized", `{"type":"refresh","id":5,"token":%q}`, acme.token("ana", roles("member"), narrowed(claims{"type": "portcullis_channel"})))
	c.does(`{"type":"refresh","id":6,"token":%q}`, acme.token("ana", roles("member")))
	c.does(`{"type":"subscribe","id":7,"channel":"room:narrow-2"}`)
}
