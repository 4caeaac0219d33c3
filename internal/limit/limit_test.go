package limit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestARateHasABurstOfTwiceItself(t *testing.T) {
	r := limit.NewRate(10)
	for i := range 20 {
		if _, ok := r.Take(noon, 1); !ok {
			t.Fatalf("message %d of the burst was refused", i+1)
		}
	}
	retry, ok := r.Take(noon, 1)
	if ok || retry != 100*time.Millisecond {
		t.Fatalf("got %v, %v after the burst; want a refusal for 100ms", retry, ok)
	}
	if _, ok := r.Take(noon.Add(retry), 1); !ok {
		t.Error("the retry at the time that was told was refused")
	}
}

func TestARefusalTakesNothing(t *testing.T) {
	r := limit.NewRate(10)
	if _, ok := r.Take(noon, 21); ok {
		t.Fatal("more than the burst was allowed")
	}
	for range 5 {
		r.Take(noon, 21)
	}
	if _, ok := r.Take(noon, 20); !ok {
		t.Error("refused requests used up the burst")
	}
}

// Many at once get neither more than there is, nor leave a debt behind.
func TestARateHoldsHoweverManyAskAtOnce(t *testing.T) {
	r := limit.NewRate(1000)
	start := time.Now()
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for time.Since(start) < 300*time.Millisecond {
				if _, ok := r.Take(time.Now(), 1); ok {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got, most := taken.Load(), int64(2000+1000*time.Since(start).Seconds())+1; got < 2000 || got > most {
		t.Errorf("got %d, want 2000 to %d", got, most)
	}
	if retry, _ := r.Take(time.Now(), 1); retry > 10*time.Millisecond {
		t.Errorf("a debt of %v is left", retry)
	}
}

func TestUnlimitedIsNil(t *testing.T) {
	r := limit.NewRate(limit.Unlimited)
	if _, ok := r.Take(noon, 1<<40); r != nil || !ok {
		t.Errorf("got %v, %v; want nil and true", r, ok)
	}
}

func TestPlacesAreCountedPerUserAndTenant(t *testing.T) {
	tenant := limit.NewTenant(limit.Limits{Connections: 3, ConnectionsPerUser: 2})
	enter := func(user string, want limit.Quota) *limit.Place {
		t.Helper()
		p, over := tenant.Enter(user)
		if over.Quota != want {
			t.Fatalf("%s enters: got %q reached, want %q", user, over.Quota, want)
		}
		return p
	}
	first := enter("ana", 0)
	enter("ana", 0)
	enter("ana", limit.ConnectionsPerUser)
	enter("bob", 0)
	enter("eve", limit.Connections)
	first.Leave()
	enter("ana", 0)
	if got := tenant.Connections(); got != 3 {
		t.Errorf("got %d connections, want 3", got)
	}
}

// A user that reconnects for each message would have no limit.
func TestAUserThatComesBackDoesNotStartAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := limit.NewTenant(limit.Limits{MessagesPerSecondPerUser: 1})
		send := func() limit.Quota {
			p, _ := tenant.Enter("ana")
			defer p.Leave()
			return p.Message(time.Now(), 1).Quota
		}
		for i, want := range []limit.Quota{0, 0, limit.MessagesPerSecondPerUser, limit.MessagesPerSecondPerUser} {
			if got := send(); got != want {
				t.Errorf("message %d: got %q, want %q", i+1, got, want)
			}
		}
		time.Sleep(3 * time.Second)
		if got := send(); got != 0 {
			t.Errorf("got %q after a pause, want none", got)
		}
	})
}

func TestUsersWhoLeftAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := limit.NewTenant(limit.Limits{MessagesPerSecondPerUser: 1})
		for i := range 10_000 {
			p, _ := tenant.Enter(fmt.Sprint(i))
			p.Message(time.Now(), 1)
			p.Leave()
			time.Sleep(time.Second)
		}
		if got := tenant.Users(); got > 10 {
			t.Errorf("%d of 10000 users who left are kept", got)
		}
	})
}

func TestAMessageIsCountedAgainstTheNarrowestLimitFirst(t *testing.T) {
	tests := []struct {
		name   string
		limits limit.Limits
		size   int
		want   limit.Quota
	}{
		{"the connection's messages", limit.Limits{MessagesPerSecondPerConn: 1, MessagesPerSecond: 1}, 1, limit.MessagesPerSecondPerConnection},
		{"the connection's bytes", limit.Limits{BytesPerSecondPerConn: 10, MessagesPerSecond: 1}, 8, limit.BytesPerSecondPerConnection},
		{"the user's messages", limit.Limits{MessagesPerSecondPerUser: 1, MessagesPerSecond: 1}, 1, limit.MessagesPerSecondPerUser},
		{"the tenant's messages", limit.Limits{MessagesPerSecond: 1, BytesPerSecond: 1}, 1, limit.MessagesPerSecond},
		{"the tenant's bytes", limit.Limits{BytesPerSecond: 10}, 8, limit.BytesPerSecond},
		{"nothing", limit.Limits{}, 1 << 30, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := limit.NewTenant(tt.limits).Enter("ana")
			p.Message(noon, tt.size)
			p.Message(noon, tt.size)
			if got := p.Message(noon, tt.size).Quota; got != tt.want {
				t.Errorf("the third message: got %q, want %q", got, tt.want)
			}
		})
	}
}
