package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/client"
)

// The channels of those who stall: one that ends the connection of a slow reader, one that drops the oldest for it, and one that keeps the newest.
var stalled = []string{"bulk:1", "fresh:1", "last:1"}

// patient are those of them that end nobody's connection.
var patient = stalled[1:]

// trouble counts what readers were told and what became of them.
type trouble struct {
	ofPrograms, ofLines atomic.Int32    // gaps
	dropped             [3]atomic.Int32 // gaps while the connection lived, by channel
	ended               atomic.Int32    // connections that ended as slow consumers
	endedPatient        atomic.Int32    // the same of readers whose channels are all patient
}

// shown reports whether everything has happened that the test is about.
func (w *trouble) shown() bool {
	return w.ofPrograms.Load() > 0 && w.ofLines.Load() > 0 && w.dropped[1].Load() > 0 && w.dropped[2].Load() > 0
}

func (w *trouble) gap(channel int, g client.Gap) {
	switch g.Reason {
	case "client":
		w.ofPrograms.Add(1)
		return
	case "slow":
		w.dropped[channel].Add(1)
	}
	w.ofLines.Add(1)
}

// TestChaosOfReadersThatStall is TestChaos with readers that are too slow: their programs do nothing for a while, or their lines let nothing through, and
// more is said than anybody keeps for them, on channels of every slow_reader. In the end each has every message once and in order, or was told which it has not, and is connected;
// and who reads only channels that drop messages was never sent away for it.
func TestChaosOfReadersThatStall(t *testing.T) {
	length, readers := 1500*time.Millisecond, 3
	if os.Getenv("PORTCULLIS_LONG") != "" {
		length, readers = 30*time.Second, 9
	}
	dice := seeded(t)
	address, issuer := startNode(t)
	fast := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	slow := &lines{address: address, narrow: true, now: make(map[net.Conn]net.Conn)}
	ctx, halt := context.WithTimeout(t.Context(), 3*time.Minute)
	defer halt()
	over := make(chan struct{})
	var reading, publishing sync.WaitGroup
	var seen trouble
	var published atomic.Int32
	// A pause lasts for as many messages as are said meanwhile: it is longer on a machine that is slow.
	wait := func(messages int) {
		for mark := published.Load() + int32(messages); published.Load() < mark && ctx.Err() == nil; {
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
	got := make([]map[string]*heard, readers)
	for i := range got {
		way, channels := slow, stalled
		switch i % 3 {
		case 0:
			way = fast
		case 1:
			channels = patient
		}
		ended := func(s client.State) {
			if end, ok := errors.AsType[*client.CloseError](s.Err); s.Phase == client.Waiting && ok && end.Code == 4101 {
				if seen.ended.Add(1); len(channels) == len(patient) {
					seen.endedPatient.Add(1)
				}
			}
		}
		c := lastingWith(t, issuer, fmt.Sprint("reader", i), way, func(k *client.Config) { k.OnState = ended })
		got[i] = make(map[string]*heard)
		for _, ch := range channels {
			h, pause := new(heard), func() {}
			if way == fast {
				pause = stalls(wait, rand.New(rand.NewPCG(dice.Uint64(), 0)))
			}
			got[i][ch] = h
			gap := func(g client.Gap) { h.gap(g); seen.gap(slices.Index(stalled, ch), g) }
			feed, err := c.Subscribe(ctx, ch, client.FeedOptions{OnGap: gap})
			if err != nil {
				t.Fatal(err)
			}
			reading.Go(func() { h.read(ctx, feed, pause) })
		}
	}
	publisher := lasting(t, issuer, "publisher", fast)
	said := make([]map[uint64]string, len(stalled))
	for i, ch := range stalled {
		said[i] = make(map[uint64]string)
		publishing.Go(func() { publishBulk(ctx, t, over, publisher, ch, said[i], &published) })
	}
	for end := time.Now().Add(length); (time.Now().Before(end) || !seen.shown()) && ctx.Err() == nil; {
		slow.stall(true)
		wait(dice.IntN(800))
		slow.stall(false)
		wait(dice.IntN(200))
		slow.cut(dice, 3)
	}
	close(over)
	publishing.Wait()
	finish(ctx, t, publisher, stalled, &reading)

	total := 0
	for n, ch := range stalled {
		total += len(said[n])
		for i := range got {
			if h := got[i][ch]; h != nil {
				h.checkSaid(t, fmt.Sprintf("reader %d on %s", i, ch), said[n])
			}
		}
	}
	t.Logf("%d messages were said; %d gaps of slow programs, %d of slow lines, of which %d and %d by drop_oldest and conflate; %d connections ended",
		total, seen.ofPrograms.Load(), seen.ofLines.Load(), seen.dropped[1].Load(), seen.dropped[2].Load(), seen.ended.Load())
	slow.told(t)
	fast.told(t)
	if !seen.shown() {
		t.Error("want gaps of all kinds: this shows nothing")
	}
	if n := seen.endedPatient.Load(); n > 0 {
		t.Errorf("%d times a reader was sent away that reads only channels that drop messages", n)
	}
}

// stalls is a program that does something else now and then.
func stalls(wait func(messages int), dice *rand.Rand) func() {
	return func() {
		if dice.IntN(200) == 0 {
			wait(dice.IntN(2400))
		}
	}
}

// publishBulk says much, in messages that differ.
func publishBulk(ctx context.Context, t *testing.T, over chan struct{}, c *client.Client, channel string, said map[uint64]string, published *atomic.Int32) {
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		case <-time.After(time.Millisecond):
		}
		text := fmt.Sprintf("%08d", n) + strings.Repeat("x", 16<<10)
		p, err := c.Publish(ctx, channel, text)
		if err != nil {
			t.Errorf("publish %d: %v", n, err)
			return
		}
		published.Add(1)
		said[p.Offset] = string(brief([]byte(`"` + text + `"`)))
	}
}

// checkSaid holds what a reader got against what was said.
func (h *heard) checkSaid(t *testing.T, who string, said map[uint64]string) {
	t.Helper()
	if h.ended != nil || len(h.disorder) > 0 {
		t.Errorf("%s: ended with %v, disorder %v", who, h.ended, h.disorder)
	}
	got := make(map[uint64]bool)
	for _, m := range h.messages {
		got[m.Offset] = true
		if said[m.Offset] != string(m.Data) {
			t.Errorf("%s: offset %d is %s, want %s", who, m.Offset, m.Data, said[m.Offset])
		}
	}
	silent := 0
	for offset := range said {
		if !got[offset] && !h.told(offset) {
			silent++
		}
	}
	if silent > 0 {
		t.Errorf("%s: %d messages are missing, and nobody said so", who, silent)
	}
}
