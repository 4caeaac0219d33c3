package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client"
	"portcullis/internal/testnet"
)

// script plays one connection after the other: the handshakes that the plays say, in order; the last one again and again.
type script struct {
	mu    sync.Mutex
	times []time.Time
	plays []http.HandlerFunc
	creds []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	play := s.plays[min(len(s.times), len(s.plays)-1)]
	s.times = append(s.times, time.Now())
	s.creds = append(s.creds, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	s.mu.Unlock()
	play(w, r)
}

// pauses are the times between the attempts.
func (s *script) pauses() (all []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.times); i++ {
		all = append(all, s.times[i].Sub(s.times[i-1]))
	}
	return all
}

func (s *script) credentials() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.creds...)
}

// greets is a connection that says hello and plays.
func greets(t *testing.T, play func(*peer)) http.HandlerFunc {
	return plays(t, func(p *peer) {
		p.say(hello)
		play(p)
	})
}

// closes is a connection that the gateway closes at once.
func closes(t *testing.T, code int, reason string) http.HandlerFunc {
	return greets(t, func(p *peer) { p.close(code, reason) })
}

func stays(t *testing.T) http.HandlerFunc { return greets(t, func(p *peer) { p.serve() }) }

// breaks is a connection that ends without a word.
func breaks(t *testing.T) http.HandlerFunc { return greets(t, func(p *peer) { p.ws.CloseNow() }) }

func refuses(status int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
	}
}

// inBubble runs a client against a script, in a time of their own. Whatever goroutine the client left behind would fail the test.
func inBubble(t *testing.T, plays func(t *testing.T) []http.HandlerFunc, change func(*client.Config), use func(t *testing.T, c *client.Client, s *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{plays: plays(t)}
		l := testnet.Listen()
		server := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan struct{})
		go func() { defer close(served); server.Serve(l) }()
		config := client.Config{Options: options(l)}
		if change != nil {
			change(&config)
		}
		c, err := client.Connect(config)
		if err != nil {
			t.Fatal(err)
		}
		use(t, c, s)
		c.Close()
		server.Close()
		<-served
	})
}

// TestTheBandSaysWhatComesNext is the table of docs/protocol.md, "The end".
func TestTheBandSaysWhatComesNext(t *testing.T) {
	const never = -1
	for _, c := range []struct {
		name     string
		end      func(*testing.T) http.HandlerFunc
		from, to time.Duration // the pause
		token    string        // of the second attempt
	}{
		{"draining", func(t *testing.T) http.HandlerFunc { return closes(t, 4000, `{"code":"draining","retry_ms":8000}`) }, 8 * time.Second, 8 * time.Second, "t0ken"},
		{"rebalance at once", func(t *testing.T) http.HandlerFunc { return closes(t, 4001, `{"code":"rebalance"}`) }, 0, 0, "t0ken"},
		{"slow consumer", func(t *testing.T) http.HandlerFunc { return closes(t, 4101, `{"code":"slow_consumer"}`) }, 0, 500 * time.Millisecond, "t0ken"},
		{"rate limited", func(t *testing.T) http.HandlerFunc { return closes(t, 4103, `{"code":"rate_limited","retry_ms":3000}`) }, 3 * time.Second, 3500 * time.Millisecond, "t0ken"},
		{"token expired", func(t *testing.T) http.HandlerFunc { return closes(t, 4200, `{"code":"token_expired"}`) }, 0, 0, "renewed"},
		{"revoked", func(t *testing.T) http.HandlerFunc { return closes(t, 4201, `{"code":"revoked"}`) }, 0, 0, "renewed"},
		{"a code of the 42 band that is new", func(t *testing.T) http.HandlerFunc { return closes(t, 4299, ``) }, 0, 0, "renewed"},
		{"protocol violation", func(t *testing.T) http.HandlerFunc { return closes(t, 4500, `{"code":"protocol_violation"}`) }, never, 0, ""},
		{"suspended", func(t *testing.T) http.HandlerFunc { return closes(t, 4502, `{"code":"tenant_suspended"}`) }, never, 0, ""},
		{"unsupported data", func(t *testing.T) http.HandlerFunc { return closes(t, 1003, ``) }, never, 0, ""},
		{"invalid text", func(t *testing.T) http.HandlerFunc { return closes(t, 1007, ``) }, never, 0, ""},
		{"too big", func(t *testing.T) http.HandlerFunc { return closes(t, 1009, ``) }, never, 0, ""},
		{"lost without a word", breaks, 0, 500 * time.Millisecond, "t0ken"},
		{"refused, unauthorized", func(*testing.T) http.HandlerFunc { return refuses(401, "") }, 0, 0, "renewed"},
		{"refused, busy", func(*testing.T) http.HandlerFunc { return refuses(503, "7") }, 7 * time.Second, 7500 * time.Millisecond, "t0ken"},
		{"refused, too many", func(*testing.T) http.HandlerFunc { return refuses(429, "2") }, 2 * time.Second, 2500 * time.Millisecond, "t0ken"},
		{"refused, forbidden", func(*testing.T) http.HandlerFunc { return refuses(403, "") }, never, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			plays := func(t *testing.T) []http.HandlerFunc { return []http.HandlerFunc{c.end(t), stays(t)} }
			change := func(o *client.Config) {
				o.Renew = func(context.Context) (string, error) { return "renewed", nil }
			}
			inBubble(t, plays, change, func(t *testing.T, k *client.Client, s *script) {
				time.Sleep(20 * time.Second)
				pauses, creds := s.pauses(), s.credentials()
				if c.from == never {
					if len(pauses) != 0 || k.Err() == nil || k.State().Phase != client.Ended {
						t.Errorf("got other attempts after %v, %v, %+v; want none, and an error", pauses, k.Err(), k.State())
					}
					return
				}
				if len(pauses) != 1 || pauses[0] < c.from || pauses[0] > c.to || creds[len(creds)-1] != c.token {
					t.Errorf("got other attempts after %v with %v, want one after %v to %v with %s", pauses, creds, c.from, c.to, c.token)
				}
				if k.State().Phase != client.Connected {
					t.Errorf("got %+v, want a connection", k.State())
				}
			})
		})
	}
}

// Full jitter: each pause is anything up to its bound, and the bounds double up to 30 seconds.
func TestPausesGrowAndAreNeverTheSame(t *testing.T) {
	plays := func(*testing.T) []http.HandlerFunc { return []http.HandlerFunc{refuses(503, "")} }
	var first []time.Duration
	for range 2 {
		inBubble(t, plays, nil, func(t *testing.T, _ *client.Client, s *script) {
			time.Sleep(10 * time.Minute)
			pauses := s.pauses()
			bound := 500 * time.Millisecond
			var far bool
			for i, p := range pauses {
				if p > bound {
					t.Errorf("pause %d is %v, more than %v", i, p, bound)
				}
				far = far || p > 10*time.Second
				bound = min(2*bound, 30*time.Second)
			}
			if len(pauses) < 20 || !far {
				t.Errorf("got pauses %v, want twenty and some long ones", pauses)
			}
			if first != nil && first[0] == pauses[0] && first[1] == pauses[1] {
				t.Error("two clients had the same pauses")
			}
			first = pauses
		})
	}
}

// A connection that ends at once again and again is no success: the pauses go on growing. One that lasted begins anew.
func TestAConnectionThatLastedForgivesTheFailures(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		lasts := greets(t, func(p *peer) {
			time.Sleep(40 * time.Second)
			p.close(4000, `{"code":"draining","retry_ms":100}`)
		})
		return []http.HandlerFunc{breaks(t), breaks(t), breaks(t), lasts, stays(t)}
	}
	inBubble(t, plays, nil, func(t *testing.T, _ *client.Client, s *script) {
		time.Sleep(time.Minute)
		if p := s.pauses(); len(p) != 4 || p[3] != 40*time.Second+100*time.Millisecond {
			t.Errorf("got pauses %v, want the last to be what the gateway asked for", p)
		}
	})
}

func TestAllThatWaitsEndsWithClose(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc { return []http.HandlerFunc{stays(t)} }
	var states []client.Phase
	change := func(c *client.Config) { c.OnState = func(s client.State) { states = append(states, s.Phase) } }
	inBubble(t, plays, change, func(t *testing.T, k *client.Client, _ *script) {
		feed, err := k.Subscribe(t.Context(), "room:1", client.FeedOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { _, err := feed.Next(t.Context()); ended <- err }()
		synctest.Wait()
		k.Close()
		if err := <-ended; !errors.Is(err, client.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		if _, err := k.Publish(t.Context(), "room:1", 1); !errors.Is(err, client.ErrClosed) || errors.Is(err, client.ErrUncertain) {
			t.Errorf("publish: got %v, want ErrClosed alone", err)
		}
		if _, err := k.Subscribe(t.Context(), "room:2", client.FeedOptions{}); !errors.Is(err, client.ErrClosed) {
			t.Errorf("subscribe: got %v, want ErrClosed", err)
		}
		if got, want := fmt.Sprint(states), "[connecting connected ended]"; got != want {
			t.Errorf("got states %s, want %s", got, want)
		}
	})
}
