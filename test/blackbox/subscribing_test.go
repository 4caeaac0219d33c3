package blackbox_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// subscribesToMany asks for so many channels of its own without waiting for an answer, and returns how many it got; everything else must be refused for the quota.
func (c *conn) subscribesToMany(user string, count int) (got int, err error) {
	const atOnce = 500
	writing := make(chan error, 1)
	go func() {
		for from := 0; from < count; from += atOnce {
			var frame strings.Builder
			for i := from; i < min(from+atOnce, count); i++ {
				fmt.Fprintf(&frame, "{\"type\":\"subscribe\",\"id\":%d,\"channel\":\"room:%s:%d\"}\n", i+1, user, i)
			}
			if err := c.put(text(frame.String())); err != nil {
				writing <- err
				return
			}
		}
		writing <- nil
	}()
	for i := range count {
		f, err := c.message(patience)
		if err != nil {
			return got, fmt.Errorf("answer %d: %w", i+1, err)
		}
		switch answer := string(f.payload); {
		case strings.HasPrefix(answer, fmt.Sprintf(`{"type":"ok","id":%d,`, i+1)):
			got++
		case !strings.HasPrefix(answer, fmt.Sprintf(`{"type":"error","id":%d,`, i+1)) || !strings.Contains(answer, `"code":"quota_exceeded"`) || !strings.Contains(answer, "subscriptions is reached"):
			return got, fmt.Errorf("answer %d is %s", i+1, answer)
		}
	}
	return got, <-writing
}

// One tenant's clients ask for twice as many subscriptions as their tenant may have, a million altogether when it is long and nobody looks for races: they get what the quota is, to the last one, and each of the others is refused. The other
// tenant notices nothing, and when they are gone nothing of them is left.
func TestAMillionSubscriptions(t *testing.T) {
	t.Parallel()
	const clients = 4
	quota := 10_000
	if full() {
		quota = 500_000
	}
	limits := strings.Replace(noRates, "\nsubscriptions: unlimited", fmt.Sprint("\nsubscriptions: ", quota), 1)
	g := start(t, options{acme: tenantOptions{limits: limits, rules: "- { name: all, allow: [subscribe], channels: [\"room:**\"] }\n"}})
	carol, dave := g.dial(t, globex.token("carol", roles("member"))), g.dial(t, globex.token("dave", roles("member")))
	carol.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	var all sync.WaitGroup
	conns, got := make([]*conn, clients), make([]int, clients)
	for i := range conns {
		user := fmt.Sprint("u", i)
		conns[i] = g.dial(t, acme.token(user))
		all.Go(func() {
			var err error
			if got[i], err = conns[i].subscribesToMany(user, 2*quota/clients); err != nil {
				t.Error(err)
			}
		})
	}
	for range 20 {
		dave.does(`{"type":"publish","id":1,"channel":"room:1","data":1}`)
		carol.nextHears(t, 1)
	}
	all.Wait()
	sum := 0
	for _, n := range got {
		sum += n
	}
	if sum != quota {
		t.Errorf("%d subscriptions were given, want %d", sum, quota)
	}
	g.until(t, float64(quota+1), "portcullis_subscriptions")
	g.until(t, float64(quota+1), "portcullis_channels")
	for _, c := range conns {
		c.Close()
	}
	g.until(t, 1, "portcullis_subscriptions")
	g.until(t, 1, "portcullis_channels")
}
