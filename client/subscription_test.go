package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client"
)

func said(channel string, n int) string {
	return fmt.Sprintf(`{"type":"message","channel":%q,"time":1767222000123,"from":{"user":"bob","connection":"c_2"},"data":%d}`, channel, n)
}

func subscribe(t *testing.T, c *client.Conn, channel string) *client.Subscription {
	t.Helper()
	s, err := c.Subscribe(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantNext takes the next message, which must be n behind so many lost ones.
func wantNext(t *testing.T, s *client.Subscription, n, lost int) {
	t.Helper()
	m, err := s.Next(t.Context())
	if string(m.Data) != fmt.Sprint(n) || m.Lost != lost || err != nil {
		t.Errorf("got %.20s with %d lost, %v; want %d with %d lost", m.Data, m.Lost, err, n, lost)
	}
}

func TestMessagesArriveInOrderFromTheFirst(t *testing.T) {
	c := connect(t, func(p *peer) {
		a := p.expect("subscribe", "room:1")
		p.say(`{"type":"ok","id":1,"channel":"room:1"}`, said("room:1", 1), said("room:2", 7), said("room:1", 2))
		_ = a
		p.hear()
	})
	s := subscribe(t, c, "room:1")
	m, err := s.Next(t.Context())
	want := client.Message{Channel: "room:1", From: client.Sender{User: "bob", Connection: "c_2"}, Time: time.UnixMilli(1767222000123)}
	if err != nil || string(m.Data) != "1" || m.Channel != want.Channel || m.From != want.From || !m.Time.Equal(want.Time) || m.Lost != 0 {
		t.Errorf("got %+v, %v; want %+v with 1", m, err, want)
	}
	wantNext(t, s, 2, 0)
	if s.Channel() != "room:1" {
		t.Errorf("got channel %q", s.Channel())
	}
}

func TestARefusedSubscriptionHoldsNothing(t *testing.T) {
	c := connect(t, func(p *peer) {
		a := p.expect("subscribe", "ops:x")
		p.refuse(a, `"code":"forbidden","message":"subscribe on ops:x is not allowed"`)
		p.serve()
	})
	_, err := c.Subscribe(t.Context(), "ops:x")
	if got, ok := errors.AsType[*client.Error](err); !ok || got.Code != "forbidden" {
		t.Errorf("got %v, want forbidden", err)
	}
	if _, held := c.Held(); held != 0 {
		t.Errorf("%d subscriptions are held", held)
	}
	subscribe(t, c, "ops:x") // the rules may have changed: it is asked again
}

func TestASecondSubscriptionToAChannelIsRefused(t *testing.T) {
	c := connect(t, func(p *peer) { p.serve() })
	subscribe(t, c, "room:1")
	_, err := c.Subscribe(t.Context(), "room:1")
	if got, ok := errors.AsType[*client.Error](err); !ok || got.Code != "already_subscribed" {
		t.Errorf("got %v, want already_subscribed", err)
	}
}

// 5,000 messages come and nobody takes one: replies go on, the newest 1,024 are kept, and the first of them tells what is missing.
func TestASlowSubscriberLosesTheOldestAndIsTold(t *testing.T) {
	c := connect(t, func(p *peer) {
		p.ok(p.expect("subscribe", "room:1"))
		for n := range 5000 {
			p.say(said("room:1", n))
		}
		p.serve()
	})
	s := subscribe(t, c, "room:1")
	if _, err := c.Ping(t.Context()); err != nil { // answered behind them all
		t.Fatal(err)
	}
	wantNext(t, s, 5000-1024, 5000-1024)
	for n := 5000 - 1023; n < 5000; n++ {
		wantNext(t, s, n, 0)
	}
}

func TestLargeMessagesAreBoundByTheirBytes(t *testing.T) {
	mebibyte := strings.Repeat("x", 1<<20)
	c := connect(t, func(p *peer) {
		p.ok(p.expect("subscribe", "room:1"))
		for n := range 6 {
			p.say(fmt.Sprintf(`{"type":"message","channel":"room:1","time":1,"from":{"user":"bob"},"data":"%d%s"}`, n, mebibyte))
		}
		p.serve()
	})
	s := subscribe(t, c, "room:1")
	if _, err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Three of a little more than 1 MiB are below 4 MiB.
	m, err := s.Next(t.Context())
	if err != nil || m.Lost != 3 || !strings.HasPrefix(string(m.Data), `"3x`) {
		t.Errorf("got %.3s with %d lost, %v; want \"3x with 3 lost", m.Data, m.Lost, err)
	}
}

func TestNextWaitsAsLongAsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) { p.serve() })
		s := subscribe(t, c, "room:1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want %v after 1s", err, time.Since(start), context.DeadlineExceeded)
		}
	})
}

// Two goroutines take turns on one subscription: each message goes to one of them, and both hear of the end.
func TestTwoTakersOfOneSubscription(t *testing.T) {
	const messages = 200
	c := connect(t, func(p *peer) {
		p.ok(p.expect("subscribe", "room:1"))
		for n := range messages {
			p.say(said("room:1", n))
		}
		p.ws.Close(4000, "")
	})
	s := subscribe(t, c, "room:1")
	var mu sync.Mutex
	taken := make(map[string]int)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for {
				m, err := s.Next(t.Context())
				if err != nil {
					if _, ok := errors.AsType[*client.CloseError](err); !ok {
						t.Errorf("got %v, want the close", err)
					}
					return
				}
				mu.Lock()
				taken[string(m.Data)]++
				mu.Unlock()
			}
		})
	}
	both.Wait()
	for n := range messages {
		if got := taken[fmt.Sprint(n)]; got != 1 {
			t.Errorf("message %d was taken %d times, want once", n, got)
		}
	}
}

func TestTheGatewayTakesASubscriptionAway(t *testing.T) {
	c := connect(t, func(p *peer) {
		p.ok(p.expect("subscribe", "room:1"))
		p.say(said("room:1", 1), `{"type":"unsubscribed","channel":"room:1","code":"forbidden","message":"subscribe on room:1 is not allowed"}`)
		p.ok(p.expect("subscribe", "room:1"))
		p.say(said("room:1", 2))
		p.hear()
	})
	s := subscribe(t, c, "room:1")
	wantNext(t, s, 1, 0)
	for range 2 { // it stays ended
		_, err := s.Next(t.Context())
		if got, ok := errors.AsType[*client.Error](err); !ok || got.Code != "forbidden" {
			t.Errorf("got %v, want forbidden", err)
		}
	}
	if err := s.Unsubscribe(t.Context()); err != nil {
		t.Errorf("leaving what is gone got %v, want nothing to do", err)
	}
	wantNext(t, subscribe(t, c, "room:1"), 2, 0)
}

func TestUnsubscribeEndsDelivery(t *testing.T) {
	c := connect(t, func(p *peer) {
		p.ok(p.expect("subscribe", "room:1"))
		a := p.expect("unsubscribe", "room:1")
		p.say(said("room:1", 1)) // it was on its way
		p.ok(a)
		p.serve()
	})
	s := subscribe(t, c, "room:1")
	for range 2 {
		if err := s.Unsubscribe(t.Context()); err != nil {
			t.Errorf("got %v", err)
		}
		if m, err := s.Next(t.Context()); !errors.Is(err, client.ErrUnsubscribed) {
			t.Errorf("got %+v, %v; want %v", m, err, client.ErrUnsubscribed)
		}
	}
	subscribe(t, c, "room:1")
}

// The gateway takes the channel away while the client asks to leave it. The place is free when the gateway has answered, not before: a request that is
// still on its way must not end the next subscription.
func TestLeavingWhatTheGatewayHasTakenAwayMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			p.ok(p.expect("subscribe", "room:1"))
			a := p.expect("unsubscribe", "room:1")
			p.say(`{"type":"unsubscribed","channel":"room:1","code":"forbidden","message":""}`)
			time.Sleep(time.Second)
			p.refuse(a, `"code":"not_subscribed","message":""`)
			p.serve()
		})
		s := subscribe(t, c, "room:1")
		start := time.Now()
		if err := s.Unsubscribe(t.Context()); err != nil || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want nil after 1s", err, time.Since(start))
		}
		subscribe(t, c, "room:1")
	})
}

func TestLeavingOverTheRateLimitIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			p.ok(p.expect("subscribe", "room:1"))
			p.refuse(p.expect("unsubscribe", "room:1"), `"code":"rate_limited","message":"","retry_ms":700`)
			p.ok(p.expect("unsubscribe", "room:1"))
			p.hear()
		})
		s := subscribe(t, c, "room:1")
		start := time.Now()
		if err := s.Unsubscribe(t.Context()); err != nil || time.Since(start) != 700*time.Millisecond {
			t.Errorf("got %v after %v, want nil after 700ms", err, time.Since(start))
		}
	})
}

func TestLeavingEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			p.ok(p.expect("subscribe", "room:1"))
			p.refuse(p.expect("unsubscribe", "room:1"), `"code":"rate_limited","message":"","retry_ms":60000`)
			p.hear()
		})
		s := subscribe(t, c, "room:1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Unsubscribe(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if _, err := c.Subscribe(ctx, "room:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the next subscription got %v, want %v", err, context.DeadlineExceeded)
		}
		start := time.Now()
		c.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v, want no time", took)
		}
	})
}

// A caller gives up while the gateway has not answered. The gateway agrees later, hears at once that nobody listens, and only then that somebody
// else wants the channel.
func TestASubscriptionThatNobodyWaitsForIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			a := p.expect("subscribe", "room:1")
			time.Sleep(3 * time.Second)
			p.ok(a)
			p.say(said("room:1", 1))
			a = p.expect("unsubscribe", "room:1")
			time.Sleep(time.Second)
			p.ok(a)
			p.ok(p.expect("subscribe", "room:1"))
			p.say(said("room:1", 2))
			p.hear()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Subscribe(ctx, "room:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		start := time.Now()
		wantNext(t, subscribe(t, c, "room:1"), 2, 0)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the next subscription took %v, want 3s: until the first was gone", took)
		}
		if calls, subscriptions := c.Held(); calls != 0 || subscriptions != 1 {
			t.Errorf("%d calls and %d subscriptions are held, want 0 and 1", calls, subscriptions)
		}
	})
}

func TestASubscriptionThatNobodyWaitsForIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			a := p.expect("subscribe", "room:1")
			time.Sleep(2 * time.Second)
			p.refuse(a, `"code":"forbidden","message":""`)
			p.expect("ping", "") // there is nothing to leave
			p.hear()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Subscribe(ctx, "room:1")
		time.Sleep(2 * time.Second)
		if calls, subscriptions := c.Held(); calls != 0 || subscriptions != 0 {
			t.Errorf("%d calls and %d subscriptions are held, want none", calls, subscriptions)
		}
		c.Ping(ctx) // its context has ended
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Ping(ctx)
	})
}

func TestUnsubscribeGoesOnWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, func(p *peer) {
			p.ok(p.expect("subscribe", "room:1"))
			a := p.expect("unsubscribe", "room:1")
			time.Sleep(3 * time.Second)
			p.ok(a)
			p.serve()
		})
		s := subscribe(t, c, "room:1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Unsubscribe(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		start := time.Now()
		subscribe(t, c, "room:1")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the channel was free after %v, want 3s", took)
		}
	})
}
