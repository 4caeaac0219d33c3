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

// welcomes is a connection whose welcome has subscriptions that the client did not ask for, and that plays.
func welcomes(t *testing.T, subscriptions string, play func(*peer)) http.HandlerFunc {
	return plays(t, func(p *peer) {
		p.say(strings.Replace(hello, `"limits"`, `"subscriptions":[`+subscriptions+`],"limits"`, 1))
		play(p)
	})
}

func inbox(offset int) string {
	return fmt.Sprintf(`{"channel":"user:ana:inbox","offset":%d,"epoch":"x7"}`, offset)
}

// quiet hears nothing for a second, and then breaks the connection.
func (p *peer) quiet() {
	ctx, stop := context.WithTimeout(p.ctx, time.Second)
	defer stop()
	if _, text, err := p.ws.Read(ctx); err == nil {
		p.t.Errorf("the client sent %s, want nothing", text)
	}
}

// silent hears nothing until the client leaves.
func (p *peer) silent() {
	if a, ok := p.hear(); ok {
		p.t.Errorf("the client sent %s, want nothing", a.text)
	}
}

// given runs a client that takes the feed of what is chosen for it, with the options that change makes.
func given(t *testing.T, plays func(t *testing.T) []http.HandlerFunc, o client.FeedOptions, use func(t *testing.T, c *client.Client, next func() string)) {
	t.Helper()
	var feeds []*client.Feed // the reading goroutine's, until synctest.Wait
	got := new(taken)
	change := func(k *client.Config) {
		k.OnFeed = func(f *client.Feed) { feeds = append(feeds, f) }
		k.FeedOptions = func(string) client.FeedOptions { return got.options(o) }
	}
	inBubble(t, plays, change, func(t *testing.T, c *client.Client, _ *script) {
		use(t, c, func() string {
			synctest.Wait()
			if len(feeds) != 1 || feeds[0].Channel() != "user:ana:inbox" {
				t.Fatalf("got %d feeds, want one of user:ana:inbox", len(feeds))
			}
			return got.from(t, feeds[0])
		})
	})
}

// What the gateway chose is heard without asking, from the first message on; on another connection it is asked for what came meanwhile, and for
// nothing where nothing came. Where the gateway chooses it no more it ends.
func TestAChosenFeedContinues(t *testing.T) {
	const channel = "user:ana:inbox"
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			welcomes(t, inbox(40), func(p *peer) {
				p.say(at(channel, 41))
				time.Sleep(time.Second)
				p.close(4001, "")
			}),
			welcomes(t, inbox(44), func(p *peer) {
				p.say(at(channel, 45)) // before the client can have asked
				a := p.expect("subscribe", channel)
				if !strings.Contains(a.text, `"since":{"offset":41,"epoch":"x7"}`) {
					t.Errorf("the client sent %s, want since 41", a.text)
				}
				p.say(at(channel, 46))
				p.agree(a, `,"offset":46,"epoch":"x7","recovered":true,"replayed":5`)
				for n := 42; n <= 47; n++ {
					p.say(at(channel, n))
				}
				time.Sleep(time.Second)
				p.close(4001, "")
			}),
			welcomes(t, inbox(47), func(p *peer) {
				p.say(at(channel, 48))
				p.quiet()
			}),
			welcomes(t, inbox(960), func(p *peer) {
				p.agree(p.expect("subscribe", channel), `,"offset":960,"epoch":"x7","recovered":false,"reason":"trimmed"`)
				p.say(at(channel, 961))
				time.Sleep(time.Second)
				p.close(4001, "")
			}),
			greets(t, func(p *peer) { p.silent() }),
		}
	}
	given(t, plays, client.FeedOptions{}, func(t *testing.T, _ *client.Client, next func() string) {
		time.Sleep(20 * time.Second)
		want := "+41 +42 +43 +44 +45 +46 +47 +48 (48,960 trimmed) +961 not_subscribed: the gateway does not subscribe this client to user:ana:inbox any more"
		if got := next(); got != strings.Replace(want, "48,960", "48,961", 1) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A service may choose at any time, and what it chose may be taken away.
func TestAFeedMayBeChosenAndTakenAwayWhileConnected(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{greets(t, func(p *peer) {
			p.say(`{"type":"subscribed","channel":"user:ana:inbox","offset":40,"epoch":"x7"}`, at("user:ana:inbox", 41))
			p.say(`{"type":"unsubscribed","channel":"user:ana:inbox","code":"forbidden","message":"not any more"}`)
			p.silent()
		})}
	}
	given(t, plays, client.FeedOptions{}, func(t *testing.T, _ *client.Client, next func() string) {
		time.Sleep(time.Millisecond)
		if got, want := next(), "+41 forbidden: not any more"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAChosenChannelWithoutHistoryTellsAGapForEachConnection(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		bare := `{"channel":"user:ana:inbox"}`
		return []http.HandlerFunc{
			welcomes(t, bare, func(p *peer) { p.say(said("user:ana:inbox", 1)); p.quiet() }),
			welcomes(t, bare, func(p *peer) { p.say(said("user:ana:inbox", 2)); p.silent() }),
		}
	}
	given(t, plays, client.FeedOptions{}, func(t *testing.T, _ *client.Client, next func() string) {
		time.Sleep(5 * time.Second)
		if got, want := next(), "+0 (0,0 no_history) +0"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// What the gateway does not give by itself is asked for: what came before it began, and who comes and goes.
func TestAChosenFeedAsksForWhatItsOptionsWant(t *testing.T) {
	for _, c := range []struct {
		name    string
		options client.FeedOptions
		asks    string
		answer  string
		want    string
	}{
		{
			"since", client.FeedOptions{Since: client.Position{Offset: 38, Epoch: "x7"}}, `"since":{"offset":38,"epoch":"x7"}}`,
			`,"offset":40,"epoch":"x7","recovered":true,"replayed":2`, "+39 +40",
		},
		{"since where it begins", client.FeedOptions{Since: client.Position{Offset: 40, Epoch: "x7"}}, "", "", "+39 +40"},
		{
			"presence", client.FeedOptions{OnPresence: func(client.PresenceEvent) {}}, `"since":{"offset":0,"epoch":""},"join_leave":true}`,
			`,"offset":38,"epoch":"x7","recovered":false,"reason":"epoch"`, "+39 +40",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			plays := func(t *testing.T) []http.HandlerFunc {
				return []http.HandlerFunc{welcomes(t, inbox(40), func(p *peer) {
					if c.asks == "" {
						p.silent()
						return
					}
					a := p.expect("subscribe", "user:ana:inbox")
					if !strings.HasSuffix(a.text, c.asks) {
						t.Errorf("the client sent %s, want ...%s", a.text, c.asks)
					}
					p.agree(a, c.answer)
					p.say(at("user:ana:inbox", 39), at("user:ana:inbox", 40))
					p.serve()
				})}
			}
			given(t, plays, c.options, func(t *testing.T, _ *client.Client, next func() string) {
				time.Sleep(time.Millisecond)
				if got := next(); c.asks != "" && got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestAChosenFeedCanBeLeft(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{welcomes(t, inbox(40), func(p *peer) {
			p.agree(p.expect("unsubscribe", "user:ana:inbox"), "")
			p.serve()
		})}
	}
	left := make(chan error, 1)
	change := func(k *client.Config) {
		k.OnFeed = func(f *client.Feed) {
			go func() { time.Sleep(time.Second); left <- f.Unsubscribe(context.Background()) }()
		}
	}
	inBubble(t, plays, change, func(t *testing.T, _ *client.Client, _ *script) {
		time.Sleep(5 * time.Second)
		select {
		case err := <-left:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("the feed could not be left")
		}
	})
}

// Without OnFeed what the gateway chose is there for Subscribe, which the gateway answers that the client is subscribed: it has it replaced. On the next
// connection there is nothing to ask.
func TestWhatIsChosenCanBeSubscribedTo(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			welcomes(t, inbox(40), func(p *peer) {
				p.refuse(p.expect("subscribe", "user:ana:inbox"), `"code":"already_subscribed","message":"there is a subscription"`)
				p.say(at("user:ana:inbox", 41)) // of what the gateway chose
				a := p.expect("subscribe", "user:ana:inbox")
				if !strings.Contains(a.text, `"since":{"offset":0,"epoch":""}}`) {
					t.Errorf("the client sent %s, want since nowhere", a.text)
				}
				p.agree(a, `,"offset":41,"epoch":"x7","recovered":false,"reason":"epoch"`)
				p.say(at("user:ana:inbox", 42))
				time.Sleep(time.Second)
				p.close(4001, "")
			}),
			welcomes(t, inbox(42), func(p *peer) { p.say(at("user:ana:inbox", 43)); p.quiet() }),
			greets(t, func(p *peer) { // the gateway chooses it no more, and the client still wants it
				a := p.expect("subscribe", "user:ana:inbox")
				p.agree(a, `,"offset":43,"epoch":"x7","recovered":true`)
				p.serve()
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		time.Sleep(time.Millisecond) // until it is welcomed
		got := collect(t, c, "user:ana:inbox", client.FeedOptions{})
		time.Sleep(10 * time.Second)
		if got, want := got(), "+42 +43"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A gateway that says so of what it did not choose either is not asked for ever.
func TestAlreadySubscribedTwiceIsAnError(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{greets(t, func(p *peer) {
			for range 2 {
				p.refuse(p.expect("subscribe", "room:1"), `"code":"already_subscribed","message":"there is a subscription"`)
			}
			p.serve()
		})}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		_, err := c.Subscribe(t.Context(), "room:1", client.FeedOptions{})
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "already_subscribed" {
			t.Errorf("got %v, want already_subscribed", err)
		}
	})
}

func TestAConnectionTakesOverWhatIsChosen(t *testing.T) {
	l := listen(t, welcomes(t, inbox(40), func(p *peer) {
		p.refuse(p.expect("subscribe", "user:ana:inbox"), `"code":"already_subscribed","message":"there is a subscription"`)
		p.say(at("user:ana:inbox", 41))
		p.serve()
	}))
	c, err := client.Dial(t.Context(), options(l))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, want := fmt.Sprint(c.Welcome().Chosen), "[{user:ana:inbox {40 x7}}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantNext(t, subscribe(t, c, "user:ana:inbox"), 41, 0)
}
