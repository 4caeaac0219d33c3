package blackbox_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wellFormed are the header lines of a handshake whose token would be believed, without those that begin with a name in without.
func wellFormed(without ...string) []string {
	var kept []string
	for _, line := range append(upgradeHeaders(), bearer(acme.token("ana"))) {
		name, _, _ := strings.Cut(line, ":")
		drop := false
		for _, w := range without {
			drop = drop || strings.EqualFold(w, name)
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return kept
}

// misshapen is a request that is no handshake.
type misshapen struct {
	name string
	want refusal
	raw  string // everything behind the Host line
}

func (g *gateway) withstandsShapes(t *testing.T, requestLine string, shapes []misshapen) {
	t.Helper()
	for _, m := range shapes {
		t.Run(m.name, func(t *testing.T) {
			g.refuses(t, m.want, func() *answer { return g.tell(t, g.connect(t), requestLine+"\r\nHost: "+g.address+"\r\n"+m.raw) })
		})
	}
}

const requestLine = "GET /v1/ws HTTP/1.1"

// What the library takes for a handshake a balancer may take for a request with a body, and the frames behind it for the next request.
func TestAnUpgradeWithABody(t *testing.T) {
	body := badHandshake("bad_handshake")
	h := func(more ...string) string { return head(append(wellFormed(), more...)...) }
	plain(t).withstandsShapes(t, requestLine, []misshapen{
		{"Content-Length", body, h("Content-Length: 5") + "hello"},
		{"an empty one, announced", body, h("Content-Length: 0")},
		{"a large Content-Length", body, h("Content-Length: 9223372036854775807") + "hello"},
		{"chunked", body, h("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n"},
		{"chunked, empty", body, h("Transfer-Encoding: chunked") + "0\r\n\r\n"},
		{"both", body, h("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n"},
		{"both, the other way round", body, h("Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n"},
		{"a request as the body", body, h("Content-Length: 64") + "GET /v1/ws HTTP/1.1\r\n" + head(wellFormed()...)},
	})
}

// Neither the answer nor the end waits for a body that never comes.
func TestAnUpgradeWhoseBodyIsHeldBack(t *testing.T) {
	g := plain(t)
	for _, framing := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
		began := time.Now()
		a := g.tell(t, g.connect(t), g.get("/v1/ws", append(wellFormed(), framing)...))
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_handshake" {
			t.Errorf("%s: got %d %s, %v, want 400 bad_handshake", framing, a.status, a.body, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: the answer came after %v", framing, took)
		}
		a.checkClosed(t)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: the socket was held for %v", framing, took)
		}
	}
}

// What net/http itself does not understand must not come out as a handshake.
func TestAnUpgradeWithAFramingThatNobodyKnows(t *testing.T) {
	g := plain(t)
	for _, more := range [][]string{
		{"Transfer-Encoding: gzip, chunked"}, {"Transfer-Encoding: identity"}, {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"},
		{"Transfer-Encoding: \x0bchunked"}, {"Content-Length: 5", "Content-Length: 6"}, {"Content-Length: -1"}, {"Content-Length: 0x5"},
		{"Content-Length : 5"}, {" Transfer-Encoding: chunked"},
	} {
		opened := g.metric(t, "portcullis_connections_opened_total")
		a, err := g.connect(t).request(g.get("/v1/ws", append(wellFormed(), more...)...))
		if err == nil && a.status < 400 {
			t.Errorf("%q: got %d, want an error", more, a.status)
		}
		if got := g.metric(t, "portcullis_connections_opened_total"); got != opened {
			t.Errorf("%q: somebody was let in", more)
		}
	}
}

func TestARequestThatIsNoHandshake(t *testing.T) {
	const version, key = "Sec-WebSocket-Version", "Sec-WebSocket-Key"
	bad := badHandshake("bad_handshake")
	key16 := base64.StdEncoding.EncodeToString(make([]byte, 16))
	h := func(without string, more ...string) string { return head(append(wellFormed(without), more...)...) }
	plain(t).withstandsShapes(t, requestLine, []misshapen{
		{"no Upgrade", notUpgraded, h("Upgrade")},
		{"no Connection", notUpgraded, h("Connection")},
		{"another upgrade", notUpgraded, h("Upgrade", "Upgrade: h2c")},
		{"another connection", notUpgraded, h("Connection", "Connection: keep-alive")},
		{"a word that begins so", notUpgraded, h("Upgrade", "Upgrade: websocket2")},
		{"no version", notUpgraded, h(version)},
		{"version 8", notUpgraded, h(version, version+": 8")},
		{"version 013", notUpgraded, h(version, version+": 013")},
		{"a list of versions", notUpgraded, h(version, version+": 13, 8")},
		{"two versions", notUpgraded, h(version, version+": 13", version+": 8")},
		{"13 twice", notUpgraded, h(version, version+": 13", version+": 13")},
		{"no key", bad, h(key)},
		{"an empty key", bad, h(key, key+":")},
		{"two keys", bad, h("", key+": "+key16)},
		{"a key of 15 bytes", bad, h(key, key+": "+base64.StdEncoding.EncodeToString(make([]byte, 15)))},
		{"a key of 17 bytes", bad, h(key, key+": "+base64.StdEncoding.EncodeToString(make([]byte, 17)))},
		{"a key that is no base64", bad, h(key, key+": ????????????????????????")},
		{"a key without padding", bad, h(key, key+": "+strings.TrimRight(key16, "="))},
		{"no upgrade at all, from curl", notUpgraded, head(bearer(acme.token("ana")))},
	})
	plain(t).withstandsShapes(t, "GET /v1/ws HTTP/1.0", []misshapen{{"HTTP/1.0", bad, h("")}})
}

// What the standard allows is accepted, however it is spelled.
func TestAHandshakeInUnusualWordsPasses(t *testing.T) {
	g := plain(t)
	for name, headers := range map[string][]string{
		"in capitals": append(wellFormed("Connection", "Upgrade"), "CONNECTION: UPGRADE", "UPGRADE: WEBSOCKET"),
		"in a list":   append(wellFormed("Connection"), "Connection: keep-alive, Upgrade"),
		"in two headers": append(wellFormed("Connection"), "Connection: keep-alive",
			"Connection: Upgrade"),
		"with extensions": append(wellFormed(), "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
	} {
		t.Run(name, func(t *testing.T) {
			a := g.tell(t, g.connect(t), g.get("/v1/ws", headers...))
			if got := a.header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("got the extension %q, want none: with its context each connection would cost a megabyte", got)
			}
			accepted(t, a)
		})
	}
}

func TestAMethodThatIsNotGET(t *testing.T) {
	g := plain(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "GETX"} {
		t.Run(method, func(t *testing.T) {
			g.uncounted(t, func() {
				a := g.tell(t, g.connect(t), method+" /v1/ws HTTP/1.1\r\n"+head(append(wellFormed(), "Host: "+g.address)...))
				p, err := a.problem()
				if err != nil || a.status != http.StatusMethodNotAllowed || p.Code != "method_not_allowed" || a.header.Get("Allow") != "GET" {
					t.Errorf("got %d %v %s, %v, want 405 and Allow: GET", a.status, a.header, a.body, err)
				}
				a.checkClosed(t)
			})
		})
	}
	for _, method := range []string{"CONNECT", "HEAD"} { // whose answers are read differently
		t.Run(method, func(t *testing.T) {
			g.uncounted(t, func() {
				l := g.connect(t)
				if _, err := l.Write([]byte(method + " /v1/ws HTTP/1.1\r\n" + head(append(wellFormed(), "Host: "+g.address)...))); err != nil {
					t.Fatal(err)
				}
				a, err := http.ReadResponse(l.r, &http.Request{Method: method})
				if err != nil || a.StatusCode < 400 {
					t.Errorf("got %v, %v, want an error", a, err)
				}
			})
		})
	}
}

func TestASubprotocolThatNobodySpeaks(t *testing.T) {
	g := plain(t)
	token := acme.token("ana")
	unknown := badHandshake("bad_subprotocol")
	for _, a := range []attack{
		{"unknown", unknown, []string{bearer(token), protocol + "mqtt"}},
		{"several", unknown, []string{bearer(token), protocol + "mqtt, graphql-ws", protocol + "soap"}},
		{"another case", unknown, []string{bearer(token), protocol + "Portcullis.V1.json"}},
		{"another version", unknown, []string{bearer(token), protocol + "portcullis.v2.json"}},
		{"the beginning of one", unknown, []string{bearer(token), protocol + "portcullis.v1"}},
		{"the token's entry alone", unknown, []string{inProtocol(token)}},
		{"the token's entry beside an unknown one", unknown, []string{inProtocol(token, "mqtt")}},
		{"one that looks like a token's", unknown, []string{bearer(token), protocol + "Bearer." + token}},
	} {
		t.Run(a.name, func(t *testing.T) {
			p := g.refuses(t, a.want, func() *answer { return g.handshake(t, a.headers...) })
			if !strings.HasSuffix(p.Detail, "known are portcullis.v1.json, portcullis.echo.v1") || strings.Contains(p.Detail, token[:20]) {
				t.Errorf("got the detail %q, want it to name the known ones and no token", p.Detail)
			}
		})
	}
	for name, offered := range map[string]string{
		"the known one among others": "mqtt, " + dialectEntry, "both known ones, in any order": "portcullis.echo.v1, " + dialectEntry,
	} {
		t.Run(name, func(t *testing.T) {
			a := g.handshake(t, bearer(token), protocol+offered)
			if got := a.header.Get("Sec-WebSocket-Protocol"); got != dialectEntry {
				t.Errorf("got %q, want %s", got, dialectEntry)
			}
			accepted(t, a)
		})
	}
	t.Run("none", func(t *testing.T) {
		a := g.handshake(t, bearer(token))
		if got, there := a.header["Sec-Websocket-Protocol"]; there {
			t.Errorf("got %q for a client that offered none", got)
		}
		accepted(t, a)
	})
}

// No proxy is trusted, so whoever tells whose certificate it saw wants to be somebody.
func TestAForwardedIdentity(t *testing.T) {
	g := plain(t)
	said := badHandshake("forwarded_identity")
	der := base64.StdEncoding.EncodeToString(acme.certificate(t, "sensor/1").Certificate[0])
	for _, name := range []string{
		"Client-Cert", "client-cert", "CLIENT-CERT-CHAIN", "X-Forwarded-Client-Cert", "x-forwarded-client-cert", "X-Forwarded-Tls-Client-Cert",
		"X-Forwarded-Tls-Client-Cert-Info", "X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject",
		"X-SSL-Client-Cert", "SSL-Client-Cert", "X-Client-Cert", "X-SSL-Client-S-DN",
	} {
		g.withstands(t, []attack{
			{name + ", alone", said, []string{name + ": :" + der + ":"}},
			{name + ", beside a good token", said, []string{bearer(acme.token("ana")), name + ": :" + der + ":"}},
			{name + ", empty", said, []string{bearer(acme.token("ana")), name + ":"}},
			{name + ", removed by Connection", said, []string{bearer(acme.token("ana")), "Connection: " + name, name + ": :" + der + ":"}},
		})
	}
	// What says where a request came from is not believed either, but balancers write it, so it is passed over.
	p := g.refuses(t, noCredentials, func() *answer {
		return g.handshake(t, "X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "X-Real-Ip: 192.0.2.7", "True-Client-Ip: 192.0.2.7")
	})
	line := g.logged(t, entry{"handshake": strings.TrimPrefix(p.Instance, "urn:portcullis:handshake:")})
	if remote := line["remote"].(string); !strings.HasPrefix(remote, "127.0.0.1:") {
		t.Errorf("the log says that the client was %s, want the address of its socket", remote)
	}
}

func TestHeadersThatAreTooLarge(t *testing.T) {
	g := plain(t)
	for name, headers := range map[string][]string{
		"one":              {"X-Fill: " + strings.Repeat("x", 17<<10)},
		"thousands":        strings.Split(strings.TrimSuffix(strings.Repeat("X-Fill: y\n", 3000), "\n"), "\n"),
		"a token's":        {bearer(secret(strings.Repeat("a.b", 8<<10)))},
		"a path":           nil,
		"endless in a row": {strings.Repeat("x", 64<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			raw := g.upgrade(append(headers, bearer(acme.token("ana")))...)
			if name == "a path" {
				raw = g.get("/v1/ws/"+strings.Repeat("x", 20<<10), wellFormed()...)
			}
			g.uncounted(t, func() {
				if a := g.tell(t, g.connect(t), raw); a.status != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("got %d, want 431", a.status)
				}
			})
		})
	}
}

func TestAPathThatDoesNotExist(t *testing.T) {
	g := plain(t)
	for _, path := range []string{
		"/", "/v1", "/v1/ws/", "/v1/WS", "/V1/ws", "/v1//ws", "//v1/ws", "/v1/./ws", "/v1/../v1/ws", "/v1/%77s", "/v1%2Fws", "/v1/ws%00", "/v1/ws;a=b",
		"/ws", "/v2/ws", "/v1/ticket", "/v1/whoami/", "/.git/config", "/favicon.ico",
	} {
		t.Run(path, func(t *testing.T) {
			g.uncounted(t, func() {
				a := g.tell(t, g.connect(t), g.get(path, wellFormed()...))
				if p, err := a.problem(); err != nil || a.status != http.StatusNotFound || p.Code != "not_found" {
					t.Errorf("got %d %s %v, want 404 not_found", a.status, a.body, err)
				}
			})
		})
	}
}

// None of the administrators' side is on the clients' listener.
func TestTheAdminPathsAreNotOnTheEdge(t *testing.T) {
	g := plain(t)
	for _, path := range []string{"/metrics", "/metrics/tenants", "/livez", "/readyz", "/startupz", "/admin/v1/connections", "/debug/pprof/", "/debug/vars"} {
		if a := g.tell(t, g.connect(t), g.get(path, bearer(acme.token("ana")))); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, a.status)
		}
	}
	if status, _, err := g.ask("/v1/ws"); err != nil || status != http.StatusNotFound {
		t.Errorf("/v1/ws on the admin listener: got %d, %v, want 404", status, err)
	}
	if a := g.tell(t, g.connect(t), g.get("/healthz")); a.status != http.StatusOK || a.body != "ok\n" {
		t.Errorf("/healthz: got %d %q, want 200 ok, for the balancer", a.status, a.body)
	}
}
