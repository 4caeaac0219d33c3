package limit_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"portcullis/internal/limit"
)

// Subscriptions and channels are taken together or not at all, and given back once.
func TestSubscriptionsAndChannelsHavePlaces(t *testing.T) {
	tenant := limit.NewTenant(limit.Limits{Subscriptions: 3, Channels: 2, SubscriptionsPerConn: 2})
	steps := []struct {
		has   int
		first bool
		want  limit.Quota
	}{
		{0, true, 0}, {1, true, 0},
		{2, false, limit.SubscriptionsPerConnection},
		{0, true, limit.Channels}, {0, true, limit.Channels}, // takes no subscription
		{0, false, 0},
		{0, false, limit.Subscriptions},
	}
	for i, s := range steps {
		if got := tenant.Subscribe(s.has, s.first); got.Quota != s.want {
			t.Errorf("step %d: got %q, want %q", i, got.Quota, s.want)
		}
	}
	tenant.Unsubscribe(true)
	if over := tenant.Subscribe(0, true); over.Any() {
		t.Errorf("what was given back: got %q", over.Quota)
	}
}

// The limit holds however many ask at once, and nobody is refused for what another gives up.
func TestManySubscribeAtOnce(t *testing.T) {
	const most, each = 100, 50
	tenant := limit.NewTenant(limit.Limits{Subscriptions: most})
	taken := make(chan int, 8)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			n := 0
			for range each {
				if over := tenant.Subscribe(0, false); !over.Any() {
					n++
				}
			}
			taken <- n
		})
	}
	all.Wait()
	close(taken)
	sum := 0
	for n := range taken {
		sum += n
	}
	if sum != most {
		t.Errorf("%d were taken, want %d", sum, most)
	}
}

// What many wait for is there once; what is dropped is given back, whoever drops it last.
func TestSharedBytesCountOnce(t *testing.T) {
	tenant := limit.NewTenant(limit.Limits{})
	var places []*limit.Place
	for i := range 100 {
		p, _ := tenant.Enter(fmt.Sprint(i))
		places = append(places, p)
	}
	shared := new(limit.Shared)
	shared.Of(tenant, 1000)
	for _, p := range places {
		p.Hold(1000, shared)
	}
	if got, want := tenant.Queued(), 1000+100*64; got != want {
		t.Errorf("%d bytes are queued, want %d", got, want)
	}
	places[0].Hold(500, nil)
	if got, want := tenant.Queued(), 1000+101*64+500; got != want {
		t.Errorf("%d bytes are queued, want %d", got, want)
	}
	places[0].Drop(500, nil)
	for _, p := range places {
		p.Drop(1000, shared)
	}
	if got := tenant.Queued(); got != 0 {
		t.Errorf("%d bytes are left, want 0", got)
	}
}

// The slowest go first, and no more of them than it takes.
func TestTheLargestOutboxesGoFirst(t *testing.T) {
	tenant := limit.NewTenant(limit.Limits{Outbox: 10_000})
	var gone []int
	for _, size := range []int{1000, 6000, 2000, 4000} {
		p, _ := tenant.Enter("ana")
		p.Hold(size, nil)
		p.OnEvict(nil, func(limit.Quota) {
			gone = append(gone, size)
			p.Drop(size, nil)
		})
	}
	fast, _ := tenant.Enter("bob")
	fast.MakeRoom()
	if want := []int{6000}; !slices.Equal(gone, want) {
		t.Errorf("%v went, want %v", gone, want)
	}
	tenant.Set(limit.Limits{Outbox: 1500})
	fast.MakeRoom()
	if want := []int{6000, 4000, 2000}; !slices.Equal(gone, want) {
		t.Errorf("with less room %v went, want %v", gone, want)
	}
}
