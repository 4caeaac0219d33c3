package blackbox_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
)

// Which of a tenant's paths a page may use, and how.
var pagesPaths = map[string]string{"/v1/tickets": "POST", "/v1/whoami": "GET", "/v1/permissions/check": "POST", "/v1/messages/batch": "POST", "/v1/channels/room:1/messages": "POST"}

// preflight is the question that a browser asks before a page's request with a token (Fetch, section 4.8).
func (g *gateway) preflight(path, method, origin string) string {
	return "OPTIONS " + path + " HTTP/1.1\r\n" + head("Host: "+g.address, "Origin: "+origin, "Access-Control-Request-Method: "+method,
		"Access-Control-Request-Headers: authorization,content-type")
}

// checkNoCredentials wants a browser never to be told that it may send cookies or certificates along.
func (a *answer) checkNoCredentials(t *testing.T) {
	t.Helper()
	if _, there := a.header["Access-Control-Allow-Credentials"]; there {
		t.Error("the answer has Access-Control-Allow-Credentials")
	}
	if got := a.header.Get("Access-Control-Allow-Origin"); got == "*" || got == "null" {
		t.Errorf("got Access-Control-Allow-Origin %q", got)
	}
	if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
		t.Errorf("got Vary %q, want Origin: a cache would give one page's answer to another", a.header.Values("Vary"))
	}
}

// A page of nobody's list gets no leave to ask, and cannot read what it is answered all the same.
func TestAPreflightOfAnotherSite(t *testing.T) {
	g := identities(t)
	for path, method := range pagesPaths {
		for _, origin := range []string{
			"https://evil.example", "null", "*", "", "http://app.acme.example", "https://app.acme.example.evil.example", "https://APP.acme.example", acme.origin + "/", acme.origin + ":443",
			acme.origin + " " + globex.origin, acme.origin + "\r\nOrigin: " + globex.origin, acme.origin + "\r\nOrigin: https://evil.example",
		} {
			a := g.asks(t, g.preflight(path, method, origin))
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-Allow-") {
					t.Errorf("%s of %q: got %s: %s, want none", path, origin, name, a.header.Get(name))
				}
			}
			a.checkNoCredentials(t)
		}
		for _, p := range []*party{acme, globex} {
			a := g.asks(t, g.preflight(path, method, p.origin))
			for name, want := range map[string]string{"Origin": p.origin, "Methods": method, "Headers": "Authorization, Content-Type, DPoP, Idempotency-Key"} {
				if name == "Methods" && strings.HasSuffix(path, "room:1/messages") {
					want = "GET, POST"
				}
				if got := a.header.Get("Access-Control-Allow-" + name); got != want || a.status != http.StatusNoContent {
					t.Errorf("%s of %s: got %d with Access-Control-Allow-%s %q, want 204 and %q", path, p.id, a.status, name, got, want)
				}
			}
			if got := a.header.Get("Access-Control-Max-Age"); got != "600" {
				t.Errorf("got Access-Control-Max-Age %q, want 600", got)
			}
			a.checkNoCredentials(t)
		}
	}
	// No page has a use for the others.
	for _, path := range []string{"/v1/revocations", "/v1/events", "/v1/logout", "/v1/security-events", "/v1/ws", "/healthz"} {
		a := g.asks(t, g.preflight(path, "POST", acme.origin))
		if a.status != http.StatusMethodNotAllowed || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: got %d with Access-Control-Allow-Origin %q, want 405 and none", path, a.status, a.header.Get("Access-Control-Allow-Origin"))
		}
	}
}

// A page that is some tenant's may ask, and is then measured by the list of the token's own tenant.
func TestAMintByAnotherSitesPage(t *testing.T) {
	g := identities(t)
	token := acme.token("ana")
	tickets := g.mark(t, "portcullis_tickets_total")
	for _, origin := range []string{"https://evil.example", globex.origin, "null", "", "http://app.acme.example", acme.origin + "/", acme.origin + "\r\nOrigin: " + acme.origin} {
		for path, method := range pagesPaths {
			t.Run(path+" of "+origin, func(t *testing.T) {
				raw := method + " " + path + " HTTP/1.1\r\n" + head("Host: "+g.address, bearer(token), "Origin: "+origin, "Content-Length: 0")
				a := g.denies(t, cmp.Or(map[string]string{"/v1/tickets": "ticket"}[path], "api"), wrongOrigin, func() *answer { return g.asks(t, raw) })
				want := ""
				if origin == globex.origin {
					want = origin // it may read why
				}
				if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
					t.Errorf("got Access-Control-Allow-Origin %q, want %q", got, want)
				}
				a.checkNoCredentials(t)
			})
		}
	}
	tickets.moved(t, 0)
	a := g.asks(t, g.post("/v1/tickets", "", "", bearer(token), "Origin: "+acme.origin))
	minted(t, a)
	if got := a.header.Get("Access-Control-Allow-Origin"); got != acme.origin {
		t.Errorf("got Access-Control-Allow-Origin %q, want the page's own", got)
	}
	a.checkNoCredentials(t)
	tickets.moved(t, 1)
}

// A browser shows a page nothing of a refused handshake. That is what the ticket is for: its refusal can be read.
func TestARefusedMintThatThePageMayRead(t *testing.T) {
	g := identities(t)
	id := someone("jti")
	g.revoke(t, `{"kind":"token","value":"`+id+`"}`)
	for _, r := range []struct {
		name    string
		want    refusal
		headers []string
	}{
		{"no token", noCredentials, nil},
		{"an expired one", expired, []string{bearer(acme.token("ana", claims{"iat": now() - 60, "exp": now() - 10}))}},
		{"a forged one", unbelieved("bad_signature"), []string{bearer(forged())}},
		{"a revoked one", revoked, []string{bearer(acme.token("ana", claims{"jti": id}))}},
		{"a bound one without its proof", unbelieved("token_bound"), []string{bearer(acme.token("ana", claims{"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}))}},
		{"two", badHandshake("ambiguous_credentials"), []string{bearer(acme.token("ana")), bearer(acme.token("ana"))}},
		{"a cookie", noCredentials, []string{"Cookie: token=" + acme.token("ana")}},
	} {
		t.Run(r.name, func(t *testing.T) {
			a := g.denies(t, "ticket", r.want, func() *answer {
				return g.asks(t, g.post("/v1/tickets", "application/json", "{}", append(r.headers, "Origin: "+acme.origin)...))
			})
			if got := a.header.Get("Access-Control-Allow-Origin"); got != acme.origin {
				t.Errorf("got Access-Control-Allow-Origin %q, want the page's own", got)
			}
			if got := a.header.Get("Access-Control-Expose-Headers"); !strings.Contains(got, "WWW-Authenticate") || !strings.Contains(got, "Retry-After") {
				t.Errorf("got Access-Control-Expose-Headers %q, want what says how to go on", got)
			}
			a.checkNoCredentials(t)
		})
	}
}
