package limit_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
)

// spend sends until a limit is met, and returns how many messages were taken and which limit it is.
func spend(p *limit.Place, most int) (n int, over limit.Quota) {
	for ; n < most; n++ {
		if o := p.Message(time.Now(), 10); o.Any() {
			return n, o.Quota
		}
	}
	return n, 0
}

// Rates follow a change at once, also those of whoever is there, and what was used stays used.
func TestRatesFollowAChange(t *testing.T) {
	tests := []struct {
		name  string
		of    func(rate int) limit.Limits
		quota limit.Quota
		each  int // how much of the rate a message uses
	}{
		{"the connection's messages", func(n int) limit.Limits { return limit.Limits{MessagesPerSecondPerConn: n} }, limit.MessagesPerSecondPerConnection, 1},
		{"the connection's bytes", func(n int) limit.Limits { return limit.Limits{BytesPerSecondPerConn: 10 * n} }, limit.BytesPerSecondPerConnection, 10},
		{"the user's messages", func(n int) limit.Limits { return limit.Limits{MessagesPerSecondPerUser: n} }, limit.MessagesPerSecondPerUser, 1},
		{"the tenant's messages", func(n int) limit.Limits { return limit.Limits{MessagesPerSecond: n} }, limit.MessagesPerSecond, 1},
		{"the tenant's bytes", func(n int) limit.Limits { return limit.Limits{BytesPerSecond: 10 * n} }, limit.BytesPerSecond, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tenant := limit.NewTenant(tt.of(10))
				p, _ := tenant.Enter("ana")
				expect := func(what string, want int, quota limit.Quota) {
					t.Helper()
					if n, over := spend(p, 1000); n != want || over != quota {
						t.Errorf("%s: %d messages and then %q, want %d and %q", what, n, over, want, quota)
					}
				}
				expect("before", 20, tt.quota)
				tenant.Set(tt.of(50))
				expect("a larger rate gives nothing for the past", 0, tt.quota)
				time.Sleep(time.Second)
				expect("and fifty in a second", 50, tt.quota)
				tenant.Set(tt.of(100))
				time.Sleep(100 * time.Millisecond)
				expect("a larger one counts since it was set, and not since the next message", 10, tt.quota)
				tenant.Set(tt.of(limit.Unlimited))
				expect("without a limit", 1000, 0)
				tenant.Set(tt.of(5))
				expect("with a small one its burst", 10, tt.quota)
				time.Sleep(10 * time.Second)
				expect("and no more", 10, tt.quota)
			})
		})
	}
}

// Who is there stays; who is too many finds no place until enough have left.
func TestFewerPlacesThrowNobodyOut(t *testing.T) {
	tenant := limit.NewTenant(limit.Limits{Connections: 3, ConnectionsPerUser: 3})
	var places []*limit.Place
	for range 3 {
		p, _ := tenant.Enter("ana")
		places = append(places, p)
	}
	tenant.Set(limit.Limits{Connections: 2, ConnectionsPerUser: 1})
	for left, want := range []limit.Quota{limit.Connections, limit.Connections, limit.ConnectionsPerUser, 0} {
		if _, over := tenant.Enter("ana"); over.Quota != want {
			t.Errorf("%d have left: got %q, want %q", left, over.Quota, want)
		}
		if left < len(places) {
			places[left].Leave()
		}
	}
	if got := tenant.Connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestArrivalsHaveARateOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := limit.NewTenant(limit.Limits{ConnectionsPerSecond: 2, ConnectionsPerUser: 1})
		first, _ := tenant.Enter("ana")
		for range 10 { // whoever finds no place uses up nothing
			tenant.Enter("ana")
		}
		for _, user := range []string{"bob", "carol", "dave"} {
			if _, over := tenant.Enter(user); over.Any() {
				t.Errorf("%s of the burst: got %q", user, over.Quota)
			}
		}
		first.Leave()
		_, over := tenant.Enter("ana")
		if over.Quota != limit.ConnectionsPerSecond || over.Retry != 500*time.Millisecond {
			t.Errorf("got %+v, want connections_per_second and 500ms", over)
		}
		time.Sleep(over.Retry)
		if _, over := tenant.Enter("ana"); over.Any() {
			t.Errorf("at the time that was told: got %q", over.Quota)
		}
	})
}

// Limits change under load, and every place is given back.
func TestLimitsChangeWhileEverybodyComesAndGoes(t *testing.T) {
	tenant := limit.NewTenant(limit.Limits{Connections: 10, MessagesPerSecondPerUser: 10})
	done := make(chan struct{})
	var all, setting sync.WaitGroup
	setting.Go(func() {
		for n := 1; ; n = n%100 + 1 {
			select {
			case <-done:
				return
			default:
				tenant.Set(limit.Limits{Connections: n, MessagesPerSecond: n, MessagesPerSecondPerUser: n % 3, MessagesPerSecondPerConn: n % 5, BytesPerSecond: n})
			}
		}
	})
	for range 8 {
		all.Go(func() {
			for range 2000 {
				if p, over := tenant.Enter("ana"); !over.Any() {
					p.Message(time.Now(), 1)
					p.Leave()
				}
			}
		})
	}
	all.Wait()
	close(done)
	setting.Wait()
	if got := tenant.Connections(); got != 0 {
		t.Errorf("%d places were not given back", got)
	}
}

func TestEveryQuotaHasANameAndARemedy(t *testing.T) {
	seen := make(map[string]bool)
	for q := limit.Connections; q <= limit.OutboxPerNode; q++ {
		if q.String() == "" || seen[q.String()] || strings.HasSuffix((limit.Over{Quota: q}).Text(), ": ") {
			t.Errorf("quota %d: name %q, text %q", q, q, (limit.Over{Quota: q}).Text())
		}
		seen[q.String()] = true
	}
}
