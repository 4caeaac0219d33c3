package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"portcullis/client"
)

func TestDialShowsTheTokenAndTellsTheWelcome(t *testing.T) {
	var got *http.Request
	l := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		plays(t, func(p *peer) { p.say(hello); p.serve() })(w, r)
	}))
	o := options(l)
	o.Header = http.Header{"Origin": {"http://127.0.0.1"}}
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got.URL.String() != "/v1/ws" || got.Header.Get("Authorization") != "Bearer t0ken" ||
		got.Header.Get("Sec-WebSocket-Protocol") != "portcullis.v1.json" || got.Header.Get("Origin") != "http://127.0.0.1" {
		t.Errorf("the server got %s with %v", got.URL, got.Header)
	}
	want := client.Welcome{
		Connection: "c_1", Tenant: "acme", User: "ana", Segment: "ana", Node: "n1",
		Expires: time.UnixMilli(1767225600000), Ping: 25 * time.Second,
		Limits: client.Limits{MessageSize: 65536, SubscriptionsPerConnection: 100, MessagesPerSecondPerConnection: 50},
	}
	if !reflect.DeepEqual(c.Welcome(), want) {
		t.Errorf("got %+v, want %+v", c.Welcome(), want)
	}
}

func TestAPathOfOnesOwnIsKept(t *testing.T) {
	paths := make(chan string, 1)
	l := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		http.NotFound(w, r)
	}))
	o := options(l)
	o.URL = "ws://127.0.0.1/edge/v1/ws"
	client.Dial(t.Context(), o)
	if got := <-paths; got != "/edge/v1/ws" {
		t.Errorf("got path %q, want /edge/v1/ws", got)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	token := func(context.Context) (string, error) { return "t0ken", nil }
	tests := []struct {
		name string
		o    client.Options
		want string
	}{
		{"no URL", client.Options{}, `URL "" must be wss://host`},
		{"a scheme of HTTP", client.Options{URL: "https://edge?ticket=secret"}, "must be wss://host"},
		{"no host", client.Options{URL: "wss:///v1/ws"}, "must be wss://host"},
		{"not a URL", client.Options{URL: "wss://a b"}, "read the URL"},
		{"a user in the URL", client.Options{URL: "wss://ana:secret@edge"}, "has a user in it"},
		{"TLS over plaintext", client.Options{URL: "ws://127.0.0.1", TLS: &tls.Config{}}, "use wss://, or leave TLS nil"},
		{"a token in plaintext to another machine", client.Options{URL: "ws://edge", Token: token}, "plaintext to another machine"},
		{"a host that only looks like this machine", client.Options{URL: "ws://localhost.evil.example", Token: token}, "plaintext to another machine"},
		{"a token in a header", client.Options{URL: "wss://edge", Header: http.Header{"authorization": {"Bearer x"}}}, "a token comes from Token"},
		{"a subprotocol in a header", client.Options{URL: "wss://edge", Header: http.Header{"sec-websocket-protocol": {"bearer.x"}}}, "the client sets it itself"},
		{"an empty token", client.Options{URL: "wss://edge", Token: func(context.Context) (string, error) { return "", nil }}, "an empty one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := client.Dial(t.Context(), tt.o)
			if c != nil {
				t.Error("got a connection")
			}
			wantErrorWith(t, err, tt.want)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v shows the URL's password", err)
			}
		})
	}
}

func TestAPlaintextTokenNeverLeavesTheMachineUnlessAskedTo(t *testing.T) {
	l := listen(t, plays(t, func(p *peer) { p.say(hello); p.serve() }))
	tests := []struct {
		url      string
		insecure bool
		want     bool
	}{
		{"ws://127.0.0.1:8080", false, true},
		{"ws://127.9.9.9", false, true},
		{"ws://[::1]:8080", false, true},
		{"ws://LocalHost:8080", false, true},
		{"ws://192.0.2.1", false, false},
		{"ws://0.0.0.0", false, false},
		{"ws://edge.example", false, false},
		{"ws://edge.example", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			o := options(l)
			o.URL, o.InsecurePlaintext = tt.url, tt.insecure
			calls := 0
			o.Token = func(context.Context) (string, error) { calls++; return "t0ken", nil }
			c, err := client.Dial(t.Context(), o)
			if err == nil {
				c.Close()
			}
			if got := err == nil; got != tt.want || got && calls != 1 || !got && calls != 0 {
				t.Errorf("got %v after %d calls of Token, want %v", err, calls, tt.want)
			}
		})
	}
}

func TestATokenThatCannotBeHadEndsDial(t *testing.T) {
	down := errors.New("the identity service is down")
	_, err := client.Dial(t.Context(), client.Options{URL: "wss://edge", Token: func(context.Context) (string, error) { return "", down }})
	if !errors.Is(err, down) {
		t.Errorf("got %v, want %v", err, down)
	}
}

func TestARefusalTellsItsProblem(t *testing.T) {
	const problem = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"get a new one","instance":"urn:portcullis:handshake:h_1","code":"token_expired"}`
	tests := []struct {
		name        string
		status      int
		kind, retry string
		body        string
		want        client.RefusedError
		advice      client.Advice
		text        string
	}{
		{
			name: "expired", status: 401, kind: "application/problem+json", body: problem,
			want:   client.RefusedError{Status: 401, Code: "token_expired", Detail: "get a new one", Instance: "urn:portcullis:handshake:h_1"},
			advice: client.Renew, text: "the handshake was refused: 401 Unauthorized, token_expired: get a new one, instance urn:portcullis:handshake:h_1",
		},
		{
			name: "forbidden", status: 403, kind: "application/problem+json; charset=utf-8", body: `{"code":"origin_refused"}`,
			want: client.RefusedError{Status: 403, Code: "origin_refused"}, advice: client.Stop, text: "403 Forbidden, origin_refused",
		},
		{
			name: "full", status: 429, kind: "application/problem+json", retry: "7", body: `{"code":"quota_exceeded"}`,
			want: client.RefusedError{Status: 429, Code: "quota_exceeded", RetryAfter: 7 * time.Second}, advice: client.BackOff, text: "quota_exceeded",
		},
		{
			name: "a proxy's page", status: 502, kind: "text/html", body: "<h1>Bad Gateway</h1>",
			want: client.RefusedError{Status: 502}, advice: client.BackOff, text: "the handshake was refused: 502 Bad Gateway",
		},
		{
			name: "a problem that is not JSON", status: 400, kind: "application/problem+json", body: "{",
			want: client.RefusedError{Status: 400}, advice: client.Stop, text: "400 Bad Request",
		},
		{
			name: "a body without end", status: 503, kind: "application/problem+json", retry: "-3", body: `{"detail":"` + strings.Repeat("x", 1<<20),
			want: client.RefusedError{Status: 503}, advice: client.BackOff, text: "503 Service Unavailable",
		},
		{
			name: "a plain page", status: 200, kind: "text/plain", body: "hello",
			want: client.RefusedError{Status: 200}, advice: client.Stop, text: "200 OK",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				if tt.retry != "" {
					w.Header().Set("Retry-After", tt.retry)
				}
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			}))
			_, err := client.Dial(t.Context(), options(l))
			got, ok := errors.AsType[*client.RefusedError](err)
			if !ok || *got != tt.want || got.Advice() != tt.advice {
				t.Fatalf("got %#v, want %#v and %q", err, tt.want, tt.advice)
			}
			wantErrorWith(t, err, tt.text)
			if strings.Contains(err.Error(), "t0ken") {
				t.Errorf("%v shows the token", err)
			}
		})
	}
}

func TestRetryAfterMayBeADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		_, err := client.Dial(t.Context(), options(l))
		if got, ok := errors.AsType[*client.RefusedError](err); !ok || got.RetryAfter != 90*time.Second {
			t.Errorf("got %#v, want a refusal with 1m30s", err)
		}
	})
}

// closing knows whether it was closed.
type closing struct {
	net.Conn
	closed *atomic.Bool
}

func (c closing) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

func TestNoConnectionIsLeftBehind(t *testing.T) {
	refuse := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }
	tests := []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"after a refusal", refuse},
		{"after a welcome that is none", plays(t, func(p *peer) { p.say("hello"); p.hear() })},
		{"after a refusal that never ends", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := listen(t, tt.handler)
				o, closed := options(l), new(atomic.Bool)
				o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					conn, err := l.Dial(ctx)
					return closing{conn, closed}, err
				}
				if _, err := client.Dial(t.Context(), o); err == nil {
					t.Fatal("got a connection")
				}
				synctest.Wait()
				if !closed.Load() {
					t.Error("the connection is still open")
				}
			})
		})
	}
}

func TestARedirectDoesNotCarryTheTokenAway(t *testing.T) {
	asked := 0
	l := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "ws://127.0.0.1/elsewhere", http.StatusTemporaryRedirect)
	}))
	_, err := client.Dial(t.Context(), options(l))
	if got, ok := errors.AsType[*client.RefusedError](err); !ok || got.Status != 307 || got.Advice() != client.Stop || asked != 1 {
		t.Errorf("got %v after %d requests, want a refusal with 307 after one", err, asked)
	}
}

func TestAServerThatIsNoGateway(t *testing.T) {
	plain := func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err == nil {
			ws.Read(r.Context())
			ws.CloseNow()
		}
	}
	says := func(kind websocket.MessageType, text string) http.HandlerFunc {
		return plays(t, func(p *peer) { p.ws.Write(p.ctx, kind, []byte(text)); p.ws.Read(p.ctx) })
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"answers no subprotocol", plain, "did not answer subprotocol portcullis.v1.json"},
		{"says something else first", says(websocket.MessageText, `{"type":"ok","id":1}`), "said something else first"},
		{"says no JSON", says(websocket.MessageText, "hello"), "said something else first"},
		{"says a binary welcome", says(websocket.MessageBinary, hello), "said something else first"},
		{"leaves without a word", plays(t, func(*peer) {}), "the connection was lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := client.Dial(t.Context(), options(listen(t, tt.handler)))
			if c != nil {
				t.Error("got a connection")
			}
			wantErrorWith(t, err, tt.want)
		})
	}
}

func TestACloseInsteadOfAWelcomeIsTold(t *testing.T) {
	l := listen(t, plays(t, func(p *peer) { p.ws.Close(4000, `{"code":"draining","retry_ms":500}`) }))
	_, err := client.Dial(t.Context(), options(l))
	if got, ok := errors.AsType[*client.CloseError](err); !ok || got.Code != 4000 || got.Retry != 500*time.Millisecond {
		t.Errorf("got %v, want close 4000", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"before an answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"before a welcome", plays(t, func(p *peer) { p.ws.Read(p.ctx) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				_, err := client.Dial(ctx, options(listen(t, tt.handler)))
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
					t.Errorf("got %v after %v, want %v after 3s", err, took, context.DeadlineExceeded)
				}
			})
		})
	}
}

func TestTheContextOfDialDoesNotEndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, plays(t, func(p *peer) { p.say(hello); p.serve() }))
		ctx, cancel := context.WithCancel(t.Context())
		c, err := client.Dial(ctx, options(l))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cancel()
		synctest.Wait()
		if _, err := c.Ping(t.Context()); err != nil {
			t.Errorf("got %v, want an answer", err)
		}
	})
}

func TestACertificateSaysWho(t *testing.T) {
	shown := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown <- r.TLS.PeerCertificates[0].Subject.CommonName + r.Header.Get("Authorization")
		plays(t, func(p *peer) { p.say(hello); p.serve() })(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.EnableHTTP2 = true // what a server prefers must not matter to a handshake of HTTP/1.1
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	o := client.Options{
		URL: "wss" + strings.TrimPrefix(server.URL, "https"),
		TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate(t, "meter-7")}, NextProtos: []string{"h2"}},
	}
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := <-shown; got != "meter-7" {
		t.Errorf("the server saw %q, want meter-7 and no token", got)
	}
	if !reflect.DeepEqual(o.TLS.NextProtos, []string{"h2"}) {
		t.Error("the caller's TLS configuration was changed")
	}

	o.TLS = nil // the system's roots do not know this server
	if _, err := client.Dial(t.Context(), o); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("got %v, want the server not to be trusted", err)
	}
}

func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
