package blackbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// service is a token of a tenant's own backend: a client of its identity service, whose right is a scope.
func (p *party) service(more ...claims) string {
	return p.token("svc-billing", append([]claims{{"scope": "portcullis:manage"}}, more...)...)
}

// served is a gateway whose tenants have backends with service tokens. The rule names the service too: a scope alone could come from each of the tenant's issuers.
func served(t *testing.T) *gateway {
	rules := `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }
- { name: services announce, allow: [publish], channels: ["news:**"], for: { scopes: ["portcullis:manage"] } }`
	return share(t, "served", options{acme: tenantOptions{rules: rules}, globex: tenantOptions{rules: rules}})
}

// manage asks for a path as a backend.
func (g *gateway) manage(t *testing.T, token, method, path string) *answer {
	t.Helper()
	return g.asks(t, strings.Replace(g.get(path, bearer(token)), "GET", method, 1))
}

// pageful is one page of connections.
type pageful struct {
	Connections []entry `json:"connections"`
	Next        string  `json:"next"`
}

func (g *gateway) pageful(t *testing.T, token, query string) (p pageful) {
	t.Helper()
	a := g.manage(t, token, http.MethodGet, "/v1/connections"+query)
	if err := a.into(&p); err != nil || a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: got %d %s, %v", query, a.status, a.body, err)
	}
	return p
}

// id is the name of a client's own connection.
func (c *conn) id() string { return c.welcome["connection"].(string) }

// A backend sees who is connected to its own tenant, and can end that. Nobody of another tenant is there for it.
func TestABackendSeesAndEndsConnectionsOfItsTenant(t *testing.T) {
	g := served(t)
	ana, bob, theirs := someone("ana"), someone("bob"), someone("ana")
	first, second, other := g.dial(t, acme.token(ana, roles("member"))), g.dial(t, acme.token(ana)), g.dial(t, acme.token(bob))
	foreign := g.dial(t, globex.token(theirs))
	first.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	first.does(`{"type":"subscribe","id":2,"channel":"room:0"}`)

	got := g.pageful(t, acme.service(), "?user="+ana)
	if len(got.Connections) != 2 || got.Next != "" {
		t.Fatalf("got %v, want two connections of %s", got, ana)
	}
	for _, c := range got.Connections {
		want := map[string]float64{first.id(): 2, second.id(): 0}
		if n, there := want[c["connection"].(string)]; !there || c["subscriptions"] != n || c["user"] != ana || c["method"] != "bearer" || c["protocol"] != "portcullis.v1.json" || c["since"].(float64) < 1e12 || c["expires"].(float64) < c["since"].(float64) {
			t.Errorf("got %v", c)
		}
		for _, private := range []string{"remote", "address", "token_id", "claims", "roles"} {
			if _, there := c[private]; there {
				t.Errorf("it tells %s: %v", private, c)
			}
		}
	}
	var one entry
	if a := g.manage(t, acme.service(), http.MethodGet, "/v1/connections/"+first.id()); a.into(&one) != nil || mustJSON(one["channels"]) != `["room:0","room:1"]` {
		t.Errorf("got %d %s, want the channels", a.status, a.body)
	}
	closed := g.closes(t, "server", "disconnected")
	if a := g.manage(t, acme.service(), http.MethodDelete, "/v1/connections/"+other.id()); a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("got %d %s, want 204", a.status, a.body)
	}
	other.ends(t, 4505, `{"code":"disconnected"}`)
	if a := g.manage(t, acme.service(), http.MethodDelete, "/v1/users/"+ana+"/connections"); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"disconnected":2}` {
		t.Errorf("got %d %s, want two", a.status, a.body)
	}
	first.ends(t, 4505, `{"code":"disconnected"}`)
	second.ends(t, 4505, `{"code":"disconnected"}`)
	closed.moved(t, 3)
	foreign.lives(t)
	g.logged(t, entry{"event": "authz_admin", "operation": "connection.disconnect", "tenant": "acme"})
}

// A user's name is one segment of the path, whatever is in it.
// Whoever is being sent away is not there any more, though it has not answered the close frame: what a backend ended, or revoked, it does not see again.
func TestWhoIsBeingSentAwayIsNotThereAnyMore(t *testing.T) {
	g := served(t)
	for name, end := range map[string]func(user, connection string) *answer{
		"disconnected": func(_, connection string) *answer {
			return g.manage(t, acme.service(), http.MethodDelete, "/v1/connections/"+connection)
		},
		"revoked": func(user, _ string) *answer {
			return g.asks(t, g.post("/v1/revocations", "application/json", `{"kind":"user","value":"`+user+`"}`, bearer(acme.service())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := someone("dave")
			c := g.dial(t, acme.token(user, roles("member"))) // and does not read
			if a := end(user, c.id()); a.status/100 != 2 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			if got := g.pageful(t, acme.service(), "?user="+user); len(got.Connections) != 0 {
				t.Errorf("it is in the list: %v", got)
			}
			for method, path := range map[string]string{http.MethodGet: "", http.MethodDelete: "", http.MethodPost: "/subscribe"} {
				ask := strings.Replace(g.post("/v1/connections/"+c.id()+path, "application/json", `{"channel":"room:1"}`, bearer(acme.service())), http.MethodPost, method, 1)
				if method != http.MethodPost {
					ask = strings.Replace(g.get("/v1/connections/"+c.id(), bearer(acme.service())), http.MethodGet, method, 1)
				}
				if a := g.asks(t, ask); a.status != http.StatusNotFound {
					t.Errorf("%s: got %d %s, want 404", method, a.status, a.body)
				}
			}
			if a := g.asks(t, g.post("/v1/users/"+user+"/subscribe", "application/json", `{"channel":"room:1"}`, bearer(acme.service()))); strings.TrimSpace(a.body) != `{"connections":[]}` {
				t.Errorf("the user has %s, want no connections", a.body)
			}
		})
	}
}

func TestAUserWithSlashesInThePath(t *testing.T) {
	g := served(t)
	user := "a/b%2F|?#" + someone("")
	c := g.dial(t, acme.token(user))
	for _, wrong := range []string{url.PathEscape(url.PathEscape(user)), "a/b"} {
		if a := g.manage(t, acme.service(), http.MethodDelete, "/v1/users/"+wrong+"/connections"); strings.Contains(a.body, `:1}`) {
			t.Errorf("%s: got %d %s", wrong, a.status, a.body)
		}
	}
	c.lives(t)
	if a := g.manage(t, acme.service(), http.MethodDelete, "/v1/users/"+url.PathEscape(user)+"/connections"); strings.TrimSpace(a.body) != `{"disconnected":1}` {
		t.Errorf("got %d %s, want one", a.status, a.body)
	}
	c.ends(t, 4505, `{"code":"disconnected"}`)
}

// Everybody who stays is seen once, whatever the size of the page.
func TestPagesOfConnections(t *testing.T) {
	g := served(t)
	user := someone("many")
	want := make(map[string]bool)
	for range 7 {
		want[g.dial(t, acme.token(user)).id()] = true
	}
	seen, cursor := 0, ""
	for pages := 0; ; pages++ {
		p := g.pageful(t, acme.service(), "?limit=3&user="+user+"&cursor="+cursor)
		for _, c := range p.Connections {
			if !want[c["connection"].(string)] {
				t.Errorf("%v is there twice, or is nobody's", c)
			}
			delete(want, c["connection"].(string))
			seen++
		}
		if cursor = p.Next; cursor == "" {
			if pages != 2 || seen != 7 {
				t.Errorf("%d connections on %d pages, want 7 on 3", seen, pages+1)
			}
			break
		}
	}
	inURL := badHandshake("credential_in_url")
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=-1", "?limit=x", "?limit=1&limit=2", "?user=a&user=b"} {
		a := g.manage(t, acme.service(), http.MethodGet, "/v1/connections"+query)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" || !strings.HasPrefix(p.Detail, strings.TrimPrefix(query, "?")[:4]) {
			t.Errorf("%s: got %d %s, want 400 bad_request, and what is wrong", query, a.status, a.body)
		}
	}
	for _, query := range []string{"?tenant=globex", "?access_token=x", "?limit=1&ticket=x", "?limit=0&access_token=x", "?%zz"} {
		g.denies(t, "api", inURL, func() *answer { return g.manage(t, acme.service(), http.MethodGet, "/v1/connections"+query) })
	}
	g.pageful(t, acme.service(), "?limit=1000")
}

// The connections of another tenant are as little there as those that never were: the same words, the same status, and nothing happens to them.
func TestConnectionsOfAnotherTenant(t *testing.T) {
	g := served(t)
	user := someone("victim")
	victim := g.dial(t, acme.token(user))
	gone := strings.Repeat("A", len(victim.id())-2)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		absent := g.manage(t, globex.service(), method, "/v1/connections/c_"+gone)
		foreign := g.manage(t, globex.service(), method, "/v1/connections/"+victim.id())
		if foreign.status != http.StatusNotFound || foreign.status != absent.status || foreign.body != absent.body || mustJSON(foreign.header) != mustJSON(absent.header) && foreign.header.Get("Date") == absent.header.Get("Date") {
			t.Errorf("%s: another tenant's is %d %s, one that never was %d %s; want the same 404", method, foreign.status, foreign.body, absent.status, absent.body)
		}
	}
	if a := g.manage(t, globex.service(), http.MethodDelete, "/v1/users/"+user+"/connections"); strings.TrimSpace(a.body) != `{"disconnected":0}` {
		t.Errorf("got %d %s, want none", a.status, a.body)
	}
	for _, query := range []string{"", "?user=" + user, "?cursor=c_" + strings.Repeat("2", 16)} {
		for _, c := range g.pageful(t, globex.service(), query).Connections {
			if c["connection"] == victim.id() {
				t.Errorf("%s: globex sees %v", query, c)
			}
		}
	}
	victim.lives(t)
}

// The right to manage comes from the rules, and these read what the tenant's own identity service says: nothing that a user chose, and no other service.
func TestAManageScopeThatSomebodyMadeUp(t *testing.T) {
	g := served(t)
	victim := g.dial(t, acme.token(someone("victim")))
	forbidden := refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}
	const scope = "portcullis:manage"
	for _, a := range []struct {
		name, token string
		want        refusal
	}{
		{"as a claim of another name", acme.token("svc-billing", claims{"scopes": scope, "permissions": []string{scope}, "portcullis:manage": true}), forbidden},
		{"as a role", acme.token("svc-billing", roles(scope, "manage")), forbidden},
		{"in another case", acme.token("svc-billing", claims{"scope": "Portcullis:Manage"}), forbidden},
		{"as a part of another", acme.token("eve", claims{"sub": "svc-billing", "scope": "portcullis:manage:none xportcullis:manage portcullis:manage,x"}), forbidden},
		{"behind a tab", acme.token("svc-billing", claims{"scope": "read\tportcullis:manage"}), forbidden},
		{"as a name", acme.token(scope), forbidden},
		{"of somebody who is no service", acme.token("eve", claims{"scope": scope}), forbidden},
		{"of a partner's service of the same name", acme.tokenOf(acme.partner, "svc-billing", claims{"scope": scope}), forbidden},
		{"in a header", acme.signed(claims{"scope": scope}), forbidden},
		{"signed by somebody else", forged(claims{"scope": scope}), unbelieved("bad_signature")},
		{"of another tenant", secret(globex.issuer.Token("svc-billing", claims{"aud": acme.audience, "scope": scope})), unbelieved("bad_audience")},
	} {
		t.Run(a.name, func(t *testing.T) {
			for method, path := range map[string]string{"GET": "/v1/connections", "DELETE": "/v1/connections/" + victim.id()} {
				g.denies(t, "api", a.want, func() *answer { return g.manage(t, a.token, method, path) })
			}
		})
	}
	victim.lives(t)
}

// A token that was narrowed to some channels does not manage, whatever its scope says (RFC 9396).
func TestAGrantWithoutManage(t *testing.T) {
	g := served(t)
	narrowed := acme.service(claims{"authorization_details": []claims{{"type": "portcullis_channel", "actions": []string{"publish"}, "channels": []string{"news:**"}}}})
	g.denies(t, "api", refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}, func() *answer { return g.manage(t, narrowed, "GET", "/v1/connections") })
	g.may(t, narrowed, `{"checks":[{"action":"manage"},{"action":"publish","channel":"news:1"},{"action":"publish","channel":"room:1"}]}`, no, yes, no)
	g.may(t, acme.service(), `{"checks":[{"action":"manage"}]}`, yes)
}

// A service that connects is a client like others: it sends in its own name, and may do what rules allow it.
func TestAServiceOnTheWebSocketIsItself(t *testing.T) {
	g := served(t)
	c := g.dial(t, acme.service(roles("member")))
	c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	c.say(`{"type":"publish","channel":"room:1","data":1,"from":{"user":"ana"},"user":"ana","as":"ana"}`)
	if m := c.hear(); m["type"] != "message" || mustJSON(m["from"]) != mustJSON(claims{"user": "svc-billing", "connection": c.id()}) {
		t.Errorf("got %v, want it from svc-billing", m)
	}
	c.does(`{"type":"publish","id":2,"channel":"news:today","data":1}`)
	c.mayNot("forbidden", `{"type":"publish","id":3,"channel":"ops:x","data":1}`)
	c.mayNot("forbidden", `{"type":"subscribe","id":4,"channel":"user:ana:inbox"}`)
}
