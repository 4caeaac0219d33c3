package admin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"portcullis/internal/admin"
)

const secret = "correct-horse-battery-staple"

// door is a side door on a real listener.
type door struct {
	*httptest.Server
	ready, started atomic.Bool
	scrapes        atomic.Int32
}

func open(t *testing.T, change func(*admin.Config)) *door {
	t.Helper()
	d := new(door)
	d.ready.Store(true)
	d.started.Store(true)
	d.Server = httptest.NewUnstartedServer(nil)
	c := admin.Config{
		Address: "[::]:8081", // what a listener on ":8081" calls itself
		Names:   []string{"gateway", "10.7.7.7"},
		Token:   func(s string) bool { return s == secret },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			d.scrapes.Add(1)
			_, _ = io.WriteString(w, "portcullis_connections 0\n")
		}),
		Tenants: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			d.scrapes.Add(1)
			_, _ = io.WriteString(w, "portcullis_tenant_used 0\n")
		}),
		Ready: d.ready.Load, Started: d.started.Load,
	}
	if change != nil {
		change(&c)
	}
	d.Config.Handler = admin.New(c)
	d.Config.DisableGeneralOptionsHandler = true // as the node does
	d.Start()
	t.Cleanup(d.Close)
	return d
}

// answer is what a test looks at.
type answer struct {
	status int
	code   string // of the problem
	detail string
	header http.Header
	body   string
}

// say sends lines as they stand, over a connection of their own.
func (d *door) say(t *testing.T, lines ...string) answer {
	t.Helper()
	c, err := net.Dial("tcp", d.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(lines[0], " ")
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: r.StatusCode, header: r.Header, body: string(body)}
	if r.Header.Get("Content-Type") == "application/problem+json" && method != http.MethodHead {
		var p struct {
			Type, Title, Detail, Code string
			Status                    int
		}
		if err := json.Unmarshal(body, &p); err != nil || p.Status != r.StatusCode || p.Title == "" || p.Type == "" || p.Detail == "" {
			t.Errorf("the problem is %s (%v)", body, err)
		}
		a.code, a.detail = p.Code, p.Detail
	}
	return a
}

// want fails unless the answer has this status and code. An answer of any kind must be closed to other origins.
func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.code != code {
		t.Errorf("got %d %q (%s), want %d %q", a.status, a.code, a.detail, status, code)
	}
	if a.status == http.StatusBadRequest && code == "" {
		return // net/http's own answer, before there was a request
	}
	for name, value := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has %s", name)
		}
	}
}

func TestHealthIsForWhoeverCanReachTheListener(t *testing.T) {
	tests := []struct {
		name           string
		ready, started bool
		want           map[string]int
	}{
		{"starting", false, false, map[string]int{"/livez": 200, "/readyz": 503, "/startupz": 503}},
		{"serving", true, true, map[string]int{"/livez": 200, "/readyz": 200, "/startupz": 200}},
		{"draining", false, true, map[string]int{"/livez": 200, "/readyz": 503, "/startupz": 200}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, nil)
			d.ready.Store(tt.ready)
			d.started.Store(tt.started)
			for path, status := range tt.want {
				code := ""
				if status == http.StatusServiceUnavailable {
					code = "unavailable"
				}
				a := d.say(t, "GET "+path+" HTTP/1.1", "Host: localhost:8081")
				a.want(t, status, code)
				if got := a.header.Get("Retry-After"); (got != "") != (status == 503) {
					t.Errorf("%s: Retry-After is %q", path, got)
				}
				if status == 200 && a.body != "ok\n" {
					t.Errorf("%s: got %q, want ok", path, a.body)
				}
				head := d.say(t, "HEAD "+path+" HTTP/1.1", "Host: localhost:8081")
				if head.status != status || head.body != "" {
					t.Errorf("HEAD %s: got %d with %q, want %d with nothing", path, head.status, head.body, status)
				}
			}
		})
	}
}

func TestTheToken(t *testing.T) {
	tests := []struct {
		name, target string
		headers      []string
		status       int
		code         string
	}{
		{"right", "/metrics", []string{"Authorization: Bearer " + secret}, 200, ""},
		{"the scheme in another case", "/metrics", []string{"Authorization: bEARER " + secret}, 200, ""},
		{"right, for the tenants", "/metrics/tenants", []string{"Authorization: Bearer " + secret}, 200, ""},
		{"missing, for the tenants", "/metrics/tenants", nil, 401, "unauthorized"},
		{"wrong, for the tenants", "/metrics/tenants", []string{"Authorization: Bearer wrong"}, 401, "unauthorized"},
		{"missing", "/metrics", nil, 401, "unauthorized"},
		{"wrong", "/metrics", []string{"Authorization: Bearer wrong"}, 401, "unauthorized"},
		{"empty", "/metrics", []string{"Authorization: Bearer "}, 401, "unauthorized"},
		{"without scheme", "/metrics", []string{"Authorization: " + secret}, 401, "unauthorized"},
		{"with another scheme", "/metrics", []string{"Authorization: Basic " + secret}, 401, "unauthorized"},
		{"with something behind it", "/metrics", []string{"Authorization: Bearer " + secret + " x"}, 401, "unauthorized"},
		{"twice", "/metrics", []string{"Authorization: Bearer " + secret, "Authorization: Bearer " + secret}, 401, "unauthorized"},
		{"second", "/metrics", []string{"Authorization: Bearer wrong", "Authorization: Bearer " + secret}, 401, "unauthorized"},
		{"in the query", "/metrics?access_token=" + secret, nil, 401, "unauthorized"},
		{"in the query by another name", "/metrics?token=" + secret, nil, 401, "unauthorized"},
		{"in a cookie", "/metrics", []string{"Cookie: access_token=" + secret}, 401, "unauthorized"},
		{"in a proxy's header", "/metrics", []string{"Proxy-Authorization: Bearer " + secret}, 401, "unauthorized"},
		{"missing, where nothing is", "/admin/v1/tenants", nil, 401, "unauthorized"},
		{"missing, beside a health path", "/livez/../metrics", nil, 401, "unauthorized"},
		{"missing, below a health path", "/livez/metrics", nil, 401, "unauthorized"},
		{"missing, behind an escape", "/%6Detrics", nil, 401, "unauthorized"},
		{"missing, behind two slashes", "//metrics", nil, 401, "unauthorized"},
		{"right, where nothing is", "/admin/v1/tenants", []string{"Authorization: Bearer " + secret}, 404, "not_found"},
		{"right, behind an escape", "/%6Detrics", []string{"Authorization: Bearer " + secret}, 404, "not_found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, nil)
			a := d.say(t, append([]string{"GET " + tt.target + " HTTP/1.1", "Host: gateway:8081"}, tt.headers...)...)
			a.want(t, tt.status, tt.code)
			if got, want := d.scrapes.Load() == 1, tt.status == 200; got != want {
				t.Errorf("scraped: %v, want %v", got, want)
			}
			challenge := a.header.Get("WWW-Authenticate")
			if (challenge != "") != (tt.status == 401) || strings.Contains(challenge, "invalid_token") != (tt.status == 401 && authorized(tt.headers)) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
			if strings.Contains(a.body, secret) {
				t.Errorf("the answer holds the token: %s", a.body)
			}
		})
	}
}

func authorized(headers []string) bool {
	return len(headers) > 0 && strings.HasPrefix(headers[0], "Authorization:")
}

func TestOnLoopbackNobodyNeedsAToken(t *testing.T) {
	d := open(t, func(c *admin.Config) { c.Address, c.Token = "127.0.0.1:8081", nil })
	d.say(t, "GET /metrics HTTP/1.1", "Host: 127.0.0.1:8081").want(t, 200, "")
	d.say(t, "GET /nothing HTTP/1.1", "Host: 127.0.0.1:8081").want(t, 404, "not_found")
	d.say(t, "GET /metrics HTTP/1.1", "Host: evil.example").want(t, 421, "misdirected")
}

func TestMethods(t *testing.T) {
	tests := []struct {
		method, path string
		headers      []string
		status       int
		code         string
	}{
		{"HEAD", "/metrics", []string{"Authorization: Bearer " + secret}, 200, ""},
		{"OPTIONS", "/metrics", []string{"Authorization: Bearer " + secret}, 405, "method_not_allowed"},
		{"OPTIONS", "/metrics", nil, 401, "unauthorized"},
		{"OPTIONS", "*", nil, 401, "unauthorized"},
		{"POST", "/metrics", []string{"Authorization: Bearer " + secret, "Content-Type: application/json", "Content-Length: 0"}, 405, "method_not_allowed"},
		{"POST", "/livez", []string{"Authorization: Bearer " + secret, "Content-Type: application/json; charset=utf-8", "Content-Length: 0"}, 405, "method_not_allowed"},
		{"DELETE", "/metrics", []string{"Authorization: Bearer " + secret, "Content-Type: application/json"}, 405, "method_not_allowed"},
		{"DELETE", "/metrics", []string{"Authorization: Bearer " + secret}, 415, "bad_request"},
		{"TRACE", "/metrics", []string{"Authorization: Bearer " + secret}, 405, "method_not_allowed"},
		{"BREW", "/metrics", []string{"Authorization: Bearer " + secret, "Content-Type: application/json"}, 405, "method_not_allowed"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s %d", tt.method, tt.path, tt.status), func(t *testing.T) {
			d := open(t, nil)
			a := d.say(t, append([]string{tt.method + " " + tt.path + " HTTP/1.1", "Host: gateway:8081"}, tt.headers...)...)
			a.want(t, tt.status, tt.code)
			if got, want := a.header.Get("Allow"), map[bool]string{true: "GET, HEAD"}[tt.status == 405]; got != want {
				t.Errorf("Allow: got %q, want %q", got, want)
			}
		})
	}
}
