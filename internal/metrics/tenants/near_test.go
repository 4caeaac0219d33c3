package tenants_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/metrics/tenants"
)

// watched runs f beside a register that looks, on a clock that nobody waits for.
func watched(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(10)
		ctx, stop := context.WithCancel(t.Context())
		var runs sync.WaitGroup
		runs.Go(func() { w.register.Run(ctx) })
		f(t, w)
		w.wait(0)
		stop()
		runs.Wait()
	})
}

// wait lets looks pass. What was done before is done before any of them.
func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	w.mu.Unlock() //nolint:staticcheck // a look takes it first
	time.Sleep(d)
	synctest.Wait()
}

// lines takes what was logged, as event, tenant, limit, used, most and refused.
func (w *world) lines(t *testing.T) (all []string) {
	t.Helper()
	for line := range strings.Lines(w.log.String()) {
		var said struct {
			Event, Tenant, Limit, Remedy, Level string
			Used, Most, Refused                 int
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatal(err)
		}
		if said.Level != "WARN" || !strings.Contains(said.Remedy, "raise limits."+said.Limit+" of the ") {
			t.Errorf("%s: want a warning with the remedy", line)
		}
		all = append(all, fmt.Sprint(strings.TrimPrefix(said.Event, "tenant."), " ", said.Tenant, " ", said.Limit, " ", said.Used, "/", said.Most, " ", said.Refused))
	}
	w.log.Reset()
	return all
}

func (w *world) said(t *testing.T, want ...string) {
	t.Helper()
	if got := w.lines(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A limit is told of before it bites, once for each time that it comes near, and not again for one that goes up and down around the border.
func TestALimitIsToldOfBeforeItBites(t *testing.T) {
	watched(t, func(t *testing.T, w *world) {
		acme := w.come("acme", limit.Limits{Connections: 10})
		w.come("globex", limit.Limits{Connections: 10}).Account.Enter("eve")
		var places []*limit.Place
		hold := func(n int) {
			for len(places) < n {
				p, _ := acme.Account.Enter("ana")
				places = append(places, p)
			}
			for len(places) > n {
				places[len(places)-1].Leave()
				places = places[:len(places)-1]
			}
			w.wait(time.Second)
		}
		hold(7)
		w.said(t)
		hold(8)
		w.said(t, "limit_near acme connections 8/10 0")
		if w.near[limit.Connections] != 1 {
			t.Errorf("%d tenants are near, want acme alone", w.near[limit.Connections])
		}
		w.wait(2 * time.Minute)
		for _, n := range []int{7, 8, 7, 9} { // never below 70 %
			hold(n)
		}
		w.said(t)
		hold(6)
		if w.near[limit.Connections] != 0 {
			t.Errorf("%d tenants are near, want none", w.near[limit.Connections])
		}
		hold(10)
		w.said(t, "limit_near acme connections 10/10 0")
		hold(1)
		hold(9) // at once again: it was told of in this minute
		w.said(t)
		acme.Account.Set(limit.Limits{})
		w.wait(time.Second)
		acme.Account.Set(limit.Limits{Connections: 9})
		w.wait(time.Minute)
		if w.near[limit.Connections] != 1 {
			t.Errorf("with a smaller limit %d are near, want acme", w.near[limit.Connections])
		}
	})
}

// The first refusal in a while is a line, and the storm behind it is counted.
func TestTheFirstRefusalInAWhileIsToldOf(t *testing.T) {
	watched(t, func(t *testing.T, w *world) {
		acme := w.come("acme", limit.Limits{Connections: 100, ConnectionsPerUser: 1})
		acme.Account.Enter("ana")
		for range 5 {
			acme.Account.Enter("ana")
		}
		w.wait(time.Second)
		w.said(t, "limit_reached acme connections_per_user 0/1 5")
		for range 100 {
			acme.Account.Enter("ana")
			w.wait(time.Second)
		}
		w.said(t)
		if got := w.met[limit.ConnectionsPerUser]; got != 105 {
			t.Errorf("%d refusals were counted, want 105", got)
		}
		w.wait(time.Minute)
		acme.Account.Enter("ana")
		acme.Account.Enter("ana")
		w.leave(acme) // in the same second
		w.wait(time.Second)
		w.said(t, "limit_reached acme connections_per_user 0/1 2")
		if got := w.met[limit.ConnectionsPerUser]; got != 107 {
			t.Errorf("%d refusals were counted, want 107, those of a tenant that left too", got)
		}
	})
}

// A rate is used by what is taken of it. Catching up for a moment is no cause for a line, going on so is.
func TestARateIsAveraged(t *testing.T) {
	watched(t, func(t *testing.T, w *world) {
		acme := w.come("acme", limit.Limits{MessagesPerSecond: 100})
		p, _ := acme.Account.Enter("ana")
		send := func(n int) {
			for range n {
				p.Message(time.Now(), 1)
			}
			w.wait(time.Second)
		}
		w.wait(5 * time.Second)
		send(200)
		send(0)
		send(0)
		w.said(t)
		for range 20 {
			send(90)
		}
		if got := w.scrape(t)["acme"]["used messages_per_second"]; got < 88 || got > 92 {
			t.Errorf("got %v in a second, want about 90", got)
		}
		got := w.lines(t)
		if len(got) != 1 || !strings.HasPrefix(got[0], "limit_near acme messages_per_second 8") {
			t.Errorf("got %q, want one line that the rate comes near", got)
		}
		for range 20 {
			send(0)
		}
		if got := w.scrape(t)["acme"]["used messages_per_second"]; got != 0 {
			t.Errorf("when it is quiet: got %v, want 0", got)
		}
	})
}

// Ten thousand tenants that all come near a limit do not fill the disk, and the next line says how many were not written.
func TestAStormOfTenantsIsBounded(t *testing.T) {
	watched(t, func(t *testing.T, w *world) {
		for i := range 10_000 {
			w.come(fmt.Sprint("t", i), limit.Limits{Connections: 1}).Account.Enter("ana")
		}
		w.wait(time.Second)
		if got := len(w.lines(t)); got == 0 || got > 200 {
			t.Errorf("got %d lines, want some and at most 200", got)
		}
		if got := w.near[limit.Connections]; got != 10_000 {
			t.Errorf("%d are near, want all", got)
		}
	})
}

func BenchmarkALookAtTenThousandTenants(b *testing.B) {
	w := newWorld(200)
	for i := range 10_000 {
		w.come(fmt.Sprint("t", i), limit.Limits{Connections: 10, MessagesPerSecond: 10, Subscriptions: 10}).Account.Enter("ana")
	}
	for now := time.Now(); b.Loop(); now = now.Add(time.Second) {
		tenants.Look(w.register, now, time.Second)
	}
}

func BenchmarkAScrapeOfTenThousandTenants(b *testing.B) {
	w := newWorld(200)
	for i := range 10_000 {
		w.come(fmt.Sprint("t", i), limit.Limits{Connections: 10}).Account.Counts().Sent(1, 1)
	}
	for b.Loop() {
		if _, err := w.registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
