package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
	wirejson "portcullis/internal/wire/json"
	"portcullis/internal/wire/mirror"
)

// tally counts handshakes by reason, and what is there, and forgets the rest.
type tally struct {
	subscriptions, channels, members atomic.Int64
	losing, telling                  func() // asked while a subscription is taken, and while its client is told; nil for nothing

	mu      sync.Mutex
	reasons map[auth.Reason]int
}

func (l *tally) Answered(a *door.Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reasons[a.Reason]++
}

func (l *tally) count(reason auth.Reason) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reasons[reason]
}

func (l *tally) Subscriptions(n int) {
	l.subscriptions.Add(int64(n))
	if n < 0 && l.losing != nil {
		l.losing()
	}
}

func (l *tally) Lost(string, string, *auth.Principal, hub.Ending, int) {
	if l.telling != nil {
		l.telling()
	}
}
func (l *tally) Members(n int)  { l.members.Add(int64(n)) }
func (l *tally) Channels(n int) { l.channels.Add(int64(n)) }

func (*tally) Decided(acl.Action, acl.Decision)                               {}
func (*tally) Denied(*auth.Principal, acl.Action, channel.Name, acl.Decision) {}
func (*tally) Renewed(string, string, *auth.Principal)                        {}
func (*tally) Unsubscribed(hub.Ending)                                        {}
func (*tally) Recovered(wire.Unrecovered, int)                                {}
func (*tally) Read(int)                                                       {}
func (*tally) Chosen(hub.Chooser, wire.Code)                                  {}
func (*tally) Caught(int, int)                                                {}
func (*tally) Gap(wire.GapReason, int)                                        {}
func (*tally) Dropped(channel.SlowReader, int)                                {}
func (*tally) Delivered(*hub.Batch)                                           {}
func (*tally) Told([]*wire.Notice, int, int)                                  {}
func (*tally) Opened(string, string, string, *auth.Principal)                 {}
func (*tally) Received(wire.Verb, int)                                        {}
func (*tally) Sent(string, int)                                               {}
func (*tally) Refused(wire.Verb, wire.Code)                                   {}
func (*tally) Pong(time.Duration)                                             {}
func (*tally) Closed(*session.Report)                                         {}

// edge is a gateway over a network in memory.
type edge struct {
	*gateway.Gateway
	t      testing.TB
	net    *testnet.Listener
	issuer *authtest.Issuer
	keys   string // the issuer's, in a file
	realms *realm.Registry
	hub    *hub.Hub
	tally  *tally
	ready  bool
	serve  func(net.Listener)
}

func open(t *testing.T) *edge {
	return openAs(t, `
    origins: ["https://app.acme.example"]
    limits: {connections: 3, connections_per_user: 2}
    rules: [{name: echo, allow: [echo], channels: ["echo"], for: {roles: [prober]}}]`)
}

// snapshot is what the world is when acme has these settings besides its issuer.
func (d *edge) snapshot(settings string) *realm.Snapshot {
	d.t.Helper()
	return d.world(`
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: "` + d.keys + `"}]` + settings)
}

// world is a snapshot of these tenants.
func (d *edge) world(tenants string) *realm.Snapshot {
	d.t.Helper()
	c, problems := config.Parse("portcullis.yaml", []byte("listen: {plaintext: true}\ntenants:"+tenants))
	if config.Failed(problems) {
		d.t.Fatal(problems)
	}
	snapshot, problems := realm.Build(c, realm.Options{Log: slog.New(slog.DiscardHandler), Gate: auth.NewSlots(1)})
	if snapshot == nil {
		d.t.Fatal(problems)
	}
	return snapshot
}

func openAs(t testing.TB, settings string) *edge {
	d := &edge{t: t, net: testnet.Listen(), issuer: authtest.New("https://id.acme.example"), tally: &tally{reasons: make(map[auth.Reason]int)}, ready: true}
	d.keys = d.issuer.WriteJWKS(t)
	log := slog.New(slog.DiscardHandler)
	engine := memory.New()
	h := hub.New(engine, d.tally, log)
	d.hub = h
	ledger := revocation.NewLedger(engine.State(), func(ctx context.Context, data []byte) error {
		return engine.Control(ctx, broker.Command{Kind: "revocation", Data: data})
	}, func(revocation.Change) {}, log)
	h.OnCommand("revocation", ledger.Heard)
	trust, err := proxy.New(proxy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	realms := realm.NewRegistry(d.snapshot(settings))
	d.realms = realms
	sessions := session.NewHost("n_1", d.tally, log)
	d.Gateway = gateway.New(gateway.Config{
		Door: door.New(door.Config{
			Realms: realms, Proxies: trust, Addresses: limit.NewAddresses(limit.AddressLimits{}), Ledger: ledger, Tickets: ticket.NewOffice(engine.State()),
			Observer: d.tally, Log: log,
		}),
		Realms: realms, Log: log, Hub: h, Dialects: []wire.Dialect{wirejson.Dialect{}, mirror.Dialect{}},
		Sessions: sessions, Observer: d.tally, Ready: func() bool { return d.ready },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { h.Run(ctx) })
	all.Go(func() { <-h.Reached(); ledger.Run(ctx) })
	<-ledger.Ready()
	server := &http.Server{Handler: d}
	d.serve = func(l net.Listener) { all.Go(func() { server.Serve(l) }) }
	d.serve(d.net)
	t.Cleanup(func() {
		d.Roster().Empty(ctx)
		server.Close()
		sessions.Close()
		cancel()
		all.Wait()
	})
	return d
}

// ask sends a request as it stands and returns the answer, with the problem in it.
func (d *edge) ask(request string) (*http.Response, map[string]any) {
	d.t.Helper()
	c, err := d.net.Dial(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(request)); err != nil {
		d.t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	var body map[string]any
	if answer.StatusCode >= 400 {
		if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
			d.t.Fatalf("%d without a problem: %v", answer.StatusCode, err)
		}
	}
	return answer, body
}

// handshake is a good request, with what edit does to its lines.
func (d *edge) handshake(edit ...string) string {
	lines := []string{
		"GET /v1/ws HTTP/1.1", "Host: edge", "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Authorization: Bearer " + d.issuer.Token("ana"),
	}
	for _, e := range edit {
		if without, ok := strings.CutPrefix(e, "-"); ok {
			lines = slicesDeletePrefix(lines, without)
		} else {
			lines = append(lines, e)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func slicesDeletePrefix(lines []string, prefix string) (kept []string) {
	for _, l := range lines {
		if !strings.HasPrefix(l, prefix) {
			kept = append(kept, l)
		}
	}
	return kept
}

func (d *edge) dial(options ...func(*websocket.DialOptions)) (*websocket.Conn, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.net.Dial(ctx) }}
	o := &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Authorization": {"Bearer " + d.issuer.Token("ana")}}}
	for _, f := range options {
		f(o)
	}
	c, _, err := websocket.Dial(d.t.Context(), "ws://edge/v1/ws", o)
	if err == nil {
		d.t.Cleanup(func() { c.CloseNow() })
	}
	return c, err
}

func TestARequestThatIsNoHandshakeIsAnswered(t *testing.T) {
	d := open(t)
	tests := []struct {
		name, request string
		status        int
		code          wire.Code
		reason        auth.Reason
	}{
		{"no upgrade", d.handshake("-Upgrade"), 426, wire.UpgradeRequired, door.UpgradeRequired},
		{"no connection upgrade", d.handshake("-Connection"), 426, wire.UpgradeRequired, door.UpgradeRequired},
		{"version 8", d.handshake("-Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, wire.UpgradeRequired, door.UpgradeRequired},
		{"two versions", d.handshake("Sec-WebSocket-Version: 13"), 426, wire.UpgradeRequired, door.UpgradeRequired},
		{"no key", d.handshake("-Sec-WebSocket-Key"), 400, wire.BadHandshake, door.BadHandshake},
		{"two keys", d.handshake("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, wire.BadHandshake, door.BadHandshake},
		{"a short key", d.handshake("-Sec-WebSocket-Key", "Sec-WebSocket-Key: YWJj"), 400, wire.BadHandshake, door.BadHandshake},
		{"a body with a length", d.handshake("Content-Length: 3") + "abc", 400, wire.BadHandshake, door.BadHandshake},
		{"a body of no bytes", d.handshake("Content-Length: 0"), 400, wire.BadHandshake, door.BadHandshake},
		{"a body in chunks", d.handshake("Transfer-Encoding: chunked") + "0\r\n\r\n", 400, wire.BadHandshake, door.BadHandshake},
		{"a query", strings.Replace(d.handshake(), "/v1/ws", "/v1/ws?x=1", 1), 400, wire.BadHandshake, auth.CredentialInURL},
		{"an empty query", strings.Replace(d.handshake(), "/v1/ws", "/v1/ws?", 1), 400, wire.BadHandshake, auth.CredentialInURL},
		{"a forwarded certificate", d.handshake("Client-Cert: :AA==:"), 400, wire.BadHandshake, auth.ForwardedIdentity},
		{"an envoy's word for it", d.handshake("x-forwarded-client-cert: Hash=00"), 400, wire.BadHandshake, auth.ForwardedIdentity},
		{"no credential", d.handshake("-Authorization"), 401, wire.Unauthorized, auth.MissingCredentials},
		{"a foreign origin", d.handshake("Origin: https://evil.example"), 403, wire.OriginRefused, door.OriginRefused},
		{"two origins", d.handshake("Origin: https://app.acme.example", "Origin: https://app.acme.example"), 403, wire.OriginRefused, door.OriginRefused},
		{"an unknown subprotocol", d.handshake("Sec-WebSocket-Protocol: mqtt, soap"), 400, wire.BadHandshake, door.BadSubprotocol},
		{"a token and no subprotocol", d.handshake("-Authorization", "Sec-WebSocket-Protocol: bearer."+d.issuer.Token("ana")), 400, wire.BadHandshake, door.BadSubprotocol},
		{"echo without a right to it", d.handshake("Sec-WebSocket-Protocol: portcullis.echo.v1"), 403, wire.Forbidden, door.EchoForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := d.tally.count(tt.reason)
			answer, problem := d.ask(tt.request)
			if answer.StatusCode != tt.status || problem["code"] != string(tt.code) || problem["status"] != float64(tt.status) {
				t.Errorf("got %d %v, want %d %s", answer.StatusCode, problem, tt.status, tt.code)
			}
			if got := d.tally.count(tt.reason); got != before+1 {
				t.Errorf("reason %s was counted %d times, want once", tt.reason, got-before)
			}
			if answer.Header.Get("Content-Type") != "application/problem+json" || !answer.Close || problem["instance"] == nil {
				t.Errorf("got header %v and %v, want a problem with an instance and the end of the connection", answer.Header, problem)
			}
			if (tt.status == 401) != (answer.Header.Get("WWW-Authenticate") != "") {
				t.Errorf("%d has WWW-Authenticate %q", tt.status, answer.Header.Get("WWW-Authenticate"))
			}
		})
	}
	if n := d.Roster().Len(); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}

func TestPathsThatAreNotThereAreProblemsToo(t *testing.T) {
	d := open(t)
	for request, want := range map[string]int{
		"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n": 404, "POST /v1/ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n": 405,
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n": 200,
	} {
		if answer, problem := d.ask(request); answer.StatusCode != want {
			t.Errorf("%.20s: got %d %v, want %d", request, answer.StatusCode, problem, want)
		} else if detail, _ := problem["detail"].(string); want == 404 && !strings.Contains(detail, "/v1/openapi.json has all other paths") {
			t.Errorf("%.20s: got %q, want where the paths are told", request, detail)
		}
	}
	d.ready = false
	if answer, _ := d.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); answer.StatusCode != 503 {
		t.Errorf("healthz of a node that is not ready: got %d, want 503", answer.StatusCode)
	}
}

func TestATokenInTheSubprotocolIsNotAnswered(t *testing.T) {
	d := open(t)
	answer, _ := d.ask(d.handshake("-Authorization", "Sec-WebSocket-Protocol: portcullis.v1.json, bearer."+d.issuer.Token("ana")))
	if answer.StatusCode != 101 || answer.Header.Get("Sec-WebSocket-Protocol") != "portcullis.v1.json" {
		t.Errorf("got %d, %q; want 101 with portcullis.v1.json alone", answer.StatusCode, answer.Header.Values("Sec-WebSocket-Protocol"))
	}
}

func TestAPlaceIsGivenBackHoweverTheHandshakeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for range 3 { // as many as the tenant has
			d.ask(d.handshake("Origin: https://evil.example"))
			d.ask(d.handshake("Sec-WebSocket-Protocol: mqtt"))
		}
		a, err := d.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.dial(); err != nil {
			t.Fatal(err)
		}
		answer, problem := d.ask(d.handshake())
		if answer.StatusCode != 429 || problem["code"] != "quota_exceeded" || answer.Header.Get("Retry-After") == "" {
			t.Errorf("the user's third: got %d %v", answer.StatusCode, problem)
		}
		bob := func(o *websocket.DialOptions) { o.HTTPHeader.Set("Authorization", "Bearer "+d.issuer.Token("bob")) }
		if _, err := d.dial(bob); err != nil {
			t.Fatal(err)
		}
		if answer, _ := d.ask(d.handshake("-Authorization", "Authorization: Bearer "+d.issuer.Token("eve"))); answer.StatusCode != 429 {
			t.Errorf("the tenant's fourth: got %d, want 429", answer.StatusCode)
		}
		if got := d.tally.count(door.UserFull); got != 1 {
			t.Errorf("got %d refusals of the user, want 1", got)
		}
		if got := d.tally.count(door.TenantFull); got != 1 {
			t.Errorf("got %d refusals of the tenant, want 1", got)
		}
		a.CloseNow()
		synctest.Wait()
		if _, err := d.dial(); err != nil {
			t.Errorf("after one left: %v", err)
		}
	})
}

func TestEverybodyIsAskedToLeaveWithATimeOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		var clients []*websocket.Conn
		for i := range 3 {
			c, err := d.dial(func(o *websocket.DialOptions) {
				o.HTTPHeader.Set("Authorization", "Bearer "+d.issuer.Token(fmt.Sprint("user", i)))
			})
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		synctest.Wait() // a client hears its 101 a moment before the roster has its session
		emptied := make(chan int, 2)
		go func() {
			asked, cut := d.Roster().Empty(t.Context())
			emptied <- asked
			emptied <- cut
		}()
		retries := make(map[string]bool)
		for _, c := range clients {
			for {
				_, _, err := c.Read(t.Context())
				if err == nil {
					continue
				}
				var reason struct {
					Code  string `json:"code"`
					Retry int    `json:"retry_ms"`
				}
				ce := err.Error()
				_, text, _ := strings.Cut(ce, "reason = ")
				text, _ = strconv.Unquote(text)
				if websocket.CloseStatus(err) != 4000 || json.Unmarshal([]byte(text), &reason) != nil || reason.Code != "draining" || reason.Retry < 500 {
					t.Errorf("got %v, want 4000 draining with retry_ms", err)
				}
				retries[text] = true
				break
			}
		}
		if asked, cut := <-emptied, <-emptied; asked != 3 || cut != 0 {
			t.Errorf("%d were asked and %d cut, want 3 and 0", asked, cut)
		}
		if len(retries) < 2 {
			t.Errorf("everybody was told the same: %v", retries)
		}
		if answer, problem := d.ask(d.handshake()); answer.StatusCode != 503 || problem["code"] != "unavailable" || answer.Header.Get("Retry-After") == "" {
			t.Errorf("a handshake to an empty house: got %d %v", answer.StatusCode, problem)
		}
	})
}

func TestWhoDoesNotLeaveInTimeIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		c, err := d.net.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte(d.handshake())) // and never reads
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, cut := d.Roster().Empty(ctx)
		if took := time.Since(start); cut != 1 || took != 3*time.Second {
			t.Errorf("%d were cut after %v, want 1 after 3s", cut, took)
		}
	})
}

func TestAClosedGatewayRefuses(t *testing.T) {
	d := open(t)
	d.Close()
	if answer, problem := d.ask(d.handshake()); answer.StatusCode != 503 || d.tally.count(door.Draining) != 1 {
		t.Errorf("got %d %v", answer.StatusCode, problem)
	}
}

// A reason without an answer would become the gateway's own failure, a 500 to a client that was at fault.
func TestEveryReasonHasAnAnswer(t *testing.T) {
	known := make(map[string]bool)
	for _, a := range door.Answers {
		known[string(a.Reason)] = true
	}
	for _, file := range []string{"../auth/refusal.go", "door/refusal.go"} {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || spec.Type == nil || !strings.HasSuffix(fmt.Sprint(spec.Type), "Reason}") && fmt.Sprint(spec.Type) != "Reason" {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, _ := strconv.Unquote(lit.Value)
				found++
				if !known[value] {
					t.Errorf("%s: reason %s (%s) has no answer", file, spec.Names[0], value)
				}
			}
			return true
		})
		if found == 0 {
			t.Errorf("%s: no reason was found", file)
		}
	}
}
