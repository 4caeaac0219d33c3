package blackbox_test

import (
	"crypto/tls"
	"strings"
	"testing"
)

// refused is a token that must not take the place of a connection's credential, and what its sender is told.
type refused struct{ name, code, token string }

// withstandsRefreshes sends every token on one connection, which must go on as it was: its user, its rights and its end.
func (c *conn) withstandsRefreshes(t *testing.T, attacks []refused) {
	t.Helper()
	for _, a := range attacks {
		e := c.ask(`{"type":"refresh","id":1,"token":%q}`, a.token)
		if e["type"] != "error" || e["code"] != a.code {
			t.Errorf("%s: got %v, want the error %s", a.name, e, a.code)
		}
		if a.code == "unauthorized" && e["message"] != strings.Replace(notBelieved, "by this problem's instance", "by this connection's id", 1) {
			t.Errorf("%s: the client was told %q", a.name, e["message"])
		}
	}
	// Whoever listens hears who it still is.
	c.does(`{"type":"subscribe","id":2,"channel":"room:%s"}`, c.welcome["connection"])
	c.does(`{"type":"publish","id":3,"channel":"room:%s","data":1}`, c.welcome["connection"])
	if from, _ := c.hear()["from"].(map[string]any); from["user"] != c.welcome["user"] || from["connection"] != c.welcome["connection"] {
		t.Errorf("it is %v now, want %v", from, c.welcome["user"])
	}
	c.mayNot("forbidden", `{"type":"publish","id":4,"channel":"ops:x","data":1}`)
}

// refreshes counts the refreshes that a connection was granted.
func (g *gateway) refreshes(t *testing.T) mark {
	t.Helper()
	return g.mark(t, "portcullis_credentials_refreshed_total")
}

// A connection is its user's. Whoever holds a good token of somebody else has a connection of his own to make.
func TestARefreshByAnotherUser(t *testing.T) {
	g := identities(t)
	granted := g.refreshes(t)
	operator := roles("member", "operator")
	g.dial(t, acme.token("ana", roles("member"))).withstandsRefreshes(t, []refused{
		{"another user", "forbidden", acme.token("bob", operator)},
		{"another case", "forbidden", acme.token("Ana", operator)},
		{"a space behind it", "forbidden", acme.token("ana ", operator)},
		{"a letter that looks like it", "forbidden", acme.token("аna", operator)},
		{"the same letters, composed otherwise", "forbidden", acme.token("ana\u0301", operator)},
		{"a claim that says otherwise", "forbidden", acme.token("bob", operator, claims{"preferred_username": "ana", "email": "ana", "user": "ana"})},
	})
	granted.moved(t, 0)
}

// Two issuers of one tenant may know an ana each. They are two users, also where their names would be one.
func TestARefreshByAnotherIssuersUser(t *testing.T) {
	g := identities(t)
	granted := g.refreshes(t)
	operator := roles("member", "operator")
	g.dial(t, acme.token("ana", roles("member"))).withstandsRefreshes(t, []refused{
		{"the partner's ana", "forbidden", acme.tokenOf(acme.partner, "ana", operator)},
		{"the broker's ana", "forbidden", acme.tokenOf(broker, "ana", operator)},
		{"a stranger's ana", "unauthorized", acme.tokenOf(stranger, "ana", operator)},
		{"the partner's, in the issuer's name", "unauthorized", acme.tokenOf(acme.partner, "ana", operator, claims{"iss": acme.issuer.URL})},
	})
	g.dial(t, acme.tokenOf(acme.partner, "ana", roles("member"))).withstandsRefreshes(t, []refused{
		{"the issuer's ana", "forbidden", acme.token("ana", operator)},
		{"the issuer's, by the name that she has here", "unauthorized", acme.token("partner|ana", operator)},
	})
	granted.moved(t, 0)
}

// A connection stays in the tenant that it was let into, whoever its user may be elsewhere.
func TestARefreshByAnotherTenant(t *testing.T) {
	g := identities(t)
	granted := g.refreshes(t)
	operator := roles("member", "operator")
	g.dial(t, acme.token("ana", roles("member"))).withstandsRefreshes(t, []refused{
		{"globex's ana", "forbidden", globex.token("ana", operator)},
		{"acme's, for globex's audience", "unauthorized", acme.token("ana", operator, claims{"aud": globex.audience})},
	})
	// The broker knows one ana, whom both tenants let in.
	g.dial(t, acme.tokenOf(broker, "ana", roles("member"))).withstandsRefreshes(t, []refused{
		{"the same user of the same issuer, for globex", "forbidden", globex.tokenOf(broker, "ana", operator)},
		{"for both", "unauthorized", acme.tokenOf(broker, "ana", operator, claims{"aud": []string{acme.audience, globex.audience}})},
	})
	granted.moved(t, 0)
}

// Rights that were taken away do not come back with the token from before.
func TestARefreshByAnOlderToken(t *testing.T) {
	g := identities(t)
	operator := roles("member", "operator")
	older := acme.token("ana", operator, claims{"iat": now() - 60, "exp": now() + 7200})
	undated := acme.token("ana", operator, claims{"iat": absent})
	c := g.dial(t, acme.token("ana", roles("member"), claims{"iat": now() - 30}))
	granted := g.refreshes(t)
	c.withstandsRefreshes(t, []refused{
		{"issued half a minute before", "forbidden", older},
		{"that does not say when it was issued", "forbidden", undated},
	})
	granted.moved(t, 0)
	// After a refresh it is the newer token that counts.
	c.does(`{"type":"refresh","id":9,"token":%q}`, acme.token("ana", roles("member"), claims{"iat": now() - 10}))
	granted.moved(t, 1)
	c.mayNot("forbidden", `{"type":"refresh","id":10,"token":%q}`, acme.token("ana", operator, claims{"iat": now() - 20}))
	granted.moved(t, 1)
}

// A refresh asks everything that a handshake asks.
func TestARefreshByATokenThatIsNotGood(t *testing.T) {
	g := identities(t)
	granted := g.refreshes(t)
	ticket := g.mint(t, acme.token("ana"))
	g.dial(t, acme.token("ana", roles("member"))).withstandsRefreshes(t, []refused{
		{"expired", "token_expired", acme.token("ana", claims{"iat": now() - 30, "exp": now() - 10})},
		{"expired and forged", "unauthorized", forged(claims{"exp": now() - 10})},
		{"forged", "unauthorized", forged()},
		{"signed by another key", "unauthorized", impostor(acme.issuer).token(acme)},
		{"unsigned", "unauthorized", secret(unsigned(acme.signed(nil)))},
		{"alg none", "unauthorized", acme.signed(claims{"alg": "none"})},
		{"not yet valid", "unauthorized", acme.token("ana", claims{"nbf": now() + 60})},
		{"that lives too long", "unauthorized", acme.token("ana", claims{"exp": now() + 90000})},
		{"bound to a certificate", "unauthorized", acme.token("ana", boundTo(acme.certificate(t, "sensor/1")))},
		{"bound to a key", "unauthorized", acme.token("ana", claims{"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})},
		{"a logout token", "unauthorized", acme.logoutToken(claims{"sub": "ana"})},
		{"a ticket", "unauthorized", ticket},
		{"no token at all", "unauthorized", "please"},
		{"with its scheme", "unauthorized", "Bearer " + acme.token("ana")},
	})
	granted.moved(t, 0)
	c := g.dial(t, acme.token("ana"))
	for _, request := range []string{`{"type":"refresh","id":1}`, `{"type":"refresh","id":1,"token":null}`, `{"type":"refresh","id":1,"token":""}`, `{"type":"refresh","id":1,"token":["a"]}`, `{"type":"refresh","id":1,"token":7}`} {
		c.mayNot("bad_request", "%s", request)
	}
	c.lives(t)
}

// A token that is bound to a certificate counts over that certificate alone, in a refresh too.
func TestARefreshByATokenOfAnotherCertificate(t *testing.T) {
	g := identitiesTLS(t)
	own, other := acme.certificate(t, "sensor/1"), acme.certificate(t, "sensor/2")
	token := func(to tls.Certificate) string { return acme.token("ana", roles("member"), boundTo(to)) }
	granted := g.refreshes(t)
	c := g.dialOver(t, trust(own), token(own))
	c.withstandsRefreshes(t, []refused{
		{"bound to another certificate", "unauthorized", token(other)},
		{"bound to a key beside", "unauthorized", acme.token("ana", claims{"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})},
	})
	g.dial(t, acme.token("ana", roles("member"))).withstandsRefreshes(t, []refused{{"where none was shown", "unauthorized", token(own)}})
	granted.moved(t, 0)
	c.does(`{"type":"refresh","id":9,"token":%q}`, token(own))
	granted.moved(t, 1)
}

// Whoever has a certificate and no token has nothing that a token could replace.
func TestARefreshOfACertificatesSession(t *testing.T) {
	g := identitiesTLS(t)
	own := acme.certificate(t, "sensor/1")
	granted := g.refreshes(t)
	c := g.dialOver(t, trust(own), "")
	c.mayNot("not_available", `{"type":"refresh","id":1,"token":%q}`, acme.token("ana", roles("operator")))
	c.mayNot("not_available", `{"type":"refresh","id":2,"token":%q}`, acme.token("cert|"+sensor))
	granted.moved(t, 0)
	c.mayNot("forbidden", `{"type":"publish","id":3,"channel":"ops:x","data":1}`)
	c.does(`{"type":"publish","id":4,"channel":"telemetry:1","data":1}`)
}

// What a client is told of a refused refresh leads the operator to the reason: the id that it has from its welcome stands in the line.
func TestARefusedRefreshIsFoundByTheConnection(t *testing.T) {
	g := identities(t)
	c := g.dial(t, acme.token("ana", roles("member")))
	if e := c.mayNot("unauthorized", `{"type":"refresh","id":1,"token":%q}`, forged()); !strings.HasSuffix(e["message"].(string), "by this connection's id") {
		t.Errorf("got %v, want words for whoever has no problem document", e)
	}
	g.logged(t, entry{"event": "refresh.refused", "refresh": c.id(), "reason": "bad_signature", "tenant": "acme"})
}
