package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/socket"
	"portcullis/internal/tenant"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
	wirejson "portcullis/internal/wire/json"
	"portcullis/internal/wire/mirror"
)

// book writes down what sessions tell.
type book struct {
	mu      sync.Mutex
	reports []session.Report
	refused []wire.Code
	pongs   int
	served  int // requests to publish
}

func (b *book) Opened(string, string, string, *auth.Principal) {}
func (b *book) Received(v wire.Verb, _ int) {
	if v == wire.Publish {
		b.mu.Lock()
		b.served++
		b.mu.Unlock()
	}
}
func (b *book) Sent(string, int)                                      {}
func (b *book) Pong(time.Duration)                                    { b.mu.Lock(); b.pongs++; b.mu.Unlock() }
func (b *book) Renewed(string, string, *auth.Principal)               {}
func (b *book) Lost(string, string, *auth.Principal, hub.Ending, int) {}
func (b *book) Closed(r *session.Report) {
	b.mu.Lock()
	b.reports = append(b.reports, *r)
	b.mu.Unlock()
}
func (b *book) Refused(_ wire.Verb, c wire.Code) {
	b.mu.Lock()
	b.refused = append(b.refused, c)
	b.mu.Unlock()
}

func (b *book) publications() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.served
}

type quiet struct{}

func (quiet) Decided(acl.Action, acl.Decision)                               {}
func (quiet) Denied(*auth.Principal, acl.Action, channel.Name, acl.Decision) {}
func (quiet) Unsubscribed(hub.Ending)                                        {}
func (quiet) Recovered(wire.Unrecovered, int)                                {}
func (quiet) Read(int)                                                       {}
func (quiet) Chosen(hub.Chooser, wire.Code)                                  {}
func (quiet) Caught(int, int)                                                {}
func (quiet) Gap(wire.GapReason, int)                                        {}
func (quiet) Dropped(channel.SlowReader, int)                                {}
func (quiet) Delivered(*hub.Batch)                                           {}
func (quiet) Subscriptions(int)                                              {}
func (quiet) Members(int)                                                    {}
func (quiet) Told([]*wire.Notice, int, int)                                  {}
func (quiet) Channels(int)                                                   {}

// stage is a gateway without a door: whoever dials is the user that the test says.
type stage struct {
	t       *testing.T
	book    *book
	log     *bytes.Buffer
	net     *testnet.Listener
	dialect wire.Dialect
	limits  limit.Limits
	expires time.Duration
	age     time.Duration
	renew   session.Renew
	renewed atomic.Int32                 // how often a session said that it is somebody new
	realm   atomic.Pointer[realm.Tenant] // as the tenant is now

	engine *engine
	chosen []string // what its tenant chooses, of channels that keep history

	entered  chan *session.Session // for dial, before which nobody may end the test
	sessions chan *session.Session
}

// engine is one that may not say where channels are, and may take its time to take a message.
type engine struct {
	broker.Broker
	silent atomic.Bool
	takes  chan error // not nil: it takes a message when it is told to, or does not
}

func (e *engine) Publish(ctx context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	if e.takes != nil {
		if err := <-e.takes; err != nil {
			return broker.Receipt{}, err
		}
	}
	return e.Broker.Publish(ctx, m, keep)
}

func (e *engine) Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error) {
	if e.silent.Load() {
		return nil, errors.New("cut")
	}
	return e.Broker.Heads(ctx, refs)
}

func newStage(t *testing.T) *stage {
	s := &stage{
		t: t, book: new(book), log: new(bytes.Buffer), net: testnet.Listen(), dialect: wirejson.Dialect{},
		limits: limit.Limits{MessageSize: 1024}, expires: time.Hour, entered: make(chan *session.Session, 10), sessions: make(chan *session.Session, 10),
		engine: &engine{Broker: memory.New()},
	}
	s.renew = func(context.Context, *session.Session, string) (*auth.Principal, *wire.Fault) {
		return nil, &wire.Fault{Code: wire.NotAvailable, Message: "refresh is not available here"}
	}
	h := hub.New(s.engine, quiet{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	hubDone := make(chan struct{})
	go func() { h.Run(ctx); close(hubDone) }()
	<-h.Reached()
	host := session.NewHost("n_1", s.book, slog.New(slog.NewJSONHandler(s.log, nil)))
	var running sync.WaitGroup
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := socket.Accept(w, r, "", freePlace())
		if err != nil {
			t.Error(err)
			return
		}
		live := s.play(host, h, conn)
		running.Go(live.Run)
		s.entered <- live
	})}
	serverDone := make(chan struct{})
	go func() { server.Serve(s.net); close(serverDone) }()
	t.Cleanup(func() {
		server.Close()
		<-serverDone
		running.Wait()
		host.Close()
		cancel()
		<-hubDone
	})
	return s
}

// freePlace is a place of a tenant without limits.
func freePlace() *limit.Place {
	place, _ := limit.NewTenant(limit.Limits{}).Enter("ana")
	return place
}

func (s *stage) play(host *session.Host, h *hub.Hub, conn *socket.Conn) *session.Session {
	id := tenant.MustParse("acme")
	policy, problems := acl.Compile(id, []acl.Rule{{Name: "all", Allow: []string{"echo", "publish", "subscribe"}, Channels: []string{"room:**", "echo"}}})
	if problems != nil {
		s.t.Error(problems)
	}
	r := &realm.Tenant{ID: id, Policy: policy, Account: limit.NewTenant(s.limits)}
	r = s.choosing(r, s.chosen...)
	p := &auth.Principal{Tenant: id, User: "ana", Segment: "ana", Method: auth.Bearer, Expires: time.Now().Add(s.expires)}
	s.realm.Store(r)
	place, _ := r.Account.Enter("ana")
	live := session.New(host, session.Config{
		ID: "c_1", Remote: "192.0.2.1:5", Socket: conn, Dialect: s.dialect, Principal: p,
		Limits: wire.Limits{MessageSize: s.limits.MessageSize},
		Age:    s.age, Renew: s.renew, Renewed: func(*session.Session) { s.renewed.Add(1) },
		Tenants: func(tenant.ID) *realm.Tenant { return s.realm.Load() },
		Join:    func(e hub.Subscriber) *hub.Member { return h.Join(r, p, place, "c_1", e) },
	})
	live.Greet()
	return live
}

// choosing is a tenant that chooses these channels for its users, and keeps all of their history.
func (s *stage) choosing(r *realm.Tenant, chosen ...string) *realm.Tenant {
	if len(chosen) == 0 {
		return r
	}
	choices, problems := acl.CompileChoices(r.ID, []acl.Choice{{Channels: chosen}})
	all, err := channel.ParsePattern("**")
	if problems != nil || err != nil {
		s.t.Error(problems, err)
	}
	next := *r
	next.Choices = choices
	next.Channels = channel.NewSettings([]channel.Matched{{Pattern: all, Setting: channel.Setting{History: channel.History{Messages: 10, Age: time.Hour}}}})
	return &next
}

func (s *stage) dial() *websocket.Conn {
	s.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.net.Dial(ctx) }}
	c, _, err := websocket.Dial(s.t.Context(), "ws://edge/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.CloseNow() })
	s.sessions <- <-s.entered
	return c
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c *websocket.Conn) map[string]any {
	t.Helper()
	_, b, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return m
}

// ended reads until the close frame.
func ended(t *testing.T, c *websocket.Conn) (code int, reason string) {
	t.Helper()
	for {
		if _, _, err := c.Read(context.Background()); err != nil {
			ce, _ := errors.AsType[websocket.CloseError](err)
			return int(ce.Code), ce.Reason
		}
	}
}

func (s *stage) report() session.Report {
	s.t.Helper()
	time.Sleep(12 * time.Second) // as long as a goodbye may take
	synctest.Wait()
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	if len(s.book.reports) != 1 {
		s.t.Fatalf("got %d reports, want 1", len(s.book.reports))
	}
	return s.book.reports[0]
}

func TestEveryRequestGetsItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newStage(t).dial()
		welcome := hear(t, c)
		for name, want := range map[string]any{"type": "welcome", "tenant": "acme", "user": "ana", "connection": "c_1", "node": "n_1", "ping_ms": 25000.0} {
			if welcome[name] != want {
				t.Errorf("welcome's %s: got %v, want %v", name, welcome[name], want)
			}
		}
		tests := []struct{ name, say, want string }{
			{"echo", `{"type":"echo","id":1,"channel":"room:1","data":"x"}`, `{"type":"ok","id":1,"channel":"room:1","data":"x"}`},
			{"subscribe", `{"type":"subscribe","id":2,"channel":"room:1"}`, `{"type":"ok","id":2,"channel":"room:1"}`},
			{"subscribe again", `{"type":"subscribe","id":3,"channel":"room:1"}`, "already_subscribed"},
			{"unsubscribe", `{"type":"unsubscribe","id":4,"channel":"room:1"}`, `{"type":"ok","id":4,"channel":"room:1"}`},
			{"continue", `{"type":"subscribe","id":5,"channel":"room:1","since":{"offset":4,"epoch":"x"}}`,
				`{"type":"ok","id":5,"channel":"room:1","recovered":false,"reason":"no_history"}`},
			{"continue strictly", `{"type":"subscribe","id":6,"channel":"room:2","since":{"offset":4,"epoch":""},"strict":true}`, "unrecoverable"},
			{"history", `{"type":"history","id":7,"channel":"room:1"}`, "forbidden"},
			{"presence", `{"type":"presence","id":8,"channel":"room:1"}`, "forbidden"},
			{"refresh", `{"type":"refresh","id":9,"token":"x"}`, "not_available"},
			{"a key", `{"type":"publish","id":10,"channel":"room:1","data":1,"idempotency_key":"k"}`, "not_available"},
			{"forbidden", `{"type":"publish","id":11,"channel":"ops:1","data":1}`, "forbidden"},
			{"an unknown type", `{"type":"dance","id":12}`, "unknown_type"},
			{"no JSON", `{"type":`, "bad_request"},
			{"a bad channel", `{"type":"echo","id":13,"channel":"room:","data":1}`, "bad_channel"},
		}
		for _, tt := range tests {
			say(t, c, tt.say)
			_, got, err := c.Read(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if string(got) != tt.want && !strings.Contains(string(got), `"code":"`+tt.want+`"`) {
				t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
			}
		}
	})
}

func TestAQuietClientIsPingedAndStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := s.dial()
		hear(t, c)
		reading := c.CloseRead(t.Context())
		time.Sleep(10 * time.Minute)
		if reading.Err() != nil {
			t.Fatal("the connection ended")
		}
		synctest.Wait()
		s.book.mu.Lock()
		defer s.book.mu.Unlock()
		// 600 s of pings every 22.5 s to 27.5 s.
		if s.book.pongs < 21 || s.book.pongs > 26 {
			t.Errorf("got %d pongs in 10 minutes, want about 24", s.book.pongs)
		}
	})
}

func TestAClientThatAnswersNoPingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		start := time.Now()
		c, err := s.net.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
		<-s.entered
		all := new(bytes.Buffer)
		all.ReadFrom(c)
		took := time.Since(start)
		if !bytes.Contains(all.Bytes(), []byte("\x10\x06{\"code\":\"ping_timeout\"}")) { // 0x1006 is 4102
			t.Error("the goodbye with code 4102 was not said")
		}
		if least, most := 32*time.Second, 48*time.Second; took < least || took > most {
			t.Errorf("the connection ended after %v, want %v to %v", took, least, most)
		}
		if got := s.report(); got.Reason != "ping_timeout" || got.Initiator != session.Server || got.Code != 4102 {
			t.Errorf("got %+v, want a ping timeout", got)
		}
	})
}

func TestASessionEndsWithItsCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.expires = 100 * time.Second
		start := time.Now()
		c := s.dial()
		code, reason := ended(t, c)
		if code != 4200 || reason != `{"code":"credential_expired"}` || time.Since(start) != 100*time.Second {
			t.Errorf("got %d %s after %v, want 4200 after 1m40s", code, reason, time.Since(start))
		}
		if got := s.report(); got.Reason != "credential_expired" || got.Code != 4200 || got.Duration != 100*time.Second {
			t.Errorf("got %+v", got)
		}
	})
}

// A request that waits for its client to read is not served once the credential has ended.
func TestNothingIsDoneForACredentialThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.limits.MessageSize = 1 << 20
		s.expires = 5 * time.Second
		ana := s.dial() // and reads nothing: the answers fill her outbox
		say(t, ana, strings.Repeat(`{"type":"publish","id":1,"channel":"room:1","data":"x"}`+"\n", 10_000))
		time.Sleep(4 * time.Second)
		before := s.book.publications()
		time.Sleep(time.Minute)
		if after := s.book.publications(); before == 0 || before == 10_000 || after != before {
			t.Errorf("%d of 10000 messages were published before ana's credential ended, and %d after it", before, after-before)
		}
		s.book.mu.Lock()
		defer s.book.mu.Unlock()
		if !slices.ContainsFunc(s.book.reports, func(r session.Report) bool { return r.Reason == "credential_expired" }) {
			t.Errorf("got %+v, want ana's credential to have ended", s.book.reports)
		}
	})
}

func TestTheTenthRefusalInTenSecondsEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.limits.MessagesPerSecondPerConn = 1
		c := s.dial()
		hear(t, c)
		for range 2 { // the burst
			say(t, c, `{"type":"ping","id":1}`)
			hear(t, c)
		}
		for i := range 9 {
			say(t, c, `{"type":"ping","id":2}`)
			if got := hear(t, c); got["code"] != "rate_limited" || got["retry_ms"] == nil {
				t.Fatalf("refusal %d: got %v", i+1, got)
			}
		}
		say(t, c, `{"type":"ping","id":3}`)
		if code, reason := ended(t, c); code != 4103 || !strings.HasPrefix(reason, `{"code":"rate_limited","retry_ms":`) {
			t.Errorf("got %d %s, want 4103", code, reason)
		}
	})
}

func TestRefusalsThatAreFarApartAreBorne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.limits.MessagesPerSecondPerConn = 1
		c := s.dial()
		hear(t, c)
		for range 30 {
			say(t, c, `{"type":"ping","id":1}`)
			hear(t, c)
			say(t, c, `{"type":"ping","id":1}`)
			hear(t, c)
			time.Sleep(1500 * time.Millisecond)
		}
	})
}

func TestWhatBreaksTheProtocolEndsWithItsCode(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, c *websocket.Conn)
		code int
		why  string
	}{
		{"text that is no UTF-8", func(t *testing.T, c *websocket.Conn) { say(t, c, "a\xff") }, 1007, "invalid_utf8"},
		{"a message too large", func(t *testing.T, c *websocket.Conn) { say(t, c, strings.Repeat("x", 1025)) }, 1009, "message_too_big"},
		{"binary", func(t *testing.T, c *websocket.Conn) { c.Write(t.Context(), websocket.MessageBinary, []byte("{}")) }, 1003, "unsupported_data"},
		{"a flood of pings", func(t *testing.T, c *websocket.Conn) {
			for range 100 {
				go c.Ping(context.Background()) // ends with the connection
			}
		}, 4500, "protocol_violation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				c := s.dial()
				hear(t, c)
				go tt.do(t, c)
				if code, reason := ended(t, c); code != tt.code || reason != `{"code":"`+tt.why+`"}` {
					t.Errorf("got %d %s, want %d %s", code, reason, tt.code, tt.why)
				}
				if got := s.report(); got.Reason != tt.why || got.Initiator != session.Server {
					t.Errorf("got %+v, want %s", got, tt.why)
				}
			})
		})
	}
}

func TestTheEndIsReportedByWhoseItWas(t *testing.T) {
	tests := []struct {
		name      string
		end       func(s *stage, c *websocket.Conn, live *session.Session)
		initiator session.Initiator
		reason    string
	}{
		{"the client says goodbye", func(_ *stage, c *websocket.Conn, _ *session.Session) { c.Close(1000, "") }, session.Client, session.ClientNormal},
		{"the client has a reason of its own", func(_ *stage, c *websocket.Conn, _ *session.Session) { c.Close(3999, "") }, session.Client, session.ClientOther},
		{"the client is gone", func(_ *stage, c *websocket.Conn, _ *session.Session) { c.CloseNow() }, session.Network, session.NetworkLost},
		{"the gateway drains", func(_ *stage, c *websocket.Conn, live *session.Session) {
			live.End(wire.Draining, time.Second)
			live.End(wire.SlowConsumer, 0) // the first reason counts
			for _, _, err := c.Read(context.Background()); err == nil; _, _, err = c.Read(context.Background()) {
			}
		}, session.Server, "draining"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				c := s.dial()
				hear(t, c)
				tt.end(s, c, <-s.sessions)
				if got := s.report(); got.Initiator != tt.initiator || got.Reason != tt.reason {
					t.Errorf("got %s %s, want %s %s", got.Initiator, got.Reason, tt.initiator, tt.reason)
				}
			})
		})
	}
}

func TestTheLineOfAConnectionHasNoPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := s.dial()
		hear(t, c)
		say(t, c, `{"type":"subscribe","id":1,"channel":"room:secret-room"}`)
		hear(t, c)
		say(t, c, `{"type":"publish","channel":"room:secret-room","data":"a secret"}`)
		hear(t, c)
		c.Close(1000, "a secret reason")
		got := s.report()
		if got.Requests != 2 || got.Delivered != 1 || got.BytesIn == 0 || got.BytesOut == 0 {
			t.Errorf("got %+v, want 2 requests and 1 delivery", got)
		}
		line := s.log.String()
		if strings.Count(line, "\n") != 1 || strings.Contains(line, "secret") {
			t.Errorf("got %q, want one line without the payload", line)
		}
		for _, part := range []string{`"event":"connection.closed"`, `"tenant":"acme"`, `"user":"ana"`, `"initiator":"client"`, `"reason":"client_normal"`} {
			if !strings.Contains(line, part) {
				t.Errorf("the line has no %s: %s", part, line)
			}
		}
	})
}

// broken panics on what a client sends, as a mistake of ours would.
type broken struct{ wirejson.Dialect }

func (broken) Open() wire.Codec { return brokenCodec{wirejson.Dialect{}.Open()} }

type brokenCodec struct{ wire.Codec }

func (brokenCodec) Decode(wire.Opcode, []byte, func(wire.Request, *wire.Fault) bool) wire.Close {
	panic("a mistake")
}

func TestAMistakeEndsOneConnectionAndNotTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.dialect = broken{}
		c := s.dial()
		hear(t, c)
		say(t, c, `{"type":"ping","id":1}`)
		if code, reason := ended(t, c); code != 4100 || reason != `{"code":"internal"}` {
			t.Errorf("got %d %s, want 4100", code, reason)
		}
		s.report()
		if !strings.Contains(s.log.String(), "session.panic") {
			t.Error("nothing was logged")
		}
	})
}

func TestAMirrorSaysNothingButWhatItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.dialect = mirror.Dialect{}
		s.limits.MessagesPerSecondPerConn = 2
		c := s.dial()
		for _, want := range []struct {
			typ  websocket.MessageType
			text string
		}{{websocket.MessageText, "no JSON"}, {websocket.MessageBinary, "\x00\xff"}, {websocket.MessageText, ""}} {
			c.Write(t.Context(), want.typ, []byte(want.text))
			typ, got, err := c.Read(t.Context())
			if typ != want.typ || string(got) != want.text || err != nil {
				t.Errorf("got %v %q, %v; want %v %q", typ, got, err, want.typ, want.text)
			}
		}
		for range 2 {
			c.Write(t.Context(), websocket.MessageText, []byte("x"))
		}
		if code, _ := ended(t, c); code != 4103 {
			t.Errorf("got %d over the limit, want 4103: a mirror has no other word for it", code)
		}
	})
}
