package blackbox_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// managing are the requests by which a backend may see or change something of its tenant, for somebody whose connection is there.
func managing(g *gateway, token string, victim *conn, user string, headers ...string) map[string]string {
	get := func(method, path string) string {
		return strings.Replace(g.get(path, append(headers, bearer(token))...), "GET", method, 1)
	}
	return map[string]string{
		"list":        get("GET", "/v1/connections"),
		"show":        get("GET", "/v1/connections/"+victim.id()),
		"disconnect":  get("DELETE", "/v1/connections/"+victim.id()),
		"unsubscribe": g.unsubscription(token, victim.id(), `{"channel":"room:1"}`, headers...),
		"end a user":  get("DELETE", "/v1/users/"+user+"/connections"),
		"revoke":      g.post("/v1/revocations", "application/json", `{"kind":"user","value":"`+user+`"}`, append(headers, bearer(token))...),
		"ask":         g.checks(token, `{"checks":[{"action":"manage"}]}`, headers...),
	}
}

// A page of another site that has found a backend's token, or sits in a browser that shows a certificate, changes nothing with it, and reads nothing.
func TestAPageOfAnotherSiteThatManages(t *testing.T) {
	g := served(t)
	user := someone("victim")
	victim := g.dial(t, acme.token(user))
	for _, origin := range []string{"https://evil.example", "null", globex.origin, acme.origin + ".evil.example", strings.ToUpper(acme.origin)} {
		for what, raw := range managing(g, acme.service(), victim, user, "Origin: "+origin) {
			a := g.asks(t, raw)
			if p, err := a.problem(); err != nil || a.status != http.StatusForbidden || p.Code != "origin_refused" {
				t.Errorf("%s from %s: got %d %s, want 403 origin_refused", what, origin, a.status, a.body)
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); got == "*" || got == origin && origin != globex.origin || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: a page may read it: %v", what, origin, a.header)
			}
		}
	}
	for _, path := range []string{"/v1/connections/" + victim.id(), "/v1/users/" + user + "/connections", "/v1/revocations"} {
		a := g.asks(t, g.preflight(path, http.MethodDelete, acme.origin))
		if a.header.Get("Access-Control-Allow-Methods") != "" || a.status < 400 {
			t.Errorf("a page may ask for DELETE of %s: %d %v", path, a.status, a.header)
		}
	}
	victim.lives(t)
}

// Whoever is shut out manages nothing: a suspended tenant's backend, and one whose token was revoked, whose right is in no rule, or who shows another tenant's.
func TestABackendThatIsShutOut(t *testing.T) {
	t.Parallel()
	rules := tenantOptions{rules: `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }`}
	g := start(t, options{acme: rules, globex: rules})
	user := someone("victim")
	victim := g.dial(t, acme.token(user))
	mine := g.dial(t, globex.token(user))
	shut := func(name, token string, status int, code string) {
		t.Helper()
		for what, raw := range managing(g, token, victim, user) {
			if what == "ask" && code == "forbidden" {
				continue // everybody may ask about themselves
			}
			a := g.asks(t, raw)
			if p, err := a.problem(); err != nil || a.status != status || p.Code != code {
				t.Errorf("%s, %s: got %d %s, want %d %s", name, what, a.status, a.body, status, code)
			}
		}
	}
	shut("a user", acme.token("ana", roles("operator"), claims{"scope": "portcullis:manage"}), 403, "forbidden")
	shut("a service without the scope", acme.token("svc-billing"), 403, "forbidden")
	shut("a service of a partner", acme.tokenOf(acme.partner, "svc-billing", claims{"scope": "portcullis:manage"}), 403, "forbidden")
	revokedToken := acme.service(claims{"jti": "leaked"})
	a := g.asks(t, g.revocation(acme.service(), `{"kind":"token","value":"leaked"}`))
	if a.status != http.StatusCreated {
		t.Fatal(a.status, a.body)
	}
	shut("a revoked token", revokedToken, 401, "unauthorized")
	g.suspend(t, globex)
	mine.ends(t, 4502, `{"code":"tenant_suspended"}`)
	shut("a suspended tenant's", globex.service(), 403, "tenant_suspended")
	victim.lives(t)
}

// While a tenant is suspended and let in again, its backend is either answered or refused: nothing else, and the other tenant notices nothing.
func TestASuspensionRacesABackend(t *testing.T) {
	t.Parallel()
	rules := tenantOptions{rules: `- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }`, limits: noRates}
	g := start(t, options{acme: rules, globex: rules})
	bystander := g.dial(t, globex.token("ana"))
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			token := acme.service()
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, raw := range []string{
					strings.Replace(g.get("/v1/users/ana/connections", bearer(token)), "GET", "DELETE", 1), g.get("/v1/connections", bearer(token)), g.checks(token, `{"checks":[{"action":"manage"}]}`),
				} {
					if a := g.asks(t, raw); a.status != http.StatusOK && (a.status != http.StatusForbidden || !strings.Contains(a.body, "tenant_suspended")) {
						t.Errorf("got %d %s, want 200, or 403 tenant_suspended", a.status, a.body)
						return
					}
				}
			}
		})
	}
	for range 15 {
		g.suspend(t, acme)
		if a := g.asks(t, g.get("/v1/connections", bearer(acme.service()))); a.status != http.StatusForbidden {
			t.Errorf("after it was suspended: got %d %s, want 403", a.status, a.body)
		}
		g.resume(t, acme)
	}
	close(done)
	all.Wait()
	bystander.lives(t)
}

// What a backend names in a path is a value, for the log too, and never a path of the gateway's.
func TestLineBreaksAndPathsInWhatABackendNames(t *testing.T) {
	g := served(t)
	victim := g.dial(t, acme.token(someone("victim")))
	before := len(strings.Split(g.text(), "\n"))
	for _, name := range []string{
		"%0a%7b%22event%22:%22authz_admin%22,%22user_hash%22:%22admin%22%7d", "%1b%5b2J", "%e2%80%ae", "%00", "..", "..%2f..%2fadmin%2fv1%2ftenants", "%2e%2e", ".", "%ff", "%zz",
		strings.Repeat("a", 6000), "ana;x=y", "ana%3fuser=x", "*", "%2a",
	} {
		for _, path := range []string{"/v1/users/" + name + "/connections", "/v1/connections/" + name} {
			a := g.manage(t, acme.service(), http.MethodDelete, path)
			if a.status >= 500 || a.status == http.StatusOK && strings.TrimSpace(a.body) != `{"disconnected":0}` || a.status == http.StatusNoContent {
				t.Errorf("%.80s: got %d %.200s", path, a.status, a.body)
			}
			if strings.ContainsAny(a.body, "\x1b\x00\u202e") {
				t.Errorf("%.80s: the answer repeats it: %q", path, a.body)
			}
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=01", "?limit=1e2", "?limit=-1", "?limit=", "?user=a&user=b", "?tenant=globex", "?cursor=a&cursor=b", "?limit=1;user=b", "?ticket=x", "?%75ser=a&user=b"} {
		if a := g.manage(t, acme.service(), http.MethodGet, "/v1/connections"+query); a.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s, want 400", query, a.status, a.body)
		}
	}
	for _, path := range []string{"/v1//connections", "/v1/connections/", "/v1/connections/x/y", "/v1/users//connections", "/v1/tenants/globex/connections", "/V1/connections", "/v1/./connections"} {
		if a := g.manage(t, acme.service(), http.MethodGet, path); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %d %s, want 404 or 405", path, a.status, a.body)
		}
	}
	g.onlyOwnLines(t, before)
	victim.lives(t)
}

// A backend that hears of a connection from its client, who has read it in the welcome, can end it at once: whoever is welcomed is there.
func TestABackendThatIsFasterThanTheGateway(t *testing.T) {
	g := served(t)
	user, backend := someone("ana"), acme.service()
	token := acme.token(user)
	for i := range 100 {
		hurry := g.connect(t) // ready to ask before there is anything to ask for
		c := g.dial(t, token)
		raw := strings.Replace(g.get("/v1/connections/"+c.id(), bearer(backend)), "GET", "DELETE", 1)
		if a := g.tell(t, hurry, raw); a.status != http.StatusNoContent {
			t.Fatalf("connection %d: got %d %s, want 204", i, a.status, a.body)
		}
		c.ends(t, 4505, `{"code":"disconnected"}`)
	}
}

// A backend's requests count as its messages: one that asks without end is told to wait, and no other tenant notices.
func TestABackendThatManagesWithoutEnd(t *testing.T) {
	t.Parallel()
	o := managed
	o.acme.limits = "messages_per_second_per_user: 1"
	g := start(t, o)
	try := func(p *party, user string) *answer {
		return g.asks(t, g.get("/v1/connections", bearer(p.token(user, roles("backend")))))
	}
	for range 2 {
		if a := try(acme, "billing"); a.status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", a.status, a.body)
		}
	}
	a := try(acme, "billing")
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "messages_per_second_per_user is reached") {
		t.Errorf("the third request of a burst of two: got %d %s", a.status, a.body)
	}
	for _, other := range []*answer{try(acme, "reports"), try(globex, "billing")} {
		if other.status != http.StatusOK {
			t.Errorf("another user: got %d %s, want 200", other.status, other.body)
		}
	}
}
