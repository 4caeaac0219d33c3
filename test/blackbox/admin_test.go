package blackbox_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// knock writes bytes as they are to the admin listener and returns the answer.
func (g *gateway) knock(t *testing.T, raw string) *answer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", g.admin, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	got, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{status: got.StatusCode, header: got.Header, body: string(body)}
}

// checkClosedToPages wants no other site's page to read the answer.
func (a *answer) checkClosedToPages(t *testing.T) {
	t.Helper()
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("got %s: %s, want no CORS", name, a.header.Get(name))
		}
	}
	for name, want := range map[string]string{
		"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
}

// A page of another site, opened by an administrator, can make the browser post here: with a form, or with a fetch that asks nobody.
func TestAWebPageThatPostsToTheAdminListener(t *testing.T) {
	g := plain(t)
	for _, page := range []struct {
		name, method string
		headers      []string
		body         string
		status       int
		code         string
	}{
		{"a form", "POST", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Content-Type: application/x-www-form-urlencoded"}, "a=b", 403, "forbidden"},
		{"a fetch of text", "POST", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Content-Type: text/plain"}, "{}", 403, "forbidden"},
		{"a fetch of JSON", "POST", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Content-Type: application/json"}, "{}", 403, "forbidden"},
		{"a page of another port of this machine", "POST", []string{"Origin: http://127.0.0.1:9", "Sec-Fetch-Site: same-site", "Content-Type: application/json"}, "{}", 403, "forbidden"},
		{"a sandbox", "POST", []string{"Origin: null", "Content-Type: application/json"}, "{}", 403, "forbidden"},
		{"an old browser that says little", "POST", []string{"Origin: https://evil.example", "Content-Type: application/json"}, "{}", 403, "forbidden"},
		{"a form without an origin", "POST", []string{"Content-Type: application/x-www-form-urlencoded"}, "a=b", 415, "bad_request"},
		{"text without an origin", "POST", []string{"Content-Type: text/plain"}, "{}", 415, "bad_request"},
		{"no type at all", "POST", nil, "{}", 415, "bad_request"},
		{"JSON by another name", "POST", []string{"Content-Type: text/plain; application/json"}, "{}", 415, "bad_request"},
		{"two types", "POST", []string{"Content-Type: application/json", "Content-Type: text/plain"}, "{}", 415, "bad_request"},
		{"DELETE", "DELETE", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, "", 403, "forbidden"},
		{"PUT", "PUT", []string{"Origin: https://evil.example", "Content-Type: application/json"}, "{}", 403, "forbidden"},
	} {
		for _, path := range []string{"/metrics", "/livez", "/admin/v1/drain"} {
			t.Run(page.name+" to "+path, func(t *testing.T) {
				lines := append([]string{"Host: " + g.admin, "Connection: close", "Content-Length: " + string(rune('0'+len(page.body)))}, page.headers...)
				a := g.knock(t, page.method+" "+path+" HTTP/1.1\r\n"+head(lines...)+page.body)
				if p, err := a.problem(); err != nil || a.status != page.status || p.Code != page.code {
					t.Errorf("got %d %s, %v, want %d %s", a.status, a.body, err, page.status, page.code)
				}
				a.checkClosedToPages(t)
			})
		}
	}
	// The question that comes before a fetch of JSON gets no leave.
	a := g.knock(t, "OPTIONS /metrics HTTP/1.1\r\n"+head("Host: "+g.admin, "Connection: close", "Origin: https://evil.example",
		"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"))
	if a.status < 400 {
		t.Errorf("a preflight got %d, want an error", a.status)
	}
	a.checkClosedToPages(t)
	// What only reads is answered, and no page can read the answer.
	a = g.knock(t, "GET /metrics HTTP/1.1\r\n"+head("Host: "+g.admin, "Connection: close", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"))
	a.checkClosedToPages(t)
}

// The owner of a name lets it point at this machine, and the browser believes that the page and the gateway are one site.
func TestDNSRebinding(t *testing.T) {
	g := plain(t)
	_, port, _ := net.SplitHostPort(g.admin)
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		for _, host := range []string{
			"evil.example", "evil.example:" + port, "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "0.0.0.0:" + port, "[::]:" + port, "127.1",
			"2130706433", "0x7f000001", "localhost.", "evil.example#localhost", "192.0.2.1", "",
		} {
			t.Run(path+" of "+host, func(t *testing.T) {
				a := g.knock(t, "GET "+path+" HTTP/1.1\r\n"+head("Host: "+host, "Connection: close"))
				p, err := a.problem()
				if malformed := a.status == http.StatusBadRequest && strings.Contains(host, "#"); malformed {
					return // net/http itself found it out
				}
				if err != nil || a.status != http.StatusMisdirectedRequest || p.Code != "misdirected" {
					t.Errorf("got %d %s, %v, want 421 misdirected", a.status, tail(a.body, 200), err)
				}
				if strings.Contains(a.body, "evil") {
					t.Errorf("the answer repeats what was asked for: %s", a.body)
				}
			})
		}
	}
	for name, raw := range map[string]string{
		"a whole URL":           "GET http://evil.example/metrics HTTP/1.1\r\n" + head("Host: "+g.admin, "Connection: close"),
		"a whole URL of ours":   "GET http://" + g.admin + "/metrics HTTP/1.1\r\n" + head("Host: evil.example", "Connection: close"),
		"a host behind a proxy": "GET /metrics HTTP/1.1\r\n" + head("Host: evil.example", "X-Forwarded-Host: "+g.admin, "Connection: close"),
	} {
		if a := g.knock(t, raw); a.status != http.StatusMisdirectedRequest {
			t.Errorf("%s: got %d, want 421", name, a.status)
		}
	}
	for _, host := range []string{g.admin, "localhost", "localhost:" + port, "127.0.0.1", "[::1]:" + port, "LOCALHOST:1"} {
		if a := g.knock(t, "GET /metrics HTTP/1.1\r\n"+head("Host: "+host, "Connection: close")); a.status != http.StatusOK {
			t.Errorf("%s: got %d, want 200", host, a.status)
		}
	}
}

func TestMetricsWithoutTheAdministratorsToken(t *testing.T) {
	t.Parallel()
	token := secret("an-administrators-token-4711")
	g := start(t, options{adminToken: token})
	get := func(path string, headers ...string) *answer {
		return g.knock(t, "GET "+path+" HTTP/1.1\r\n"+head(append(headers, "Host: "+g.admin, "Connection: close")...))
	}
	const asked = `Bearer realm="portcullis admin"`
	for _, try := range []struct {
		name, path, challenge string
		headers               []string
	}{
		{"none", "/metrics", asked, nil},
		{"another", "/metrics", asked + `, error="invalid_token"`, []string{bearer("an-administrators-token-4712")}},
		{"the beginning of it", "/metrics", asked + `, error="invalid_token"`, []string{bearer(token[:20])}},
		{"one more character", "/metrics", asked + `, error="invalid_token"`, []string{bearer(token + "1")}},
		{"an empty one", "/metrics", asked + `, error="invalid_token"`, []string{"Authorization: Bearer"}},
		{"another scheme", "/metrics", asked + `, error="invalid_token"`, []string{"Authorization: Basic " + token}},
		{"twice", "/metrics", asked + `, error="invalid_token"`, []string{bearer(token), bearer(token)}},
		{"in the query", "/metrics?access_token=" + token + "&token=" + token, asked, nil},
		{"in a cookie", "/metrics", asked, []string{"Cookie: token=" + token}},
		{"a client's", "/metrics", asked + `, error="invalid_token"`, []string{bearer(acme.token("ana", roles("operator")))}},
		{"none, on a path that is not there", "/admin/v1/connections", asked, nil},
	} {
		t.Run(try.name, func(t *testing.T) {
			a := get(try.path, try.headers...)
			if p, err := a.problem(); err != nil || a.status != http.StatusUnauthorized || p.Code != "unauthorized" {
				t.Errorf("got %d %s, %v, want 401 unauthorized", a.status, tail(a.body, 200), err)
			}
			if got := a.header.Get("WWW-Authenticate"); got != try.challenge {
				t.Errorf("got WWW-Authenticate %q, want %q", got, try.challenge)
			}
		})
	}
	if a := get("/metrics", bearer(token)); a.status != http.StatusOK {
		t.Errorf("with the token: got %d, want 200", a.status)
	}
	for _, path := range []string{"/livez", "/readyz", "/startupz"} {
		if a := get(path); a.status != http.StatusOK {
			t.Errorf("%s without a token: got %d, want 200", path, a.status)
		}
	}
}
