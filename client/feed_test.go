package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client"
)

func at(channel string, offset int) string {
	return fmt.Sprintf(`{"type":"message","channel":%q,"offset":%d,"previous":%d,"time":1,"from":{"user":"bob"},"data":%d}`, channel, offset, offset-1, offset)
}

// agrees answers with ok and more members.
func (p *peer) agree(a asked, members string) {
	p.say(fmt.Sprintf(`{"type":"ok","id":%d,"channel":%q%s}`, a.ID, a.Channel, members))
}

// taken is what somebody took of a feed: offsets as +N, gaps as (after,before reason), the end as its error.
type taken []string

func (got *taken) options(o client.FeedOptions) client.FeedOptions {
	o.OnGap = func(g client.Gap) { *got = append(*got, fmt.Sprintf("(%d,%d %s)", g.After, g.Before, g.Reason)) }
	return o
}

// from takes what a feed has, and returns all that was taken.
func (got *taken) from(t *testing.T, f *client.Feed) string {
	t.Helper()
	synctest.Wait()
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	for {
		m, err := f.Next(ctx)
		if err == nil {
			*got = append(*got, fmt.Sprintf("+%d", m.Offset))
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			*got = append(*got, err.Error())
		}
		return strings.Join(*got, " ")
	}
}

// collect subscribes, and returns what takes everything that came.
func collect(t *testing.T, c *client.Client, channel string, o client.FeedOptions) func() string {
	t.Helper()
	got := new(taken)
	f, err := c.Subscribe(t.Context(), channel, got.options(o))
	if err != nil {
		t.Fatal(err)
	}
	return func() string { return got.from(t, f) }
}

func TestAFeedContinuesWhereItWas(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.agree(p.expect("subscribe", "room:1"), `,"offset":40,"epoch":"x7"`)
				p.say(at("room:1", 41), at("room:1", 42))
				p.close(4001, "")
			}),
			greets(t, func(p *peer) {
				a := p.expect("subscribe", "room:1")
				if !strings.Contains(a.text, `"since":{"offset":42,"epoch":"x7"}`) {
					t.Errorf("the client sent %s, want since 42", a.text)
				}
				p.agree(a, `,"offset":44,"epoch":"x7","recovered":true,"replayed":2`)
				// One that it has comes again, and is not delivered again.
				p.say(at("room:1", 42), at("room:1", 43), at("room:1", 44), at("room:1", 43), at("room:1", 45))
				p.close(4001, "")
			}),
			greets(t, func(p *peer) {
				p.agree(p.expect("subscribe", "room:1"), `,"offset":960,"epoch":"x7","recovered":false,"reason":"trimmed"`)
				p.say(at("room:1", 961))
				p.say(`{"type":"gap","channel":"room:1","after":961,"before":970,"epoch":"x7","reason":"slow"}`)
				p.close(4000, "")
			}),
			greets(t, func(p *peer) {
				a := p.expect("subscribe", "room:1")
				if !strings.Contains(a.text, `"since":{"offset":969,"epoch":"x7"}`) {
					t.Errorf("the client sent %s, want since 969, where the gap ended", a.text)
				}
				p.agree(a, `,"offset":2,"epoch":"y1","recovered":false,"reason":"epoch"`)
				p.say(at("room:1", 3))
				p.serve()
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		got := collect(t, c, "room:1", client.FeedOptions{})
		time.Sleep(5 * time.Second)
		if got, want := got(), "+41 +42 +43 +44 +45 (45,961 trimmed) +961 (961,970 slow) (0,3 epoch) +3"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A channel that keeps nothing has no position: every new connection is a gap, and says so.
func TestAChannelWithoutHistoryTellsAGapForEachConnection(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		once := greets(t, func(p *peer) {
			p.agree(p.expect("subscribe", "bare:1"), "")
			p.close(4001, "")
		})
		return []http.HandlerFunc{once, stays(t)}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		got := collect(t, c, "bare:1", client.FeedOptions{})
		time.Sleep(time.Second)
		if got, want := got(), "(0,0 no_history)"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAStrictFeedEndsRatherThanSkip(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{greets(t, func(p *peer) {
			a := p.expect("subscribe", "room:1")
			if !strings.Contains(a.text, `"since":{"offset":7,"epoch":"x7"},"strict":true`) {
				t.Errorf("the client sent %s, want strict since 7", a.text)
			}
			p.refuse(a, `"channel":"room:1","code":"unrecoverable","message":"trimmed"`)
			p.serve()
		})}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		_, err := c.Subscribe(t.Context(), "room:1", client.FeedOptions{Since: client.Position{Offset: 7, Epoch: "x7"}, Strict: true})
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "unrecoverable" {
			t.Errorf("got %v, want unrecoverable", err)
		}
	})
}

// All feeds come back in one frame, and no more at once than the tenant's rate allows.
func TestFeedsComeBackTogether(t *testing.T) {
	const feeds = 70    // the rate in hello is 50
	var frames chan int // made in the bubble
	var began time.Time
	plays := func(t *testing.T) []http.HandlerFunc {
		frames = make(chan int, 10)
		first := greets(t, func(p *peer) {
			for n := 0; n < feeds; {
				n += p.agreeAll()
			}
			time.Sleep(time.Second)
			p.close(4001, "")
		})
		second := greets(t, func(p *peer) {
			began = time.Now()
			for n := 0; n < feeds; {
				got := p.agreeAll()
				frames <- got
				n += got
			}
			frames <- int(time.Since(began) / time.Second)
			p.serve()
		})
		return []http.HandlerFunc{first, second}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		for n := range feeds {
			if _, err := c.Subscribe(t.Context(), fmt.Sprintf("room:%d", n), client.FeedOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if a, b, seconds := <-frames, <-frames, <-frames; a != 50 || b != 20 || seconds != 1 {
			t.Errorf("got frames of %d and %d subscriptions within %d seconds, want 50, and 20 a second later", a, b, seconds)
		}
	})
}

// agreeAll answers each request of one frame with ok, and says how many there were.
func (p *peer) agreeAll() int {
	_, text, err := p.ws.Read(p.ctx)
	if err != nil {
		p.t.Errorf("read: %v", err)
		return 1000
	}
	all := strings.Split(string(text), "\n")
	for _, one := range all {
		p.agree(parse(p.t, one), "")
	}
	return len(all)
}

func TestAFeedThatIsTakenAwayStaysAway(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.agree(p.expect("subscribe", "room:1"), "")
				p.say(`{"type":"unsubscribed","channel":"room:1","code":"forbidden","message":"not any more"}`)
				p.close(4001, "")
			}),
			greets(t, func(p *peer) {
				if a, ok := p.hear(); ok {
					t.Errorf("the client sent %s, want nothing", a.text)
				}
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		got := collect(t, c, "room:1", client.FeedOptions{})
		time.Sleep(time.Second)
		if got, want := got(), "forbidden: not any more"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A caller that is slower than its channel is told exactly what its full feed dropped.
func TestAFullFeedTellsWhatItDropped(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{greets(t, func(p *peer) {
			p.agree(p.expect("subscribe", "room:1"), `,"offset":10,"epoch":"x7"`)
			for n := 11; n <= 10+1024+5; n++ {
				p.say(at("room:1", n))
			}
			p.serve()
		})}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		got := collect(t, c, "room:1", client.FeedOptions{})
		time.Sleep(time.Second)
		if got, want := got(), "(10,16 client) +16 +17 "; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " +1039") {
			t.Errorf("got %.60q..., want %q...", got, want)
		}
	})
}

// Of joins that a full feed dropped it is told that what was known is old, and no message is missing for that.
func TestAFullFeedTellsThatItDroppedJoins(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{greets(t, func(p *peer) {
			p.agree(p.expect("subscribe", "room:1"), `,"offset":10,"epoch":"x7"`)
			for range 1024 {
				p.say(`{"type":"join","channel":"room:1","member":{"user":"bob","connection":"c_9"}}`)
			}
			for n := 11; n <= 14; n++ {
				p.say(at("room:1", n))
			}
			p.serve()
		})}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		told := make(map[client.PresenceKind]int)
		got := collect(t, c, "room:1", client.FeedOptions{OnPresence: func(e client.PresenceEvent) { told[e.Kind]++ }})
		time.Sleep(time.Second)
		if got, want := got(), "+11 +12 +13 +14"; got != want || told[client.Anew] != 1 || told[client.Joined] != 1020 {
			t.Errorf("got %q and %v, want %q, 1020 joins and anew", got, told, want)
		}
	})
}

// The gateway may not have missed the connection before, whose subscriptions count: a feed that had begun asks again, and one that had not tells.
func TestAQuotaThatTheLastConnectionFillsIsWaitedFor(t *testing.T) {
	const full = `"channel":"room:1","code":"quota_exceeded","message":"subscriptions of the tenant"`
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.refuse(p.expect("subscribe", "room:2"), full)
				p.agree(p.expect("subscribe", "room:1"), `,"offset":40,"epoch":"x7"`)
				p.close(4001, "")
			}),
			greets(t, func(p *peer) {
				began := time.Now()
				for range 6 {
					p.refuse(p.expect("subscribe", "room:1"), full)
				}
				p.agree(p.expect("subscribe", "room:1"), `,"offset":41,"epoch":"x7","recovered":true`)
				p.say(at("room:1", 41))
				if took := time.Since(began); took < time.Second || took > 32*time.Second {
					t.Errorf("seven requests took %v, want pauses that grow", took)
				}
				p.serve()
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		_, err := c.Subscribe(t.Context(), "room:2", client.FeedOptions{})
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "quota_exceeded" {
			t.Errorf("got %v, want quota_exceeded", err)
		}
		got := collect(t, c, "room:1", client.FeedOptions{})
		time.Sleep(40 * time.Second) // more than all pauses, and less than a quiet gateway is believed to be there
		if got, want := got(), "+41"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAFeedCanBeLeftWhileThereIsNoConnection(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.agree(p.expect("subscribe", "room:1"), "")
				p.close(4000, `{"code":"draining","retry_ms":60000}`)
			}),
			greets(t, func(p *peer) {
				p.agree(p.expect("subscribe", "room:2"), "")
				p.agree(p.expect("unsubscribe", "room:2"), "")
				p.serve()
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		one, err := c.Subscribe(t.Context(), "room:1", client.FeedOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := one.Unsubscribe(t.Context()); err != nil || c.State().Phase != client.Waiting {
			t.Errorf("got %v in %+v", err, c.State())
		}
		two, err := c.Subscribe(t.Context(), "room:2", client.FeedOptions{}) // it waits for the next connection
		if err != nil {
			t.Fatal(err)
		}
		if err := two.Unsubscribe(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := two.Next(t.Context()); !errors.Is(err, client.ErrUnsubscribed) {
			t.Errorf("got %v, want ErrUnsubscribed", err)
		}
	})
}
