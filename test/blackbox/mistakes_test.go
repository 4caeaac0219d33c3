package blackbox_test

// Mistakes that other systems made with rules and tenants. docs/mistakes.md has the list, with what was written about them.

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// EMQX's no_match=allow, and NATS without permissions: where no rule says anything, anything goes.
func TestAllowByDefault(t *testing.T) {
	g := unbounded(t)
	for _, user := range []string{"admin", "root", "$sys", "acme"} {
		c := g.dial(t, acme.token(user, roles("admin", "root", "superuser", "*", "prober,member", "MEMBER"), claims{"scope": "admin * manage publish", "admin": true}))
		for _, name := range []string{"unheard:of", "a", "room:1", "ops:deploy", "admin", "sys:status", "user:bob:inbox"} {
			for _, verb := range []string{"subscribe", "publish", "echo"} {
				c.mayNot("forbidden", `{"type":%q,"id":1,"channel":%q,"data":1}`, verb, name)
			}
		}
	}
}

// AppSync Events: a subscription to a wildcard heard what the rule of each user kept apart.
func TestAWildcardSubscriptionPastTheRuleOfEachUser(t *testing.T) {
	g := unbounded(t)
	eve, bob := g.dial(t, acme.token("eve")), g.dial(t, acme.token("bob"))
	bob.does(`{"type":"subscribe","id":1,"channel":"user:bob:inbox"}`)
	for _, name := range []string{
		"user:*:inbox", "user:**", "**", "*", "*:bob:inbox", "user:b*:inbox", "user:>", ">", "user:+:inbox", "user:#", "#", "user:.*:inbox", "user:bob:", "user:bob|eve:inbox",
		"user:%2A:inbox", "user:%2A%2A", "user:{user}:inbox", "user:eve/../bob:inbox", "user:eve%3A..:bob", "USER:bob:inbox", "user:bob:inbox ", "user::inbox",
	} {
		if e := eve.ask(`{"type":"subscribe","id":1,"channel":%q}`, name); e["code"] != "forbidden" && e["code"] != "bad_channel" {
			t.Errorf("%s: got %v, want forbidden or bad_channel", name, e)
		}
	}
	// What is below one's own may look like anything, and is a name: no path, and no pattern.
	eve.does(`{"type":"subscribe","id":1,"channel":"user:eve:%%2A"}`)
	eve.does(`{"type":"subscribe","id":2,"channel":"user:eve:..:bob:inbox"}`)
	carol := g.dial(t, acme.token("carol", roles("member")))
	carol.does(`{"type":"publish","id":1,"channel":"user:bob:inbox","data":"for bob"}`)
	carol.does(`{"type":"publish","id":2,"channel":"user:eve:inbox","data":"for eve, who does not hear it there"}`)
	if got := bob.hear(); got["data"] != "for bob" {
		t.Errorf("bob heard %v", got)
	}
	eve.does(`{"type":"ping","id":9}`)
	eve.silent(0)
}

// Supabase: what the socket refused, the HTTP side let pass. Whatever is asked of the one is asked of the other, of users of all roles, on names of all kinds.
func TestTwoAuthorizersThatDrift(t *testing.T) {
	g := unbounded(t)
	names := append(roomNames(30), "lab:rtt", "echo", "ops:x", "room:ops:x", "user:ana:inbox", "user:bob:inbox", "telemetry:1", "unheard:of", "room", "room:1")
	allowed := 0
	for _, has := range [][]string{nil, {"member"}, {"operator"}, {"member", "operator", "prober"}, {"backend"}} {
		token := acme.token("ana", roles(has...))
		c := g.dial(t, token)
		for _, verb := range []string{"echo", "subscribe", "publish", "history", "presence"} {
			var checks []string
			for _, name := range names {
				checks = append(checks, fmt.Sprintf(`{"action":%q,"channel":%q}`, verb, name))
			}
			a := g.asks(t, g.checks(token, `{"checks":[`+strings.Join(checks, ",")+`]}`))
			var said struct{ Results []struct{ Allowed *bool } }
			if err := a.into(&said); err != nil || len(said.Results) != len(names) {
				t.Fatalf("got %d %s, %v", a.status, a.body, err)
			}
			for i, name := range names {
				e := c.ask(`{"type":%q,"id":1,"channel":%q,"data":1,"self":true}`, verb, name)
				is := said.Results[i].Allowed
				may := e["type"] == "ok" || e["code"] != "forbidden" // a channel that keeps nothing has no history for whoever may read it either
				if is == nil || *is != may {
					t.Errorf("%v: %s on %s is %v over the socket, %v over HTTP", has, verb, name, e, a.body)
				}
				if e["type"] == "ok" {
					allowed++
				}
			}
		}
		// To manage is asked over HTTP alone: of the check, and of what it is about.
		if lists := g.asks(t, g.get("/v1/connections", bearer(token))); lists.status != http.StatusOK && lists.status != http.StatusForbidden {
			t.Errorf("%v: got %d %s, want a list or a refusal", has, lists.status, lists.body)
		} else if check := g.asks(t, g.checks(token, `{"checks":[{"action":"manage"}]}`)); strings.Contains(check.body, `"allowed":true`) != (lists.status == http.StatusOK) {
			t.Errorf("%v: manage is %s of the check, and %d of the list", has, check.body, lists.status)
		}
	}
	if allowed == 0 {
		t.Error("nothing was allowed: nothing is proven")
	}
}

// NATS (nats-server 5477): a revocation was looked at on one road of authentication and forgotten on another. Every kind of revocation, on every road by which a
// credential can be shown; the other tenant's credentials, which say the same, stay.
func TestEveryRevocationOnEveryRoad(t *testing.T) {
	t.Parallel()
	o := managed
	o.tls, o.listen = true, "client_certificates: request"
	g := start(t, o)
	for _, kind := range []string{"token", "user", "session", "certificate", "key"} {
		t.Run(kind, func(t *testing.T) {
			user := someone("eve")
			says := claims{"jti": user + "-jti", "sid": user + "-sid"}
			cert := acme.certificate(t, user)
			secured, theirs := trust(cert), trust(globex.certificate(t, user))
			token, twin := acme.token(user, says), globex.token(user, says)
			var live, stay []*conn
			if kind == "certificate" {
				live = []*conn{g.dialOver(t, secured, ""), g.dialOver(t, secured, acme.token(user, boundTo(cert)))}
				stay = []*conn{g.dialOver(t, theirs, ""), g.dial(t, token)}
			} else {
				live = []*conn{g.dial(t, token), accepted(t, g.handshake(t, inProtocol(token, dialectEntry))), accepted(t, g.redeem(t, g.mint(t, token)))}
				stay = []*conn{g.dial(t, twin), accepted(t, g.redeem(t, g.mint(t, twin)))}
			}
			early, twins := g.mint(t, token), g.mint(t, twin)
			bystander := g.dial(t, acme.tokenOf(acme.partner, user))
			value := map[string]string{"token": user + "-jti", "user": user, "session": user + "-sid", "certificate": fingerprint(cert), "key": acme.issuer.KeyID}[kind]
			g.endsBy(t, fmt.Sprintf(`{"kind":%q,"value":%q}`, kind, value), live...)

			roads := map[string]func() *answer{
				"a bearer token":       func() *answer { return g.handshake(t, bearer(token)) },
				"a subprotocol":        func() *answer { return g.handshake(t, inProtocol(token, dialectEntry)) },
				"a ticket from before": func() *answer { return g.redeem(t, early) },
				"a new ticket":         func() *answer { return g.asks(t, g.post("/v1/tickets", "", "", bearer(token))) },
				"whoami":               func() *answer { return g.asks(t, g.get("/v1/whoami", bearer(token))) },
				"a check":              func() *answer { return g.asks(t, g.checks(token, `{"checks":[{"action":"manage"}]}`)) },
				"a revocation":         func() *answer { return g.asks(t, g.revocation(token, `{"kind":"user","value":"x"}`)) },
			}
			if kind == "certificate" {
				roads = map[string]func() *answer{
					"the certificate":       func() *answer { return g.handshakeOver(t, secured) },
					"a token over it":       func() *answer { return g.handshakeOver(t, secured, bearer(token)) },
					"a token bound to it":   func() *answer { return g.handshakeOver(t, secured, bearer(acme.token(user, boundTo(cert)))) },
					"whoami over it":        func() *answer { return g.tell(t, g.connect(t, secured), g.get("/v1/whoami")) },
					"a new ticket over it":  func() *answer { return g.tell(t, g.connect(t, secured), g.post("/v1/tickets", "", "", bearer(token))) },
					"a subprotocol over it": func() *answer { return g.handshakeOver(t, secured, inProtocol(token, dialectEntry)) },
					"a check over it": func() *answer {
						return g.tell(t, g.connect(t, secured), g.checks(token, `{"checks":[{"action":"manage"}]}`))
					},
				}
			}
			for _, road := range slices.Sorted(maps.Keys(roads)) {
				if a := roads[road](); a.status != http.StatusUnauthorized {
					t.Errorf("%s: got %d %s, want 401", road, a.status, a.body)
				}
			}
			switch kind { // somebody who is in must not come back to it
			case "token", "session":
				older := g.dial(t, acme.token(user, claims{"jti": user + "-2", "sid": user + "-2", "iat": now() - 60}))
				older.mayNot("unauthorized", `{"type":"refresh","id":1,"token":%q}`, token)
			}
			for _, c := range append(stay, bystander) {
				c.lives(t)
			}
			g.dial(t, twin)
			accepted(t, g.redeem(t, twins))
		})
	}
}

// nats.ws 191: behind a balancer, clients were told the addresses of nodes that only the inside can reach, and that an attacker likes to know.
func TestNoNodeIsAdvertised(t *testing.T) {
	g := plain(t)
	_, port, err := net.SplitHostPort(g.address)
	if err != nil {
		t.Fatal(err)
	}
	_, adminPort, _ := net.SplitHostPort(g.admin)
	host, err := os.Hostname()
	if err != nil || len(host) < 4 {
		host = "localhost" // it may stand in a word by chance
	}
	c := g.dial(t, acme.token("ana"))
	welcome, _ := json.Marshal(c.welcome)
	texts := map[string]string{"the welcome": string(welcome)}
	for name, a := range map[string]*answer{
		"a refusal": g.handshake(t), "health": g.asks(t, g.get("/healthz")), "whoami": g.asks(t, g.get("/v1/whoami", bearer(acme.token("ana")))),
		"no such path": g.asks(t, g.get("/v1/nodes")), "a 101": g.handshake(t, bearer(acme.token("ana"))),
	} {
		header, _ := json.Marshal(a.header)
		texts[name] = string(header) + a.body
	}
	for name, text := range texts {
		for _, address := range []string{":" + port, ":" + adminPort, "127.0.0.1", "localhost", host} {
			if strings.Contains(text, address) {
				t.Errorf("%s tells %s: %s", name, address, text)
			}
		}
	}
}
