package blackbox_test

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	fairRate = 50 // messages a second of the victim's publisher
	fairEars = 50
)

// fairSpell is how long is measured at a time, without an attacker and with one.
func fairSpell() time.Duration {
	if long() {
		return 3 * time.Second
	}
	return time.Second
}

// fair is what the victim's clients noticed in one stretch of time.
type fair struct {
	p50, p99     time.Duration // from publishing to hearing
	cpu          float64       // of the gateway, of one core
	did, refused float64       // of the attacker, a second
}

// One tenant at its limits loses none of another's messages, puts none out of order, and hardly makes them late. The figures are in docs/benchmarks.md; what is asserted
// has room, since the attacker's clients, the victim's and whoever else works here share a core. The short form is one attack, and asks for no times.
func TestATenantAtItsLimits(t *testing.T) {
	rounds, all := 5, slices.Sorted(maps.Keys(attacks))
	if raced || !long() { // with the race detector nobody's time is what it is
		rounds = 1
	}
	if !long() {
		all = []string{"publishing to one channel of 500"}
	}
	o := options{acme: tenantOptions{limits: noRates}}
	if runtime.NumCPU() > 1 {
		o.core = "0"
		pin(t, os.Getpid(), "1")
		t.Cleanup(func() { pin(t, os.Getpid(), fmt.Sprintf("0-%d", runtime.NumCPU()-1)) })
	}
	g := start(t, o)
	for _, attack := range all {
		t.Run(attack, func(t *testing.T) {
			var without, with []fair
			for range rounds {
				without = append(without, g.calm(t))
				with = append(with, g.attacked(t, attack))
			}
			calm, attacked := middle(without), middle(with)
			least, most := without[0].p99, without[0].p99
			for _, w := range without {
				least, most = min(least, w.p99), max(most, w.p99)
			}
			t.Logf("attacker %.0f/s, %.0f/s refused; gateway %.0f %% and %.0f %% of a core; p50 %v and %v; p99 %v (%v to %v) and %v: %+.0f %%", attacked.did, attacked.refused,
				100*calm.cpu, 100*attacked.cpu, calm.p50, attacked.p50, calm.p99, least, most, attacked.p99, 100*(float64(attacked.p99)/float64(calm.p99)-1))
			if attacked.did == 0 {
				t.Error("there was no attack")
			}
			if room := max(3*calm.p99, most) + fairRoom; rounds > 1 && attacked.p99 > room {
				t.Errorf("p99 went from %v to %v, want at most %v", calm.p99, attacked.p99, room)
			}
		})
	}
}

// fairRoom is what the machine may take.
const fairRoom = 20 * time.Millisecond

// middle is, of each figure, the middle one.
func middle(all []fair) (m fair) {
	pick := func(f func(fair) float64) float64 {
		var each []float64
		for _, s := range all {
			each = append(each, f(s))
		}
		slices.Sort(each)
		return each[len(each)/2]
	}
	m.p50 = time.Duration(pick(func(s fair) float64 { return float64(s.p50) }))
	m.p99 = time.Duration(pick(func(s fair) float64 { return float64(s.p99) }))
	m.cpu = pick(func(s fair) float64 { return s.cpu })
	m.did, m.refused = pick(func(s fair) float64 { return s.did }), pick(func(s fair) float64 { return s.refused })
	return m
}

// attacked measures beside an attacker.
func (g *gateway) attacked(t *testing.T, attack string) fair {
	t.Helper()
	stop := g.attack(t, attack, globex, 60)
	time.Sleep(300 * time.Millisecond)
	s := g.calm(t)
	s.did, s.refused = stop()
	return s
}

// calm measures the victim's deliveries for a while. Each of its clients hears every message, in order.
func (g *gateway) calm(t *testing.T) (s fair) {
	t.Helper()
	listeners := g.subscribers(t, fairEars, acme.token("bob", roles("member")), "room:calm")
	publisher := g.dial(t, acme.token("ana", roles("member")))
	defer func() { // before the first ping
		publisher.Close()
		for _, l := range listeners {
			l.Close()
		}
	}()
	messages := int(fairSpell()/time.Second) * fairRate
	took := make([][]time.Duration, len(listeners))
	var all sync.WaitGroup
	for i, l := range listeners {
		all.Go(func() { took[i] = l.count(t, messages) })
	}
	begin, before := time.Now(), g.cpu(t)
	tick := time.NewTicker(time.Second / fairRate)
	defer tick.Stop()
	for n := range messages {
		<-tick.C
		if err := publisher.put(text(fmt.Sprintf(`{"type":"publish","channel":"room:calm","data":"%d %d"}`, n, time.Now().UnixNano()))); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	s.cpu = (g.cpu(t) - before).Seconds() / time.Since(begin).Seconds()
	flat := slices.Concat(took...)
	if slices.Sort(flat); len(flat) != messages*len(listeners) {
		t.Fatalf("the victim's clients heard %d messages, want %d", len(flat), messages*len(listeners))
	}
	s.p50, s.p99 = flat[len(flat)/2], flat[len(flat)*99/100]
	return s
}

// count hears so many messages, which must come in order, and says how long each was under way.
func (c *conn) count(t *testing.T, messages int) (took []time.Duration) {
	for n := range messages {
		f, err := c.message(patience)
		if err != nil {
			t.Error(err)
			return took
		}
		var number int
		var sent int64
		if _, err := fmt.Sscan(between(string(f.payload), `"data":"`, `"`), &number, &sent); err != nil || number != n {
			t.Errorf("the victim heard %.200q, want message %d", f.payload, n)
			return took
		}
		took = append(took, time.Duration(time.Now().UnixNano()-sent))
	}
	return took
}
