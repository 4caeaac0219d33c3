package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client"
)

func TestEchoReturnsTheSameValue(t *testing.T) {
	c := connect(t, func(p *peer) { p.serve() })
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"text", "Hello, Secure World!", `"Hello, Secure World!"`},
		{"text that HTML would escape", "<b>&</b>", `"<b>&</b>"`},
		{"text outside ASCII", "zoë\u2028\n", `"zoë\u2028\n"`},
		{"nothing", nil, "null"},
		{"a number beyond a float64", json.RawMessage("12345678901234567890.5"), "12345678901234567890.5"},
		{"text that is JSON already, over lines", json.RawMessage("{\n\t\"a\": [1,\n2]\n}"), `{"a":[1,2]}`},
		{"a struct", struct {
			Text string `json:"text"`
		}{"hi"}, `{"text":"hi"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Echo(t.Context(), "lab:rtt", tt.in)
			if string(got) != tt.want || err != nil {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// The names and the order are the wire's: whoever reads a log of frames, or the gateway that stumbles over data, finds the id first.
func TestRequestsAsTheyStandOnTheWire(t *testing.T) {
	heard := make(chan string, 1)
	c := connect(t, func(p *peer) {
		for a, ok := p.hear(); ok; a, ok = p.hear() {
			heard <- a.text
			p.ok(a)
		}
	})
	tests := []struct {
		name string
		ask  func() error
		want string
	}{
		{"ping", func() error { _, err := c.Ping(t.Context()); return err }, `{"type":"ping","id":1}`},
		{"echo", func() error { _, err := c.Echo(t.Context(), "lab:rtt", 1); return err }, `{"type":"echo","id":2,"channel":"lab:rtt","data":1}`},
		{"publish", func() error { _, err := c.Publish(t.Context(), "room:1", nil); return err }, `{"type":"publish","id":3,"channel":"room:1","data":null}`},
		{"subscribe", func() error { _, err := c.Subscribe(t.Context(), "room:1"); return err }, `{"type":"subscribe","id":4,"channel":"room:1"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.ask(); err != nil {
				t.Fatal(err)
			}
			if got := <-heard; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAPublicationTellsWhereItStands(t *testing.T) {
	c := connect(t, func(p *peer) {
		p.hear()
		p.say(`{"type":"ok","id":1,"channel":"room:1","offset":45,"epoch":"x7"}`)
		p.hear()
		p.say(`{"type":"ok","id":2,"channel":"bare:1"}`)
		p.hear()
	})
	want := client.Published{Position: client.Position{Offset: 45, Epoch: "x7"}}
	if got, err := c.Publish(t.Context(), "room:1", 1); got != want || err != nil {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := c.Publish(t.Context(), "bare:1", 1); got != (client.Published{}) || err != nil {
		t.Errorf("got %v, %v; want no position on a channel without history", got, err)
	}
}

func TestPingTellsTheGatewaysTime(t *testing.T) {
	c := connect(t, func(p *peer) {
		p.hear()
		p.say(`{"type":"ok","id":1,"time":1767222000123}`)
		p.hear()
	})
	got, err := c.Ping(t.Context())
	if want := time.UnixMilli(1767222000123); !got.Equal(want) || err != nil {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestAnErrorIsTheAnswerAndTheConnectionStays(t *testing.T) {
	c := connect(t, func(p *peer) {
		a, _ := p.hear()
		p.refuse(a, `"channel":"ops:x","code":"rate_limited","message":"too many messages for this user","retry_ms":1500`)
		p.serve()
	})
	_, err := c.Publish(t.Context(), "ops:x", 1)
	want := client.Error{Code: "rate_limited", Message: "too many messages for this user", Retry: 1500 * time.Millisecond}
	if got, ok := errors.AsType[*client.Error](err); !ok || *got != want || err.Error() != "rate_limited: too many messages for this user" {
		t.Errorf("got %#v, want %#v", err, want)
	}
	if _, err := c.Publish(t.Context(), "ops:x", 1); err != nil {
		t.Errorf("the next request got %v", err)
	}
}

// ana and bob ask at the same time; bob is answered first, and each gets what is hers or his.
func TestAnswersInAnyOrderReachTheirCallers(t *testing.T) {
	c := connect(t, func(p *peer) {
		first, _ := p.hear()
		second, _ := p.hear()
		p.ok(second)
		p.ok(first)
		p.serve()
	})
	var all sync.WaitGroup
	for _, who := range []string{"ana", "bob"} {
		all.Go(func() {
			if got, err := c.Echo(t.Context(), "lab:rtt", who); string(got) != `"`+who+`"` || err != nil {
				t.Errorf("%s got %s, %v", who, got, err)
			}
		})
	}
	all.Wait()
}

func TestManyCallersAtOnce(t *testing.T) {
	c := connect(t, func(p *peer) { p.serve() })
	var all sync.WaitGroup
	for caller := range 50 {
		all.Go(func() {
			for i := range 20 {
				want := fmt.Sprint(caller*1000 + i)
				if got, err := c.Echo(t.Context(), "lab:rtt", json.RawMessage(want)); string(got) != want || err != nil {
					t.Errorf("got %s, %v; want %s", got, err, want)
				}
			}
		})
	}
	all.Wait()
	if calls, _ := c.Held(); calls != 0 {
		t.Errorf("%d calls are still held", calls)
	}
}

func TestWhatTheGatewayWouldCloseForIsNotSent(t *testing.T) {
	c := connect(t, func(p *peer) {
		for a, ok := p.hear(); ok; a, ok = p.hear() {
			if a.Type != "ping" && len(a.text) != 65536 {
				t.Errorf("the client sent %.100q", a.text)
			}
			p.ok(a)
		}
	})
	const envelope = len(`{"type":"publish","id":1,"channel":"a","data":""}`)
	tests := []struct {
		name string
		data any
		want string
	}{
		{"a message as large as it may be", strings.Repeat("x", 65536-envelope), ""},
		{"a message one byte too large", strings.Repeat("x", 65536-envelope+1), "too_large: the request has 65537 bytes, and message_size of this tenant is 65536"},
		{"text that is not UTF-8", json.RawMessage("\"\xff\""), "not UTF-8"},
		{"text that is not JSON", json.RawMessage(`{"a":`), "encode the data"},
		{"a value that JSON does not have", make(chan int), "encode the data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Publish(t.Context(), "a", tt.data)
			if tt.want != "" {
				wantErrorWith(t, err, tt.want)
			} else if err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := c.Ping(t.Context()); err != nil {
		t.Errorf("the connection did not stay: %v", err)
	}
}

func TestACancelledRequestLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			late := p.expect("echo", "lab:rtt")
			a := p.expect("ping", "")
			p.ok(late) // nobody waits for it any more
			p.ok(a)
			p.serve()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Echo(ctx, "lab:rtt", 1)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want %v after 1s", err, time.Since(start), context.DeadlineExceeded)
		}
		if calls, _ := c.Held(); calls != 0 {
			t.Errorf("%d calls are held, want 0", calls)
		}
		if _, err := c.Ping(t.Context()); err != nil {
			t.Errorf("the next request got %v", err)
		}
		if _, err := c.Publish(ctx, "lab:rtt", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that began with an ended context got %v", err)
		}
	})
}

// The gateway reads nothing. A request waits for as long as its own context, and no longer; after ten seconds the connection is given up.
func TestAGatewayThatReadsNothingHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		l := listen(t, plays(t, func(p *peer) { p.say(hello); <-stop }))
		defer close(stop)
		l.Buffer = 4 << 10
		c, err := client.Dial(t.Context(), options(l))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		for _, want := range []time.Duration{time.Second, 2 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.Publish(ctx, "room:1", strings.Repeat("x", 32<<10))
			cancel()
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != want {
				t.Errorf("got %v after %v, want %v after %v", err, took, context.DeadlineExceeded, want)
			}
		}
		<-c.Done()
		got, ok := errors.AsType[*client.CloseError](c.Err())
		if took := time.Since(start); !ok || got.Code != 1006 || got.Advice() != client.BackOff || took != 10*time.Second {
			t.Errorf("got %v after %v, want 1006 after 10s", c.Err(), took)
		}
	})
}

func TestFramesOfALaterGatewayAreIgnored(t *testing.T) {
	c := connect(t, func(p *peer) {
		p.say(`{"type":"gap","channel":"room:1","after":41,"before":45,"reason":"slow"}`,
			`{"type":"expiring","in_ms":60000}`,
			`{"type":"audit","id":"seven","code":7,"channel":{}}`,
			`{"type":"ok","id":99}`,
			`{"type":"error","code":"bad_request","message":"whose?"}`,
			`{"type":"message","channel":"nobody:asked","time":1,"from":{},"data":1}`,
			`{"type":"unsubscribed","channel":"nobody:asked","code":"forbidden","message":""}`)
		p.serve()
	})
	if _, err := c.Ping(t.Context()); err != nil {
		t.Errorf("got %v, want an answer", err)
	}
}

func TestAServerThatBreaksTheProtocolIsLeft(t *testing.T) {
	tests := []struct{ name, frame string }{
		{"no JSON", "hello"},
		{"no object", "[]"},
		{"an ok that cannot be read", `{"type":"ok","id":"1"}`},
		{"two objects in a frame", `{"type":"ok","id":1}` + "\n" + `{"type":"ok","id":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, func(p *peer) { p.say(tt.frame); p.hear() })
			_, err := c.Ping(t.Context())
			wantErrorWith(t, err, "the server broke the protocol portcullis.v1.json")
			<-c.Done()
			wantErrorWith(t, c.Err(), "the server broke the protocol portcullis.v1.json")
		})
	}
}

func TestNothingIsAskedOfAConnectionThatHasEnded(t *testing.T) {
	c := connect(t, func(p *peer) { p.hear() })
	c.Close()
	_, echo := c.Echo(t.Context(), "a", 1)
	_, ping := c.Ping(t.Context())
	_, subscribe := c.Subscribe(t.Context(), "a")
	_, publish := c.Publish(t.Context(), "a", 1)
	for _, got := range []error{echo, ping, subscribe, publish} {
		if !errors.Is(got, client.ErrClosed) {
			t.Errorf("got %v, want %v", got, client.ErrClosed)
		}
	}
}
