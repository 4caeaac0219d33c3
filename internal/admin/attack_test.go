package admin_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"portcullis/internal/admin"
)

// A page of evil.example lets its name point at the listener. To the browser that is one site: the page may read every answer. The host that the
// browser asks for gives it away, on health paths too.
func TestDNSRebinding(t *testing.T) {
	tests := []struct {
		host string
		ok   bool
	}{
		{"localhost", true},
		{"localhost:8081", true},
		{"LOCALHOST:8081", true},
		{"localhost:9999", true}, // a forwarded port
		{"127.0.0.1", true},
		{"127.0.0.1:8081", true},
		{"[::1]", true},
		{"[::1]:8081", true},
		{"[0:0:0:0:0:0:0:1]:8081", true},
		{"[::ffff:127.0.0.1]:8081", true},
		{"gateway", true},
		{"gateway:8081", true},
		{"GateWay:8081", true},
		{"10.7.7.7:8081", true}, // a configured address

		{"evil.example", false},
		{"evil.example:8081", false},
		{"", false},
		{"gateway.evil.example", false},
		{"evil.gateway", false},
		{"localhost.evil.example", false},
		{"127.0.0.1.evil.example", false},
		{"localhost.", false}, // not every resolver knows that this is no name of somebody's
		{"gateway.:8081", false},
		{"evil.example.", false},
		{"0.0.0.0:8081", false}, // reaches loopback from a page, where browsers let it
		{"[::]:8081", false},
		{"10.7.7.8:8081", false},
		{"169.254.169.254", false},
		{"2130706433", false}, // other ways to write 127.0.0.1, which no browser sends
		{"0x7f.1", false},
		{"127.1", false},
		{"::1", false},
		{"::1:8081", false},
		{"[::1", false},
		{"[::1]8081", false},
		{"[localhost]:8081", false},
		{"localhost:", false},
		{"localhost:x", false},
		{"localhost:8081:8081", false},
		{"localhost:99999", false},
		{"localhost,evil.example", false},
		{"localhost%00.evil.example", false},
		{"evil.example@localhost", false},
	}
	d := open(t, nil)
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			for _, path := range []string{"/metrics", "/readyz", "/nothing"} {
				a := d.say(t, "GET "+path+" HTTP/1.1", "Host: "+tt.host, "Authorization: Bearer "+secret)
				switch {
				case !tt.ok && a.status == http.StatusBadRequest && a.code == "": // net/http does not take it for a host at all
				case !tt.ok:
					a.want(t, http.StatusMisdirectedRequest, "misdirected")
				case a.status == http.StatusMisdirectedRequest:
					t.Errorf("%s: got 421, want it answered", path)
				}
			}
		})
	}
}

// A listener on all addresses is asked for by the one at which it was reached, as by a kubelet; not by an address that is not its own.
func TestTheAddressOfTheConnection(t *testing.T) {
	own := net.ParseIP("203.0.113.9")
	for _, tt := range []struct {
		name, address, host string
		arrived             net.Addr
		want                int
	}{
		{"reached there", "[::]:8081", "203.0.113.9:8081", &net.TCPAddr{IP: own, Port: 8081}, 200},
		{"reached there, through a mapped port", "[::]:8081", "203.0.113.9:30081", &net.TCPAddr{IP: own, Port: 8081}, 200},
		{"an address in its longer form", "[::]:8081", "[::ffff:203.0.113.9]:8081", &net.TCPAddr{IP: own, Port: 8081}, 200},
		{"reached elsewhere", "[::]:8081", "203.0.113.10:8081", &net.TCPAddr{IP: own, Port: 8081}, 421},
		{"a name, reached there", "[::]:8081", "evil.example:8081", &net.TCPAddr{IP: own, Port: 8081}, 421},
		{"listening there", "203.0.113.9:8081", "203.0.113.9:8081", nil, 200},
		{"listening elsewhere", "203.0.113.9:8081", "203.0.113.10:8081", nil, 421},
		{"listening on a name", "portcullis.internal:8081", "portcullis.internal:8081", nil, 200},
		{"listening on all, by no address", ":8081", ":8081", nil, 421},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, func(c *admin.Config) { c.Address = tt.address })
			inner := d.Config.Handler
			d.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(w, r.WithContext(contextOf(r, tt.arrived)))
			})
			if got := d.say(t, "GET /livez HTTP/1.1", "Host: "+tt.host).status; got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// contextOf is a request's context with another address at this end of its connection.
func contextOf(r *http.Request, arrived net.Addr) context.Context {
	if arrived == nil {
		return r.Context()
	}
	return context.WithValue(r.Context(), http.LocalAddrContextKey, arrived)
}

func TestADoubledHost(t *testing.T) {
	d := open(t, nil)
	for _, hosts := range [][2]string{{"localhost", "evil.example"}, {"evil.example", "localhost"}, {"localhost", "localhost"}} {
		a := d.say(t, "GET /metrics HTTP/1.1", "Host: "+hosts[0], "Host: "+hosts[1], "Authorization: Bearer "+secret)
		a.want(t, http.StatusBadRequest, "")
	}
	if d.scrapes.Load() != 0 {
		t.Error("a request with two hosts was answered")
	}
}

func TestNoHost(t *testing.T) {
	d := open(t, nil)
	d.say(t, "GET /metrics HTTP/1.1", "Authorization: Bearer "+secret).want(t, http.StatusBadRequest, "")
	d.say(t, "GET /metrics HTTP/1.0", "Authorization: Bearer "+secret).want(t, http.StatusMisdirectedRequest, "misdirected")
}

// With a whole URL for a target a server goes by its host and forgets the header's, where a filter in between may have gone by the header.
func TestAnAbsoluteTargetWithAnotherHost(t *testing.T) {
	d := open(t, nil)
	for _, tt := range [][2]string{
		{"GET http://evil.example/metrics HTTP/1.1", "localhost:8081"},
		{"GET http://localhost:8081/metrics HTTP/1.1", "evil.example"},
		{"GET http://localhost:8081/metrics HTTP/1.1", "localhost:8081"},
		{"GET http://localhost@evil.example/metrics HTTP/1.1", "localhost:8081"},
		{"CONNECT localhost:8081 HTTP/1.1", "localhost:8081"},
	} {
		a := d.say(t, tt[0], "Host: "+tt[1], "Authorization: Bearer "+secret)
		a.want(t, http.StatusMisdirectedRequest, "misdirected")
	}
	if d.scrapes.Load() != 0 {
		t.Error("one of them was answered")
	}
}

// A page of another site posts, as a form or as a fetch. It does not get as far as to learn which methods there are, or whether there is a token.
func TestAWebPagePostsAcrossSites(t *testing.T) {
	const form, plain, object = "application/x-www-form-urlencoded", "text/plain", "application/json"
	tests := []struct {
		name, method, kind string
		headers            []string
		status             int
		code               string
	}{
		{"from another site", "POST", form, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403, "forbidden"},
		{"from another site, with JSON", "POST", object, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403, "forbidden"},
		{"from a sister site", "POST", object, []string{"Sec-Fetch-Site: same-site", "Origin: https://evil.localhost"}, 403, "forbidden"},
		{"from an old browser", "POST", object, []string{"Origin: https://evil.example"}, 403, "forbidden"},
		{"from nowhere, by an old browser", "POST", object, []string{"Origin: null"}, 403, "forbidden"},
		{"from another port", "POST", object, []string{"Origin: http://localhost:3000"}, 403, "forbidden"},
		{"to delete", "DELETE", object, []string{"Sec-Fetch-Site: cross-site"}, 403, "forbidden"},
		{"as a form of no known site", "POST", form, nil, 415, "bad_request"},
		{"as text", "POST", plain, nil, 415, "bad_request"},
		{"as text that looks like JSON", "POST", "text/plain; application/json", nil, 415, "bad_request"},
		{"as JSON of a longer name", "POST", "application/jsonp", nil, 415, "bad_request"},
		{"as JSON and form", "POST", object, []string{"Content-Type: " + form}, 415, "bad_request"},
		{"as form and JSON", "POST", form, []string{"Content-Type: application/json"}, 415, "bad_request"},
		{"as the listener's own page", "POST", object, []string{"Sec-Fetch-Site: same-origin", "Origin: http://localhost:8081"}, 401, "unauthorized"},
		{"as a program", "POST", object, nil, 401, "unauthorized"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, nil)
			lines := append([]string{tt.method + " /metrics HTTP/1.1", "Host: localhost:8081", "Content-Length: 0", "Content-Type: " + tt.kind}, tt.headers...)
			d.say(t, lines...).want(t, tt.status, tt.code)
			if tt.status == 401 {
				d.say(t, append(lines, "Authorization: Bearer "+secret)...).want(t, 405, "method_not_allowed")
			}
		})
	}
}

// A fetch that needs permission asks for it first. Nobody gives it.
func TestAWebPageAsksForPermission(t *testing.T) {
	for _, token := range []func(string) bool{nil, func(s string) bool { return s == secret }} {
		d := open(t, func(c *admin.Config) { c.Token = token })
		a := d.say(t, "OPTIONS /metrics HTTP/1.1", "Host: localhost:8081", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site",
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization, content-type",
			"Access-Control-Request-Private-Network: true")
		if token == nil {
			a.want(t, 405, "method_not_allowed")
		} else {
			a.want(t, 401, "unauthorized")
		}
	}
}

// A page that only reads gets no answer that it may look at: want checks that no header lets it.
func TestAWebPageReadsAcrossSites(t *testing.T) {
	d := open(t, func(c *admin.Config) { c.Token = nil })
	for _, path := range []string{"/metrics", "/livez"} {
		a := d.say(t, fmt.Sprintf("GET %s HTTP/1.1", path), "Host: localhost:8081", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
		a.want(t, 200, "")
	}
}
