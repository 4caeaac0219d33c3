package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"portcullis/client"
)

func TestACloseSaysWhatToDo(t *testing.T) {
	tests := []struct {
		name   string
		code   websocket.StatusCode
		reason string
		want   client.CloseError
		advice client.Advice
		text   string
	}{
		{"draining", 4000, `{"code":"draining","retry_ms":8000}`, client.CloseError{Code: 4000, Reason: "draining", Retry: 8 * time.Second},
			client.Reconnect, "the connection was closed: 4000 draining, retry after 8s"},
		{"a slow consumer", 4101, `{"code":"slow_consumer"}`, client.CloseError{Code: 4101, Reason: "slow_consumer"}, client.BackOff, "4101 slow_consumer"},
		{"expired", 4200, `{"code":"credential_expired"}`, client.CloseError{Code: 4200, Reason: "credential_expired"}, client.Renew, "4200 credential_expired"},
		{"a violation", 4500, `{"code":"protocol_violation"}`, client.CloseError{Code: 4500, Reason: "protocol_violation"}, client.Stop, "4500 protocol_violation"},
		{"a code of a later gateway", 4299, `{"code":"new"}`, client.CloseError{Code: 4299, Reason: "new"}, client.Renew, "4299 new"},
		{"too big", 1009, `{"code":"message_too_big"}`, client.CloseError{Code: 1009, Reason: "message_too_big"}, client.Stop, "1009 message_too_big"},
		{"normal", 1000, "", client.CloseError{Code: 1000}, client.Stop, "the connection was closed: 1000"},
		{"a proxy that restarts", 1001, "bye", client.CloseError{Code: 1001, Reason: "bye"}, client.BackOff, "1001 bye"},
		{"a proxy that failed", 1011, "", client.CloseError{Code: 1011}, client.BackOff, "1011"},
		{"a pause that no clock holds", 4000, `{"code":"draining","retry_ms":9223372036854775807}`, client.CloseError{Code: 4000, Reason: "draining"},
			client.Reconnect, "4000 draining"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, func(p *peer) {
				p.ok(p.expect("subscribe", "room:1"))
				p.expect("ping", "")
				p.say(said("room:1", 1))
				p.ws.Close(tt.code, tt.reason)
			})
			s := subscribe(t, c, "room:1")
			_, ping := c.Ping(t.Context())
			<-c.Done()
			wantNext(t, s, 1, 0) // what had come is not lost
			_, next := s.Next(t.Context())
			_, publish := c.Publish(t.Context(), "room:1", 1)
			for _, err := range []error{ping, next, c.Err(), publish} {
				got, ok := errors.AsType[*client.CloseError](err)
				if !ok || *got != tt.want || got.Advice() != tt.advice || got.Unwrap() != nil {
					t.Errorf("got %#v, want %#v and %q", err, tt.want, tt.advice)
				}
				wantErrorWith(t, err, tt.text)
			}
		})
	}
}

func TestAConnectionThatBreaksIsLost(t *testing.T) {
	c := connect(t, func(p *peer) { p.hear() })
	_, err := c.Ping(t.Context())
	got, ok := errors.AsType[*client.CloseError](err)
	if !ok || got.Code != 1006 || got.Advice() != client.BackOff || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %#v, want 1006 for an end that came too early", err)
	}
	wantErrorWith(t, err, "the connection was lost: ")
	<-c.Done()
	if c.Err() != err {
		t.Errorf("Err tells %v, want %v", c.Err(), err)
	}
}

// brokenPipe takes nothing any more, once it is broken.
type brokenPipe struct {
	net.Conn
	broken *atomic.Bool
}

func (b brokenPipe) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(p)
}

// Nothing can be written any more, and the gateway's last word may be on its way: the client waits for it a moment, and tells it rather than
// the broken pipe.
func TestTheGatewaysLastWordWinsOverAFailedWrite(t *testing.T) {
	tests := []struct {
		name     string
		lastWord time.Duration
		code     int
		took     time.Duration
	}{
		{"in time", time.Second, 4000, time.Second},
		{"too late", time.Minute, 1006, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop := make(chan struct{})
				defer close(stop)
				l := listen(t, plays(t, func(p *peer) {
					p.say(hello)
					select {
					case <-time.After(tt.lastWord):
						p.ws.Close(4000, `{"code":"draining"}`)
					case <-stop:
					}
				}))
				o, broken := options(l), new(atomic.Bool)
				o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					conn, err := l.Dial(ctx)
					return brokenPipe{conn, broken}, err
				}
				c, err := client.Dial(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				broken.Store(true)
				start := time.Now()
				_, err = c.Publish(t.Context(), "room:1", 1)
				got, ok := errors.AsType[*client.CloseError](err)
				if took := time.Since(start); !ok || got.Code != tt.code || took != tt.took {
					t.Errorf("got %v after %v, want %d after %v", err, took, tt.code, tt.took)
				}
				if lost := tt.code == 1006; errors.Is(err, syscall.EPIPE) != lost {
					t.Errorf("got %v; a broken pipe is in it: want %v", err, lost)
				}
			})
		})
	}
}

func TestCloseSaysGoodbyeAndEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		c := connect(t, func(p *peer) {
			p.ok(p.expect("subscribe", "room:1"))
			p.say(said("room:1", 1))
			p.expect("ping", "")
			_, _, err := p.ws.Read(p.ctx)
			ended <- err
		})
		s := subscribe(t, c, "room:1")
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := c.Ping(t.Context()); !errors.Is(err, client.ErrClosed) {
				t.Errorf("a request that waited got %v, want %v", err, client.ErrClosed)
			}
		})
		synctest.Wait()
		if c.Err() != nil {
			t.Errorf("before the end Err tells %v", c.Err())
		}
		for range 3 {
			waiting.Go(c.Close)
		}
		waiting.Wait()
		if got := websocket.CloseStatus(<-ended); got != websocket.StatusNormalClosure {
			t.Errorf("the server saw %v, want 1000", got)
		}
		<-c.Done()
		wantNext(t, s, 1, 0)
		if _, err := s.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("got %v, want %v", err, client.ErrClosed)
		}
		if err := s.Unsubscribe(t.Context()); err != nil {
			t.Errorf("leaving an ended connection's channel got %v", err)
		}
		if calls, subscriptions := c.Held(); calls != 0 || subscriptions != 0 {
			t.Errorf("%d calls and %d subscriptions are held", calls, subscriptions)
		}
	})
}

func TestCloseDoesNotWaitLongForADeadGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		c := connect(t, func(*peer) { <-stop })
		start := time.Now()
		c.Close()
		if took := time.Since(start); took != 2*time.Second || !errors.Is(c.Err(), client.ErrClosed) {
			t.Errorf("got %v after %v, want %v after 2s", c.Err(), took, client.ErrClosed)
		}
	})
}

func TestAGatewayThatFallsSilentIsLost(t *testing.T) {
	sounds := map[string]func(p *peer){
		"a ping": func(p *peer) {
			if err := p.ws.Ping(p.ws.CloseRead(p.ctx)); err != nil {
				t.Errorf("a ping was not answered: %v", err)
			}
		},
		"a message": func(p *peer) { p.say(said("room:1", 1)) },
	}
	for name, sound := range sounds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop := make(chan struct{})
				defer close(stop)
				c := connect(t, func(p *peer) {
					for range 3 {
						time.Sleep(27 * time.Second)
						sound(p)
					}
					<-stop
				})
				start := time.Now()
				<-c.Done()
				got, ok := errors.AsType[*client.CloseError](c.Err())
				if took := time.Since(start); !ok || got.Code != 1006 || took != 3*27*time.Second+50*time.Second {
					t.Errorf("got %v after %v, want 1006 twice ping_ms after the last sound, 2m11s", c.Err(), took)
				}
				wantErrorWith(t, c.Err(), "nothing was heard for 50s")
			})
		})
	}
}

func TestAMessageLargerThanMaxMessageEndsTheConnection(t *testing.T) {
	ended := make(chan error, 1)
	l := listen(t, plays(t, func(p *peer) {
		p.say(hello, `{"type":"message","channel":"a","data":"`+strings.Repeat("x", 1000)+`"}`)
		_, _, err := p.ws.Read(p.ctx)
		ended <- err
	}))
	o := options(l)
	o.MaxMessage = 1000
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-c.Done()
	wantErrorWith(t, c.Err(), "a message is larger than Options.MaxMessage, 1000 bytes")
	if got := websocket.CloseStatus(<-ended); got != websocket.StatusMessageTooBig {
		t.Errorf("the server saw %v, want 1009", got)
	}
}
