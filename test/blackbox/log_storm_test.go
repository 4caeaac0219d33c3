package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
)

// scribbled is what a log got in a while, by event.
type scribbled struct {
	lines, bytes map[string]int
	longest      int
	took         time.Duration
}

// scribbles does something from some goroutines at once, again and again for a while, and as often as would be too many lines of a log without a bound. It returns what the gateway wrote meanwhile.
func (g *gateway) scribbles(t *testing.T, deed func(worker, n int), atOnce int) (w scribbled, times int) {
	t.Helper()
	const workers, most = 4, 4 * time.Second
	while, tooMany := 300*time.Millisecond, 1000
	if raced { // its bounds are of little worth there
		tooMany = 0
	}
	if full() {
		while = time.Second
	}
	from := len(strings.Split(g.text(), "\n"))
	var all sync.WaitGroup
	counts := make([]int, workers)
	begin := time.Now()
	for i := range workers {
		all.Go(func() {
			for ; time.Since(begin) < while || counts[i]*atOnce < tooMany/workers && time.Since(begin) < most; counts[i]++ {
				deed(i, counts[i])
			}
		})
	}
	all.Wait()
	time.Sleep(50 * time.Millisecond)
	w = scribbled{lines: make(map[string]int), bytes: make(map[string]int), took: time.Since(begin)}
	for _, line := range strings.Split(g.text(), "\n")[from:] {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("the log has the line %.300q: %v", line, err)
		}
		event := fmt.Sprint(e["event"])
		w.lines[event]++
		w.bytes[event] += len(line)
		w.longest = max(w.longest, len(line))
	}
	for _, n := range counts {
		times += n
	}
	return w, times
}

// Whatever strangers and clients do as fast as they can, the log and the security log get so many lines of each kind a second and no more, each of at most a few KiB. What is not written is counted.
func TestNobodyFillsTheLog(t *testing.T) {
	t.Parallel()
	const connects = 50
	o := tenantOptions{limits: strings.Replace(noRates, "connections_per_second: unlimited", fmt.Sprint("connections_per_second: ", connects), 1), rules: managed.acme.rules, issuers: managed.acme.issuers}
	g := start(t, options{level: "info", acme: o, adminToken: secret("an-administrators-token-0815")})
	ana := acme.token("ana", roles("member"))
	backend := acme.token("svc", roles("backend"))
	long := strings.Repeat("x", 6<<10)
	lines := make([]*conn, 4)
	raw := func(request string) {
		l, err := g.open()
		if err != nil {
			return
		}
		defer l.Close()
		_, _ = l.request(request)
	}
	frames := func(each int, request func(n int) string) func(int, int) {
		return func(i, n int) {
			var all []string
			for k := range each {
				all = append(all, request(each*n+k))
			}
			lines[i].say("%s", strings.Join(all, "\n"))
			for range each {
				lines[i].hear()
			}
		}
	}
	tokens := make([]string, 64)
	for i := range tokens {
		tokens[i] = secret(forged(claims{"jti": fmt.Sprint(i), "kid": long}))
	}
	wide := secret(acme.signed(claims{"kid": long[:3<<10]}, claims{"iss": "https://" + long[:1<<10]}))
	for _, tt := range []struct {
		name   string
		deed   func(worker, n int)
		atOnce int // what a deed is made of; 0 for one
	}{
		{"forged tokens", func(_, n int) { raw(g.upgrade(bearer(tokens[n%len(tokens)]))) }, 0},
		{"tokens with long names", func(int, int) { raw(g.upgrade(bearer(wide))) }, 0},
		{"no token", func(int, int) { raw(g.upgrade()) }, 0},
		{"pages of other sites", func(int, int) {
			raw(g.upgrade(bearer(ana), "Origin: https://"+long[:2<<10]+".example", "User-Agent: "+long[:4<<10]))
		}, 0},
		{"requests without the right", func(int, int) { raw(g.get("/v1/connections", bearer(ana))) }, 0},
		{"tickets that are none", func(_, n int) { raw(g.get(fmt.Sprint("/v1/ws?ticket=", n, long[:1<<10]), upgradeHeaders()...)) }, 0},
		{"credentials in URLs", func(int, int) { raw(g.get("/v1/whoami?access_token="+long, bearer(ana))) }, 0},
		{"no HTTP", func(int, int) { raw("\x16\x03\x01\x02\x00\x01\x00 \x1b[2J\r\n\r\n") }, 0},
		{"long headers", func(int, int) { raw(g.get("/v1/whoami", "X: "+strings.Repeat("x", 32<<10))) }, 0},
		{"notices that are none", func(int, int) { raw(g.logout(tokens[0])) }, 0},
		{"revocations", func(i, n int) { raw(g.revocation(backend, fmt.Sprintf(`{"kind":"user","value":"u%d-%d"}`, i, n%50))) }, 0},
		{"refused publications", frames(100, func(n int) string { return fmt.Sprintf(`{"type":"publish","channel":"ops:%d","data":1}`, n) }), 100},
		{"refused subscriptions", frames(100, func(n int) string { return fmt.Sprintf(`{"type":"subscribe","channel":"ops:%d"}`, n) }), 100},
		{"frames that are none", frames(100, func(int) string { return `{"type":"dance"}` }), 100},
		{"refused refreshes", frames(5, func(n int) string { return fmt.Sprintf(`{"type":"refresh","token":%q}`, tokens[n%len(tokens)]) }), 5},
		{"connections that come and go", func(int, int) { raw(g.upgrade(bearer(ana))) }, 0},
		{"administrators without the token", func(int, int) {
			r, err := http.NewRequest(http.MethodGet, "http://"+g.admin+"/admin/v1/tenants", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if a, err := client.Do(r); err == nil {
				a.Body.Close()
			}
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.atOnce > 0 { // nobody has answered the pings of those that waited for their turn
				for i := range lines {
					lines[i] = g.dial(t, ana)
				}
			}
			w, times := g.scribbles(t, tt.deed, max(1, tt.atOnce))
			most := int(50*(w.took.Seconds()+1)) + 100 // of one kind, of one tenant and of nobody each: a burst, and so many a second
			for event, lines := range w.lines {
				if lines > 2*most {
					t.Errorf("%d lines of %s in %v, want at most %d", lines, event, w.took, 2*most)
				}
			}
			if w.longest > 3<<10 {
				t.Errorf("the longest line has %d bytes", w.longest)
			}
			seconds := w.took.Seconds()
			t.Logf("%d times (%.0f/s): lines %v, bytes %v, longest %d", times, float64(times)/seconds, w.lines, w.bytes, w.longest)
		})
	}
}

// What somebody sends may be a command to a terminal, or put letters into another order: in whatever it stands, no line of the log has it, as it is or as JSON can be read back.
func TestCommandsToATerminalInALog(t *testing.T) {
	g := identities(t)
	from := len(strings.Split(g.text(), "\n"))
	const evil = "\u009b2J\u202e\u2066\u2028\u200b\ufeff\u00ad\u0085"
	inPath := url.PathEscape("\x1b[2J\x07" + evil)
	member, backend := roles("member"), acme.token("svc-billing", roles("backend"))
	name := someone("ana") + "\u202e\u2066\u200b\ufeff" // which no control character is in
	c := g.dial(t, acme.token(name, member), "User-Agent: "+evil)
	for _, request := range []string{
		`{"type":"subscribe","id":1,"channel":%q}`, `{"type":"publish","id":1,"channel":%q,"data":1}`, `{"type":"history","id":1,"channel":%q}`, `{"type":%q,"id":1}`, `{"type":"refresh","id":1,"token":%q}`,
		`{"type":"publish","id":1,"channel":"room:1","data":1,"idempotency_key":%q}`,
	} {
		text, err := json.Marshal("room:" + evil + "\x1b[2J")
		if err != nil {
			t.Fatal(err)
		}
		if e := c.ask("%s", strings.Replace(request, "%q", string(text), 1)); e["type"] != "error" {
			t.Errorf("%s: got %v", request, e)
		}
	}
	c.does(`{"type":"refresh","id":2,"token":%q}`, acme.token(name, member, claims{"jti": evil, "sid": evil}))
	c.Close()
	g.logged(t, entry{"event": "connection.closed", "user": strings.TrimRight(name, "\u202e\u2066\u200b\ufeff") + strings.Repeat("\ufffd", 4)})
	for _, header := range []claims{{"kid": evil}, {"alg": evil}, {"typ": evil}, {"crit": []string{evil}}, {"x5u": evil}} {
		g.handshake(t, bearer(acme.signed(header)))
	}
	for _, claim := range []claims{{"iss": evil}, {"aud": evil}, {"sub": evil}, {"sub": "\x1b[2J"}, {"cnf": claims{evil: evil}}, {"exp": evil}, {"authorization_details": []claims{{"type": evil}}}, {"tenant": evil}} {
		g.handshake(t, bearer(acme.token("ana", claim)))
	}
	g.handshake(t, bearer(acme.token("ana")), "Origin: https://"+evil, "User-Agent: "+evil, "X-Forwarded-For: "+evil, "Forwarded: for="+evil, "Sec-WebSocket-Key: "+evil)
	g.handshake(t, bearer(acme.token("ana")), "Sec-WebSocket-Protocol: "+evil)
	g.handshake(t, "Authorization: "+evil)
	g.handshake(t, "Client-Cert: "+evil)
	for _, raw := range []string{
		g.get("/v1/"+inPath, bearer(backend)), g.get("/v1/connections/"+inPath, bearer(backend)), g.get("/v1/channels/"+inPath, bearer(backend)), g.get("/v1/connections?cursor="+url.QueryEscape(evil), bearer(backend)),
		g.get("/v1/ws?ticket="+url.QueryEscape(evil), upgradeHeaders()...), g.get("/v1/whoami?"+url.QueryEscape(evil)+"=1", bearer(backend)), strings.Replace(g.get("/v1/users/"+inPath+"/connections", bearer(backend)), "GET", "DELETE", 1),
		g.revocation(backend, mustJSON(claims{"kind": "user", "value": "nobody\u202e\u2066", "reason": evil})), g.revocation(backend, mustJSON(claims{"kind": evil, "value": evil})),
		g.post("/v1/logout", evil, evil), g.post("/v1/security-events", "application/secevent+jwt", evil), g.post("/v1/events", "application/cloudevents+json", mustJSON(claims{"specversion": "1.0", "id": evil, "source": evil, "type": evil, "subject": evil}), bearer(backend)),
		"G\u009bT / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: " + evil + "\r\n\r\n", "GET /\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		g.asks(t, raw)
	}
	g.knock(t, "GET /admin/v1/tenants/"+inPath+"/connections HTTP/1.1\r\n"+head("Host: "+g.admin, "Connection: close", "User-Agent: "+evil))
	g.administer(t, http.MethodPost, "/admin/v1/tenants/acme/revocations", mustJSON(claims{"kind": "user", "value": "nobody\u202e", "reason": evil}))
	time.Sleep(50 * time.Millisecond)
	g.onlyOwnLines(t, from)
	for _, line := range strings.Split(g.text(), "\n")[from:] {
		var e any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("the log has the line %q: %v", line, err)
		}
		for _, text := range append(textsOf(e), line) {
			if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("the log has %q in the line %s", text[i:], line)
			}
		}
	}
}

// textsOf are all texts in a JSON value, names among them.
func textsOf(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			all = append(all, textsOf(one)...)
		}
	case map[string]any:
		for name, one := range v {
			all = append(append(all, name), textsOf(one)...)
		}
	}
	return all
}
