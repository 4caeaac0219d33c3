package socket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/socket"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
)

// lane is a subscription to a channel that numbers what it says, or does not.
type lane struct {
	name    string
	way     channel.SlowReader
	keeps   bool
	said    int
	dropped int
	gaps    int
}

func (l *lane) Slow() channel.SlowReader { return l.way }

func (l *lane) AppendGap(dst []byte, g *wire.Gap) []byte {
	text := fmt.Sprintf(`{"lane":%q,"gap":true,"after":%d,"before":%d,"epoch":%q,"reason":%q}`, l.name, g.After, g.Before, g.Epoch, g.Reason)
	return wire.AppendFrame(dst, wire.Text, []byte(text))
}

func (l *lane) Dropped(messages int, again bool) {
	l.dropped += messages
	if !again {
		l.gaps++
	}
}

// says is a parcel of the next messages, with size bytes each.
func (l *lane) says(messages, size int) *wire.Parcel {
	p := &wire.Parcel{Messages: messages}
	for i := range messages {
		l.said++
		at := message.Position{Offset: uint64(l.said), Epoch: "e"}
		if !l.keeps {
			at = message.Position{}
		}
		if i == 0 && l.keeps {
			p.First, p.Previous = at, at.Offset-1
		}
		p.Last, p.Tail = at, len(p.Frames)
		p.Frames = wire.AppendFrame(p.Frames, wire.Text, fmt.Appendf(nil, `{"lane":%q,"n":%d,"pad":%q}`, l.name, l.said, strings.Repeat("x", size)))
	}
	return p
}

type word struct {
	Lane, Epoch, Reason string
	Gap                 bool
	N, After, Before    int
}

// heard is what a client knows of one channel.
type heard struct {
	last, messages, gaps int
	open                 bool // a gap without offsets was told, and nothing since
}

// hear takes what comes, and wants each message once, in order, and whatever is missing told before the next.
func (h *heard) hear(l *lane, w word) error {
	switch {
	case w.Gap && w.Reason != "slow":
		return fmt.Errorf("%s: the reason is %q, want slow", l.name, w.Reason)
	case w.Gap && !l.keeps:
		if w.After != 0 || w.Before != 0 || w.Epoch != "" {
			return fmt.Errorf("%s: got gap %v, want one without offsets", l.name, w)
		}
		h.open = true
		h.gaps++
	case w.Gap:
		if w.After != h.last || w.Before <= w.After+1 || w.Epoch != "e" {
			return fmt.Errorf("%s: got gap %v after %d", l.name, w, h.last)
		}
		h.last = w.Before - 1
		h.gaps++
	case !l.keeps:
		if w.N <= h.last || w.N != h.last+1 && !h.open {
			return fmt.Errorf("%s: got message %d after %d, and no gap", l.name, w.N, h.last)
		}
		h.last, h.open = w.N, false
		h.messages++
	default:
		if w.N != h.last+1 {
			return fmt.Errorf("%s: got message %d after %d", l.name, w.N, h.last)
		}
		h.last = w.N
		h.messages++
	}
	return nil
}

// listen reads everything that the client of lanes is sent, at so many frames and then a pause, and reports the first thing that is not so.
func listen(p *peer, lanes map[string]*lane, pause func() time.Duration) (map[string]*heard, error) {
	all := make(map[string]*heard)
	for name := range lanes {
		all[name] = new(heard)
	}
	for {
		op, payload, err := p.frame()
		if err != nil || op == 8 {
			return all, nil
		}
		var w word
		if err := json.Unmarshal(payload, &w); err != nil {
			return all, err
		}
		if l := lanes[w.Lane]; l != nil {
			if err := all[w.Lane].hear(l, w); err != nil {
				return all, err
			}
		}
		if d := pause(); d > 0 {
			time.Sleep(d)
		}
	}
}

// Everything that a client gets, and the gaps that it is told, are everything that was said, on every channel for itself and whatever lies between; and the account is even at the end.
func TestWhatIsDroppedIsToldExactly(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				account := limit.NewTenant(limit.Limits{})
				p, c := overMemoryOf(t, account).connect(t)
				ended := reading(c)
				lanes := map[string]*lane{
					"a": {name: "a", way: channel.DropOldest, keeps: true},
					"b": {name: "b", way: channel.DropOldest},
					"c": {name: "c", way: channel.Conflate, keeps: true},
					"d": {name: "d", way: channel.Conflate},
				}
				var all sync.WaitGroup
				var got map[string]*heard
				var wrong error
				pauses := rand.New(rand.NewPCG(seed, 2))
				all.Go(func() {
					got, wrong = listen(p, lanes, func() time.Duration {
						switch pauses.IntN(400) {
						case 0:
							return time.Duration(pauses.IntN(300)) * time.Millisecond
						case 1, 2, 3, 4, 5, 6, 7, 8:
							return time.Millisecond
						}
						return 0
					})
				})
				for range 3000 {
					l := lanes[string(rune('a'+random.IntN(4)))]
					parcel := l.says(1+random.IntN(20), random.IntN(1000))
					if random.IntN(2) == 0 {
						parcel.Shared = new(limit.Shared)
						parcel.Shared.Of(account, len(parcel.Frames))
					}
					if _, err := c.Deliver(parcel, l); err != nil {
						t.Fatal(err)
					}
					if random.IntN(50) == 0 {
						time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
					}
					if random.IntN(1000) == 0 {
						c.Shed()
					}
				}
				synctest.Wait()
				time.Sleep(time.Minute)
				c.Close(wire.Draining, 0)
				all.Wait()
				if wrong != nil {
					t.Fatal(wrong)
				}
				for name, l := range lanes {
					h := got[name]
					if l.keeps && h.last != l.said || h.messages+l.dropped != l.said || h.gaps != l.gaps || l.dropped == 0 {
						t.Errorf("%s: heard up to %d, %d messages and %d gaps; %d were said, %d dropped with %d gaps", name, h.last, h.messages, h.gaps, l.said, l.dropped, l.gaps)
					}
				}
				if n := account.Queued(); n != 0 {
					t.Errorf("%d bytes are left in the account, want none", n)
				}
				p.Close()
				<-ended
			})
		})
	}
}

// behind connects a client that reads nothing, whose outbox waits for it.
func behind(t *testing.T) (p *peer, c *socket.Conn, over func()) {
	p, c = overMemory(t).connect(t)
	ended := reading(c)
	if _, err := c.Send(numbered(0, 2*testnet.Buffer), 1); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	time.Sleep(time.Second) // it waits for the client
	return p, c, func() {
		c.CloseNow()
		p.Close()
		<-ended
	}
}

// What may not be dropped is not: answers, gaps of the engine, other channels' messages. It may drop what may be.
func TestWhoLosesWhenAnOutboxIsFull(t *testing.T) {
	answer := wire.AppendFrame(nil, wire.Text, []byte("ok"))
	firm, old := &lane{name: "firm"}, &lane{name: "old", way: channel.DropOldest, keeps: true}
	newest := &lane{name: "newest", way: channel.Conflate, keeps: true}
	other := &lane{name: "other", way: channel.DropOldest, keeps: true}
	fill := func(c *socket.Conn, l *lane, n int) (err error) {
		for i := 0; i < n && err == nil; i++ {
			_, err = c.Deliver(l.says(1, 10), l)
		}
		return err
	}
	tests := []struct {
		name    string
		do      func(c *socket.Conn) error
		err     error
		dropped map[*lane]int
	}{
		{"a channel drops its own", func(c *socket.Conn) error { return fill(c, old, 1025) }, nil, map[*lane]int{old: 129}},
		{"of a channel the newest stays", func(c *socket.Conn) error { return fill(c, newest, 1025) }, nil, map[*lane]int{newest: 1024}},
		{"a channel that drops nothing ends the session", func(c *socket.Conn) error { return fill(c, firm, 1025) }, socket.ErrFull, nil},
		{"a channel finds others' messages, and drops none of them", func(c *socket.Conn) error {
			return errors.Join(fill(c, old, 1024), fill(c, other, 3))
		}, nil, map[*lane]int{other: 3}},
		{"an outbox full of what may not be dropped ends the session of whoever drops", func(c *socket.Conn) error {
			return errors.Join(fill(c, firm, 1024), fill(c, old, 1))
		}, socket.ErrFull, nil},
		{"an answer is worth more than what may be dropped", func(c *socket.Conn) error {
			err := errors.Join(fill(c, old, 1000), fill(c, firm, 24))
			_, told := c.Send(answer, 1)
			return errors.Join(err, told, fill(c, firm, 1))
		}, nil, map[*lane]int{old: 129}},
		{"and what the gateway says of a channel too", func(c *socket.Conn) error {
			err := fill(c, old, 1024)
			_, told := c.Deliver(&wire.Parcel{Frames: answer, Messages: 1, Stays: true}, old)
			return errors.Join(err, told)
		}, nil, map[*lane]int{old: 129}},
		{"bytes count too", func(c *socket.Conn) (err error) {
			for range 9 {
				_, one := c.Deliver(old.says(1, 127<<10), old)
				err = errors.Join(err, one)
			}
			return err
		}, nil, map[*lane]int{old: 2}},
		{"a message larger than an outbox takes it all", func(c *socket.Conn) error {
			err := fill(c, old, 10)
			_, large := c.Deliver(old.says(1, 2<<20), old)
			return errors.Join(err, large, fill(c, old, 1))
		}, nil, map[*lane]int{old: 11}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c, over := behind(t)
				defer over()
				for _, l := range []*lane{firm, old, newest, other} {
					*l = lane{name: l.name, way: l.way, keeps: l.keeps}
				}
				if err := tt.do(c); !errors.Is(err, tt.err) {
					t.Errorf("got %v, want %v", err, tt.err)
				}
				for _, l := range []*lane{firm, old, newest, other} {
					if l.dropped != tt.dropped[l] || l.gaps > 1 {
						t.Errorf("%s: %d were dropped with %d gaps, want %d with one", l.name, l.dropped, l.gaps, tt.dropped[l])
					}
				}
			})
		})
	}
}

// A channel whose newest message counts loses nothing to a reader who only waits for this machine.
func TestWhoeverIsNotBehindHearsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		ended := reading(c)
		newest := &lane{name: "newest", way: channel.Conflate, keeps: true}
		for range 300 { // nobody writes yet: the flush goroutine has had no turn
			if _, err := c.Deliver(newest.says(1, 10), newest); err != nil {
				t.Fatal(err)
			}
		}
		if newest.dropped != 0 {
			t.Errorf("%d were dropped, want none", newest.dropped)
		}
		c.CloseNow()
		p.Close()
		<-ended
	})
}
