package blackbox_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// long says that the long forms of tests are asked for: more connections, and what the gateway's clocks decide after many seconds. It is a
// function, so that go test notes that a test asked and does not answer from its cache.
func long() bool { return os.Getenv("PORTCULLIS_LONG") != "" }

// full says that counts are at their full size. With the race detector they stay small: what it finds it finds among hundreds, and it takes ten times as long.
func full() bool { return long() && !raced }

// onlyLong skips a test that mostly waits.
func onlyLong(t *testing.T) {
	t.Helper()
	if !long() {
		t.Skip("it waits for clocks of the gateway; PORTCULLIS_LONG=1 runs it")
	}
}

// unbounded has tenants without rates, for tests that attack something else than those.
func unbounded(t *testing.T) *gateway {
	return share(t, "unbounded", options{acme: tenantOptions{limits: noRates}, globex: tenantOptions{limits: noRates}})
}

// unboundedTLS is unbounded over TLS.
func unboundedTLS(t *testing.T) *gateway {
	return share(t, "unbounded-tls", options{tls: true, acme: tenantOptions{limits: noRates}, globex: tenantOptions{limits: noRates}})
}

const noRates = `connections: unlimited
connections_per_second: unlimited
subscriptions: unlimited
channels: unlimited
bytes_per_second: unlimited
subscriptions_per_connection: unlimited
messages_per_second_per_connection: unlimited
bytes_per_second_per_connection: unlimited`

// mark remembers where a counter stands.
type mark struct {
	g      *gateway
	name   string
	labels []string
	before float64
}

func (g *gateway) mark(t *testing.T, name string, labels ...string) mark {
	t.Helper()
	return mark{g, name, labels, g.metric(t, name, labels...)}
}

// closes marks the counter of connections that end in this way.
func (g *gateway) closes(t *testing.T, initiator, reason string) mark {
	t.Helper()
	return g.mark(t, "portcullis_connections_closed_total", "initiator", initiator, "reason", reason)
}

// moved waits until the counter has moved by exactly so much.
func (m mark) moved(t *testing.T, by float64) {
	t.Helper()
	m.g.until(t, m.before+by, m.name, m.labels...)
}

// ends waits for the gateway's goodbye, which must be this one.
func (c *conn) ends(t *testing.T, code int, reason string) {
	t.Helper()
	if gotCode, gotReason := c.ended(); gotCode != code || gotReason != reason {
		t.Errorf("it ended with %d %q, want %d %q", gotCode, gotReason, code, reason)
	}
}

// subscribers are clients that listen to one channel and must not notice what is done to others.
type subscribers []*conn

func (g *gateway) subscribers(t *testing.T, n int, token, channel string) (all subscribers) {
	t.Helper()
	for range n {
		c := g.dial(t, token)
		c.does(`{"type":"subscribe","id":1,"channel":%q}`, channel)
		all = append(all, c)
	}
	return all
}

// hearNext wants data to be the very next thing that every subscriber hears.
func (s subscribers) hearNext(t *testing.T, data string) {
	t.Helper()
	for i, c := range s {
		if got := c.hear(); got["type"] != "message" || got["data"] != data {
			t.Fatalf("subscriber %d heard %v, want the message %q", i, got, data)
		}
	}
}

// roundTrips are what a bystander measured.
type roundTrips struct {
	stop chan struct{}
	done sync.WaitGroup

	// Owned by the measuring goroutine until done.
	took []time.Duration
	err  error
}

// measure echoes, again and again, on a connection of its own until calm is called.
func (g *gateway) measure(t *testing.T, token string) *roundTrips {
	t.Helper()
	c := g.dial(t, token)
	m := &roundTrips{stop: make(chan struct{})}
	m.done.Go(func() {
		for id := 1; ; id++ {
			start := time.Now()
			if m.err = c.put(text(fmt.Sprintf(`{"type":"echo","id":%d,"channel":"lab:rtt","data":0}`, id))); m.err != nil {
				return
			}
			if _, m.err = c.message(patience); m.err != nil {
				return
			}
			m.took = append(m.took, time.Since(start))
			select {
			case <-m.stop:
				c.put(frame{fin: true, opcode: opClose, payload: []byte{3, 232}})
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return m
}

// calm ends the measurement. Hardly any round trip may have taken longer than limit: one in twenty may, since this machine has other work too.
func (m *roundTrips) calm(t *testing.T, limit time.Duration) {
	t.Helper()
	close(m.stop)
	m.done.Wait()
	if m.err != nil {
		t.Fatalf("the bystander: %v", m.err)
	}
	if limit *= 2; raced { // this machine is shared
		limit *= 5
	}
	slices.Sort(m.took)
	if most := m.took[len(m.took)*19/20]; most > limit {
		t.Errorf("a bystander's echo took %v, %v at worst, want at most %v", most, m.took[len(m.took)-1], limit)
	}
}

// parallel runs f for 0 to n-1, in so many goroutines, and returns all errors.
func parallel(n, goroutines int, f func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for w := range goroutines {
		all.Go(func() {
			for i := w; i < n; i += goroutines {
				if errs[i] = f(i); errs[i] != nil {
					errs[i] = fmt.Errorf("%d: %w", i, errs[i])
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
