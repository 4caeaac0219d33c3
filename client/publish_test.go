package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/client"
)

// keyOf is the idempotency key of a request, empty where it has none.
func keyOf(a asked) string {
	_, rest, found := strings.Cut(a.text, `"idempotency_key":"`)
	if !found {
		return ""
	}
	key, _, _ := strings.Cut(rest, `"`)
	return key
}

func TestAPublicationWhoseAnswerWasLostIsRepeatedWithItsKey(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		var key string
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				if key = keyOf(p.expect("publish", "room:1")); key == "" || len(key) > 64 {
					t.Errorf("got key %q, want one of at most 64 bytes", key)
				}
				p.ws.CloseNow()
			}),
			greets(t, func(p *peer) {
				p.refuse(p.expect("publish", "room:1"), `"code":"rate_limited","message":"all come back at once","retry_ms":300`)
				a := p.expect("publish", "room:1")
				p.refuse(a, `"code":"unavailable","message":"the engine is silent","retry_ms":700`)
				b := p.expect("publish", "room:1")
				if keyOf(a) != key || keyOf(b) != key {
					t.Errorf("got keys %q and %q, want %q again", keyOf(a), keyOf(b), key)
				}
				p.agree(b, `,"offset":46,"epoch":"x7","duplicate":true`)
				if c := p.expect("publish", "room:1"); keyOf(c) == key {
					t.Error("another publication has the same key")
				} else {
					p.agree(c, `,"offset":47,"epoch":"x7"`)
				}
				p.serve()
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		got, err := c.Publish(t.Context(), "room:1", "hi")
		if want := (client.Published{Position: client.Position{Offset: 46, Epoch: "x7"}, Duplicate: true}); got != want || err != nil {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		if _, err := c.Publish(t.Context(), "room:1", "hi"); err != nil {
			t.Error(err)
		}
	})
}

// On a channel without history nothing makes a repetition harmless: it goes once, without a key, and a lost answer says that nobody knows.
func TestWithoutHistoryALostAnswerIsUncertain(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.refuse(p.expect("publish", "bare:1"), `"code":"not_available","message":"bare:1 keeps no history"`)
				first := p.expect("publish", "bare:1")
				p.agree(first, "")
				second := p.expect("publish", "bare:1")
				if keyOf(first) != "" || keyOf(second) != "" {
					t.Errorf("got keys %q and %q, want none", keyOf(first), keyOf(second))
				}
				p.ws.CloseNow()
			}),
			greets(t, func(p *peer) {
				if a, ok := p.hear(); ok {
					t.Errorf("the client sent %s, want nothing", a.text)
				}
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		if _, err := c.Publish(t.Context(), "bare:1", 1); err != nil {
			t.Error(err)
		}
		if _, err := c.Publish(t.Context(), "bare:1", 2); !errors.Is(err, client.ErrUncertain) {
			t.Errorf("got %v, want ErrUncertain", err)
		}
		time.Sleep(5 * time.Second)
	})
}

// A context that ends before the answer leaves the same doubt; one that ends before there was a connection leaves none.
func TestAnImpatientPublisherIsToldWhetherAnythingWent(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{greets(t, func(p *peer) {
			p.expect("publish", "room:1")
			p.close(4000, `{"code":"draining","retry_ms":600000}`)
		})}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		for _, want := range []bool{true, false} {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			_, err := c.Publish(ctx, "room:1", 1)
			stop()
			if errors.Is(err, client.ErrUncertain) != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the context's end and uncertain %v", err, want)
			}
		}
	})
}

// The gateway forgets a key after five minutes; before that the client gives up.
func TestNothingIsRepeatedAfterItsKeyIsForgotten(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			greets(t, func(p *peer) {
				p.expect("publish", "room:1")
				p.close(4000, `{"code":"draining","retry_ms":290000}`)
			}),
			greets(t, func(p *peer) {
				if a, ok := p.hear(); ok {
					t.Errorf("the client sent %s, want nothing", a.text)
				}
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		began := time.Now()
		_, err := c.Publish(t.Context(), "room:1", 1)
		if took := time.Since(began); !errors.Is(err, client.ErrUncertain) || took != 4*time.Minute {
			t.Errorf("got %v after %v, want ErrUncertain after four minutes", err, took)
		}
		wantErrorWith(t, err, "no answer came for 4m0s")
		time.Sleep(5 * time.Minute)
	})
}

func TestHistoryIsReadPageByPage(t *testing.T) {
	page := func(from, to int, more bool) string {
		step, all := 1, []string{}
		if to < from {
			step = -1
		}
		for n := from; n != to+step; n += step {
			all = append(all, fmt.Sprintf(`{"offset":%d,"time":1,"from":{"user":"bob"},"data":%d}`, n, n))
		}
		return fmt.Sprintf(`,"offset":%d,"epoch":"x7","messages":[%s],"more":%v`, to, strings.Join(all, ","), more)
	}
	for _, c := range []struct {
		name    string
		options client.HistoryOptions
		asks    []string
		pages   []string
		want    string
	}{
		{
			"the oldest first", client.HistoryOptions{Page: 2},
			[]string{`"limit":2}`, `"since":{"offset":2,"epoch":"x7"},"strict":true,"limit":2}`},
			[]string{page(1, 2, true), page(3, 3, false)}, "1 2 3",
		},
		{
			"the newest first", client.HistoryOptions{Page: 2, Reverse: true},
			[]string{`"limit":2,"reverse":true}`, `"since":{"offset":8,"epoch":"x7"},"strict":true,"limit":2,"reverse":true}`},
			[]string{page(9, 8, true), page(7, 6, false)}, "9 8 7 6",
		},
		{
			"since a position", client.HistoryOptions{Since: client.Position{Offset: 5, Epoch: "x7"}},
			[]string{`"since":{"offset":5,"epoch":"x7"},"strict":true}`}, []string{page(6, 6, false)}, "6",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			plays := func(t *testing.T) []http.HandlerFunc {
				return []http.HandlerFunc{greets(t, func(p *peer) {
					for i, ask := range c.asks {
						a := p.expect("history", "room:1")
						if !strings.HasSuffix(a.text, ask) {
							t.Errorf("the client sent %s, want ...%s", a.text, ask)
						}
						p.agree(a, c.pages[i])
					}
					p.serve()
				})}
			}
			inBubble(t, plays, nil, func(t *testing.T, k *client.Client, _ *script) {
				var got []string
				for m, err := range k.History(t.Context(), "room:1", c.options) {
					if err != nil || m.Epoch != "x7" || m.Channel != "room:1" || fmt.Sprint(m.Offset) != string(m.Data) {
						t.Fatalf("got %+v, %v", m, err)
					}
					got = append(got, string(m.Data))
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("got %v, want %s", got, c.want)
				}
			})
		})
	}
}

func TestATokenIsReplacedBeforeItsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		told string // by the gateway, after a minute
		from time.Duration
	}{
		{"because the gateway says so", `{"type":"expiring","in_ms":60000}`, time.Minute},
		{"because its clock says so", "", 9*time.Minute + 15*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			plays := func(t *testing.T) []http.HandlerFunc {
				return []http.HandlerFunc{plays(t, func(p *peer) {
					began := time.Now()
					p.say(strings.Replace(strings.Replace(hello, "1767225600000", fmt.Sprint(began.Add(10*time.Minute).UnixMilli()), 1), "25000", "0", 1))
					if c.told != "" {
						time.Sleep(time.Minute)
						p.say(c.told, c.told)
					}
					a := p.expect("refresh", "")
					if !strings.Contains(a.text, `"token":"renewed"`) || time.Since(began) != c.from {
						t.Errorf("the client sent %s after %v, want renewed after %v", a.text, time.Since(began), c.from)
					}
					p.say(fmt.Sprintf(`{"type":"ok","id":%d,"expires":%d}`, a.ID, began.Add(time.Hour).UnixMilli()))
					again := p.expect("refresh", "")
					if want := time.Hour - 45*time.Second; time.Since(began) != want {
						t.Errorf("the next refresh came after %v, want %v", time.Since(began), want)
					}
					p.refuse(again, `"code":"unauthorized","message":"not believed"`)
					p.serve()
				})}
			}
			change := func(o *client.Config) {
				o.Renew = func(context.Context) (string, error) { return "renewed", nil }
			}
			inBubble(t, plays, change, func(t *testing.T, k *client.Client, s *script) {
				time.Sleep(time.Hour - 40*time.Second)
				if len(s.pauses()) != 0 || k.State().Phase != client.Connected || k.State().Err == nil {
					t.Errorf("got %+v after %v, want the first connection, and why the second refresh failed", k.State(), s.pauses())
				}
			})
		})
	}
}

// A gateway that says without end that the credential ends, and gives each new one an end that is past, makes nobody ask for a token more often than every ten seconds.
func TestAGatewayForWhichEveryTokenIsOld(t *testing.T) {
	for name, told := range map[string]string{"by the ends that it gives": "", "by its word": `{"type":"expiring","in_ms":1}`} {
		t.Run(name, func(t *testing.T) {
			plays := func(t *testing.T) []http.HandlerFunc {
				return []http.HandlerFunc{plays(t, func(p *peer) {
					p.say(strings.Replace(strings.Replace(hello, "1767225600000", "1", 1), "25000", "0", 1))
					for a, ok := p.hear(); ok; a, ok = p.hear() {
						p.say(fmt.Sprintf(`{"type":"ok","id":%d,"expires":1}`, a.ID))
						if told != "" {
							p.say(told)
						}
					}
				})}
			}
			var asked atomic.Int64
			change := func(o *client.Config) {
				o.Renew = func(context.Context) (string, error) {
					if asked.Add(1) > 100 {
						return "", errors.New("too often")
					}
					return "renewed", nil
				}
			}
			inBubble(t, plays, change, func(t *testing.T, _ *client.Client, _ *script) {
				time.Sleep(35 * time.Second)
				if got := asked.Load(); got != 4 {
					t.Errorf("a token was asked for %d times in 35 s, want 4", got)
				}
			})
		})
	}
}
