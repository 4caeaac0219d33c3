package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/broker/ring"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

// globex has one channel with the name of acme's.
func ofGlobex(name string) channel.Ref {
	return channel.Ref{Tenant: tenant.MustParse("globex"), Name: channel.MustParse(name)}
}

// An attacker publishes with a new key each time, for which nothing else is kept. Keys of five minutes have a bound, the newcomer loses, and what was promised to the others holds; without a key, and for another tenant, all is as it was.
func TestAnAttackerFillsTheIdempotencyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		const most = 1000
		keep := broker.Keep{Messages: 1, Total: most * memory.IDBytes}
		say := func(ref channel.Ref, id int) (broker.Receipt, error) {
			k := keep
			if id > 0 {
				k.ID = broker.ID{byte(id), byte(id >> 8), byte(id >> 16), 1}
			}
			return b.Publish(t.Context(), message.Message{Channel: ref, Data: []byte("1")}, k)
		}
		taken := 0
		for id := 1; id <= 3*most; id++ {
			switch _, err := say(on(fmt.Sprint("room:", id%100)), id); {
			case err == nil:
				taken++
			case !errors.Is(err, broker.ErrFull):
				t.Fatal(err)
			}
		}
		if taken != most || b.IDs() != most {
			t.Errorf("%d were taken and %d are remembered, want %d", taken, b.IDs(), most)
		}
		before := b.Head(on("room:1"))
		if _, err := say(on("room:1"), 9*most); !errors.Is(err, broker.ErrFull) || b.Head(on("room:1")) != before {
			t.Errorf("one too many: got %v, and the channel is at %d, want nothing said behind %d", err, b.Head(on("room:1")), before)
		}
		if r, err := say(on("room:1"), 1); err != nil || !r.Duplicate {
			t.Errorf("a repetition: got %+v, %v; want a duplicate", r, err)
		}
		if _, err := say(on("room:1"), 0); err != nil {
			t.Errorf("without a key: %v", err)
		}
		if _, err := say(ofGlobex("room:1"), 5*most); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		time.Sleep(broker.Window + 2*time.Minute)
		if _, err := say(on("room:1"), 9*most); err != nil || b.IDs() != 1 {
			t.Errorf("after five minutes: %v, %d are remembered; want it taken, and 1", err, b.IDs())
		}
	})
}

// An attacker says one word on each of very many channels. Of those whose word had to go nothing is left but a few names, and not until somebody sweeps.
func TestAnAttackerLeavesEmptyHistories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		keep := broker.Keep{Messages: 1, Total: 100 * (ring.Overhead + ring.Channel + 1)}
		for i := range 20_000 {
			if _, err := b.Publish(t.Context(), message.Message{Channel: on(fmt.Sprint("room:", i)), Data: []byte("1")}, keep); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.Histories(); n != 100 {
			t.Errorf("%d histories are there, want the 100 for which there is room", n)
		}
	})
}

// An attacker lets very many channels run dry. Another tenant's silent channel, of which nothing was lost but what everybody heard, is continued as if the attacker were not there.
func TestAnAttackersSilentChannelsMakeNobodyElseForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		keep := broker.Keep{Messages: 10, Age: time.Minute}
		say := func(ref channel.Ref) message.Position {
			r, err := b.Publish(t.Context(), message.Message{Channel: ref, Data: []byte("1")}, keep)
			if err != nil {
				t.Fatal(err)
			}
			return r.Position
		}
		var at []message.Position
		for i := range 100 {
			at = append(at, say(ofGlobex(fmt.Sprint("quiet:", i))))
		}
		time.Sleep(5 * time.Minute)
		for i := range 100_000 {
			say(on(fmt.Sprint("room:", i)))
		}
		time.Sleep(5 * time.Minute)
		for i := range at {
			if _, complete, _ := b.Since(t.Context(), ofGlobex(fmt.Sprint("quiet:", i)), at[i], 9); !complete {
				t.Fatalf("quiet:%d: something is said to be missing behind its last message", i)
			}
		}
		if n := b.Graves(); n > 256*64 {
			t.Errorf("%d channels are known by name, want at most 64 in each of 256 parts", n)
		}
	})
}
