package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whoever may not manage a tenant revokes nothing, not even himself.
func TestARevocationWithoutTheRight(t *testing.T) {
	g := identities(t)
	victim := someone("victim")
	live := g.dial(t, acme.token(victim))
	what := fmt.Sprintf(`{"kind":"user","value":%q}`, victim)
	revokes := g.mark(t, "portcullis_revocations_total")
	forbidden := refusal{http.StatusForbidden, "forbidden", "manage_forbidden"}
	backend := acme.token("billing", roles("backend"))
	for _, a := range []struct {
		name    string
		want    refusal
		headers []string
	}{
		{"a member", forbidden, []string{bearer(acme.token("ana", roles("member", "operator", "manage", "Backend")))}},
		{"of himself", forbidden, []string{bearer(acme.token(victim))}},
		{"a scope called manage", forbidden, []string{bearer(acme.token("ana", claims{"scope": "manage backend"}))}},
		{"nobody", noCredentials, nil},
		{"with the token in a subprotocol", noCredentials, []string{inProtocol(backend, dialectEntry)}},
		{"a forged backend", unbelieved("bad_signature"), []string{bearer(forged(roles("backend")))}},
		{"a backend whose token is over", expired, []string{bearer(acme.token("billing", roles("backend"), claims{"exp": now() - 5}))}},
		{"a backend's page of another site", wrongOrigin, []string{bearer(backend), "Origin: https://evil.example"}},
	} {
		t.Run(a.name, func(t *testing.T) {
			g.denies(t, "api", a.want, func() *answer { return g.asks(t, g.post("/v1/revocations", "application/json", what, a.headers...)) })
		})
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS"} {
		a := g.asks(t, strings.Replace(g.revocation(backend, what), "POST", method, 1))
		if p, err := a.problem(); err != nil || a.status != http.StatusMethodNotAllowed || p.Code != "method_not_allowed" || a.header.Get("Allow") != "POST" {
			t.Errorf("%s: got %d %s with Allow %q, want 405 and POST", method, a.status, a.body, a.header.Get("Allow"))
		}
	}
	revokes.moved(t, 0)
	live.lives(t)
}

// A revocation is about its sender's own tenant. There is no way to write down another one.
func TestARevocationForAnotherTenant(t *testing.T) {
	g := identities(t)
	user, id := someone("ana"), someone("jti")
	theirs := g.dial(t, globex.token(user, claims{"jti": id, "sid": id}))
	for _, kind := range []string{"user", "token", "session"} {
		value := map[string]string{"user": user}[kind]
		if value == "" {
			value = id
		}
		g.revoke(t, fmt.Sprintf(`{"kind":%q,"value":%q}`, kind, value))
	}
	g.revoke(t, fmt.Sprintf(`{"kind":"token","value":%q,"issuer":%q}`, id, globex.issuer.URL))
	backend := acme.token("billing", roles("backend"))
	for _, what := range []string{`"tenant":"globex"`, `"Tenant":"globex"`, `"tenant_id":"globex"`, `"of":"globex"`} {
		a := g.asks(t, g.revocation(backend, fmt.Sprintf(`{"kind":"user","value":%q,%s}`, user, what)))
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%s: got %d %s, want 400 bad_request", what, a.status, a.body)
		}
	}
	theirs.lives(t)
	g.dial(t, globex.token(user, claims{"jti": id, "sid": id}))
	g.shut(t, acme.token(user, claims{"jti": id}))
}

// What cannot be understood ends nothing: a revocation that means something else than its sender believes is worse than none.
func TestARevocationThatCannotBeUnderstood(t *testing.T) {
	g := identities(t)
	backend := acme.token("billing", roles("backend"))
	revokes, requests := g.mark(t, "portcullis_revocations_total"), g.mark(t, "portcullis_api_requests_total", "result", "accepted")
	value := someone("x")
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).UnixMilli() }
	for _, bad := range []string{
		``, `{}`, `null`, `[]`, `"token"`, `{`, `{"kind":"token"}`, `{"value":"x"}`, `{"kind":"token","value":""}`, `{"kind":"","value":"x"}`,
		`{"kind":"TOKEN","value":"x"}`, `{"kind":"everything","value":"x"}`, `{"kind":"tenant","value":"acme"}`, `{"kind":["token"],"value":"x"}`, `{"kind":"token","value":7}`,
		`{"kind":"token","value":"x","jti":"y"}`, `{"kind":"token","value":"x"}{"kind":"token","value":"y"}`, `[{"kind":"token","value":"x"}]`,
		`{"kind":"token","value":"x","user":"ana"}`, `{"kind":"user","value":"ana","issuer":"https://id.acme.example"}`,
		`{"kind":"certificate","value":"00"}`, `{"kind":"certificate","value":"` + strings.Repeat("A", 64) + `"}`, `{"kind":"certificate","value":"` + strings.Repeat("0", 64) + `","issuer":"x"}`,
		`{"kind":"token","value":"a\nb"}`, `{"kind":"token","value":"` + strings.Repeat("x", 1025) + `"}`, `{"kind":"token","value":"x","reason":"` + strings.Repeat("x", 257) + `"}`,
		fmt.Sprintf(`{"kind":"user","value":%q,"before":%d}`, value, hour(1)), fmt.Sprintf(`{"kind":"user","value":%q,"before":0}`, value), fmt.Sprintf(`{"kind":"token","value":%q,"until":%d}`, value, hour(-1)),
		fmt.Sprintf(`{"kind":"token","value":%q,"until":"tomorrow"}`, value), fmt.Sprintf(`{"kind":"token","value":%q,"until":1e300}`, value),
	} {
		a := g.asks(t, g.revocation(backend, bad))
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" || p.Detail == "" {
			t.Errorf("%.100s: got %d %s, want 400 bad_request", bad, a.status, a.body)
		}
	}
	for name, a := range map[string]struct {
		raw    string
		status int
		code   string
	}{
		"too large":            {g.revocation(backend, `{"kind":"token","value":"x"`+strings.Repeat(" ", 17<<10)+`}`), 413, "too_large"},
		"a form":               {g.post("/v1/revocations", "application/x-www-form-urlencoded", "kind=token&value=x", bearer(backend)), 415, "bad_request"},
		"text":                 {g.post("/v1/revocations", "text/plain", `{"kind":"token","value":"x"}`, bearer(backend)), 415, "bad_request"},
		"no type":              {g.post("/v1/revocations", "", `{"kind":"token","value":"x"}`, bearer(backend)), 415, "bad_request"},
		"two types":            {g.post("/v1/revocations", "application/json", `{"kind":"token","value":"x"}`, bearer(backend), "Content-Type: text/plain"), 415, "bad_request"},
		"JSON by another name": {g.post("/v1/revocations", "text/plain; application/json", `{"kind":"token","value":"x"}`, bearer(backend)), 415, "bad_request"},
	} {
		answer := g.asks(t, a.raw)
		if p, err := answer.problem(); err != nil || answer.status != a.status || p.Code != a.code {
			t.Errorf("%s: got %d %s, want %d %s", name, answer.status, answer.body, a.status, a.code)
		}
	}
	revokes.moved(t, 0)
	requests.moved(t, 0)
}

// A tenant that is suspended is out at once, with all its users and whatever they hold; nobody else notices.
func TestATenantThatWasSuspended(t *testing.T) {
	t.Parallel()
	o := managed
	o.tls, o.listen = true, "client_certificates: request"
	g := start(t, o)
	token, own := acme.token("ana"), acme.certificate(t, "sensor/1")
	ticket := g.mint(t, token)
	gone := []*conn{g.dial(t, token), g.dialOver(t, trust(own), ""), g.dial(t, acme.tokenOf(broker, "ana")), g.dial(t, acme.token("p", roles("prober")), mirror)}
	stays := []*conn{g.dial(t, globex.token("ana")), g.dial(t, globex.tokenOf(broker, "ana"))}
	began := time.Now()
	g.suspend(t, acme)
	for _, c := range gone {
		c.ends(t, 4502, `{"code":"tenant_suspended"}`)
	}
	if took := time.Since(began); took > withinASecond {
		t.Errorf("they were in for %v, want at most a second", took)
	}
	suspended := refusal{http.StatusForbidden, "tenant_suspended", "tenant_suspended"}
	try := func() {
		t.Helper()
		g.refuses(t, suspended, func() *answer { return g.handshake(t, bearer(token)) })
		g.refuses(t, suspended, func() *answer { return g.handshakeOver(t, trust(own)) })
		g.denies(t, "ticket", suspended, func() *answer { return g.asks(t, g.post("/v1/tickets", "", "", bearer(token))) })
		g.denies(t, "api", suspended, func() *answer { return g.asks(t, g.get("/v1/whoami", bearer(token))) })
		// Its own backend cannot lift it, and whoever is not believed does not learn of it.
		g.denies(t, "api", suspended, func() *answer {
			return g.asks(t, g.revocation(acme.token("billing", roles("backend")), `{"kind":"token","value":"x"}`))
		})
		g.refuses(t, unbelieved("bad_signature"), func() *answer { return g.handshake(t, bearer(forged())) })
	}
	try()
	g.refuses(t, suspended, func() *answer { return g.redeem(t, ticket) })
	g.suspend(t, acme) // twice is once
	try()
	for _, c := range stays {
		c.lives(t)
	}
	g.dial(t, globex.token("bob"))
	g.resume(t, acme)
	g.dial(t, token).lives(t)
	g.dialOver(t, trust(own), "")
	g.refuses(t, unknownTicket, func() *answer { return g.redeem(t, ticket) })
}
