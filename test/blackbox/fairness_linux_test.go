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
	if full() {
		return 3 * time.Second
	}
	return time.Second
}

// fair is what the victim's clients noticed in one stretch of time.
type fair struct {
	took         []time.Duration // from publishing to the clients' kernel, each delivery
	p50, p99     time.Duration
	cpu          float64 // of the gateway, of one core
	did, refused float64 // of the attacker, a second
}

// One tenant at its limits loses none of another's messages, puts none out of order, and hardly makes them late. What the machine itself takes, which has the attacker's clients to serve too, is measured beside by
// the same attack on another gateway on the same core. The figures are in docs/benchmarks.md; what is asserted
// has room, since the attacker's clients, the victim's and whoever else works here share a core. The short form is one attack, and asks for no times.
func TestATenantAtItsLimits(t *testing.T) {
	rounds, all := 5, slices.Sorted(maps.Keys(attacks))
	if !full() {
		rounds, all = 1, []string{"publishing to one channel of 500"}
	}
	o := options{acme: tenantOptions{limits: noRates}}
	if runtime.NumCPU() > 1 {
		o.core = "0"
		pin(t, os.Getpid(), "1")
		t.Cleanup(func() { pin(t, os.Getpid(), fmt.Sprintf("0-%d", runtime.NumCPU()-1)) })
	}
	g := start(t, o)
	var other *gateway
	if full() {
		other = start(t, o)
	}
	for _, attack := range all {
		t.Run(attack, func(t *testing.T) {
			var without, with, beside []fair
			for range rounds {
				without = append(without, g.calm(t))
				with = append(with, g.attacked(t, attack, g))
				if other != nil {
					beside = append(beside, g.attacked(t, attack, other))
				}
			}
			calm, attacked, apart := together(without), together(with), together(beside)
			least, most := without[0].p99, without[0].p99
			for _, w := range without {
				least, most = min(least, w.p99), max(most, w.p99)
			}
			heaviest := with[0].p99
			for _, w := range with {
				heaviest = max(heaviest, w.p99)
			}
			t.Logf("attacker %.0f/s, %.0f/s refused; gateway %.0f %% and %.0f %% of a core; p50 %v and %v; p99 %v (%v to %v) and %v (at most %v): %+.0f %%; by the attack on another gateway %v", attacked.did, attacked.refused,
				100*calm.cpu, 100*attacked.cpu, calm.p50, attacked.p50, calm.p99, least, most, attacked.p99, heaviest, 100*(float64(attacked.p99)/float64(calm.p99)-1), apart.p99)
			if attacked.did == 0 {
				t.Error("there was no attack")
			}
			if room := max(3*calm.p99, 3*apart.p99, most) + fairRoom; rounds > 1 && attacked.p99 > room {
				t.Errorf("p99 went from %v to %v, want at most %v", calm.p99, attacked.p99, room)
			}
		})
	}
}

// fairRoom is what the machine may take.
const fairRoom = 20 * time.Millisecond

// together is what was noticed in all stretches: of each time, where it stands among all, and of the other figures the middle one.
func together(all []fair) (m fair) {
	if len(all) == 0 {
		return m
	}
	pick := func(f func(fair) float64) float64 {
		var each []float64
		for _, s := range all {
			each = append(each, f(s))
		}
		slices.Sort(each)
		return each[len(each)/2]
	}
	m.cpu = pick(func(s fair) float64 { return s.cpu })
	m.did, m.refused = pick(func(s fair) float64 { return s.did }), pick(func(s fair) float64 { return s.refused })
	for _, s := range all {
		m.took = append(m.took, s.took...)
	}
	m.measure()
	return m
}

func (s *fair) measure() {
	slices.Sort(s.took)
	s.p50, s.p99 = s.took[len(s.took)/2], s.took[len(s.took)*99/100]
}

// attacked measures beside an attacker.
func (g *gateway) attacked(t *testing.T, attack string, on *gateway) fair {
	t.Helper()
	stop := on.attack(t, attack, globex, 60)
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
		l.dialogue = nil // to hold each frame against the contract takes longer than its way
		arrived := l.stamped(t)
		all.Go(func() { took[i] = l.count(t, messages, arrived) })
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
	if s.took = slices.Concat(took...); len(s.took) != messages*len(listeners) {
		t.Fatalf("the victim's clients heard %d messages, want %d", len(s.took), messages*len(listeners))
	}
	s.measure()
	return s
}

// count hears so many messages, which must come in order, and says how long each was under way.
func (c *conn) count(t *testing.T, messages int, arrived *arrivals) (took []time.Duration) {
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
		took = append(took, arrived.last.Sub(time.Unix(0, sent)))
	}
	return took
}
