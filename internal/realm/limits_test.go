package realm_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/config"
	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

// tried says of a limit how much fits where the file says nothing, the burst of a rate. take takes up to n, and returns how much did fit.
type tried struct {
	fits int // by default
	take func(t *limit.Tenant, n int) int
}

// enters takes places, of different users or of one.
func enters(user func(i int) string) func(t *limit.Tenant, n int) int {
	return func(t *limit.Tenant, n int) (fit int) {
		for i := range n {
			if _, over := t.Enter(user(i)); over.Any() {
				return fit
			}
			fit++
		}
		return fit
	}
}

// messages counts messages of a size, each of another user, or of one user on connections of its own, or of one connection.
func messages(size int, enter func(t *limit.Tenant, i int) *limit.Place) func(t *limit.Tenant, n int) int {
	return func(t *limit.Tenant, n int) (fit int) {
		for i := range n / size {
			if enter(t, i).Message(time.Now(), size).Any() {
				return fit
			}
			fit += size
		}
		return fit
	}
}

func anyone(t *limit.Tenant, i int) *limit.Place { p, _ := t.Enter(fmt.Sprint(i)); return p }

func ana(t *limit.Tenant, _ int) *limit.Place { p, _ := t.Enter("ana"); return p }

// oneOf enters once, and returns that place for every message.
func oneOf() func(t *limit.Tenant, _ int) *limit.Place {
	var p *limit.Place
	var of *limit.Tenant
	return func(t *limit.Tenant, _ int) *limit.Place {
		if of != t {
			of = t
			p, _ = t.Enter("ana")
		}
		return p
	}
}

// subscribes takes subscriptions, of connections that have so many already, to channels of which each is new or none.
func subscribes(has func(i int) int, first bool) func(t *limit.Tenant, n int) int {
	return func(t *limit.Tenant, n int) (fit int) {
		for i := range n {
			if t.Subscribe(has(i), first).Any() {
				return fit
			}
			fit++
		}
		return fit
	}
}

func none(int) int { return 0 }

// waits lets bytes wait for readers, who may have so much together.
func waits(t *limit.Tenant, n int) (fit int) {
	const each = 1 << 20
	evicted := false
	for range n / each {
		p, _ := t.Enter("ana")
		p.OnEvict(nil, func(limit.Quota) { evicted = true; p.Drop(each, nil) })
		p.Hold(each-64, nil) // and what a reference costs
		if p.MakeRoom(); evicted {
			return fit
		}
		fit += each
	}
	return fit
}

// Every limit is what the manual says where the file says nothing, and none where it says unlimited: the number of the file is the one that bites.
func TestEveryLimitIsItsDefaultOrUnlimited(t *testing.T) {
	all := map[string]tried{
		"connections":                        {10_000, enters(func(i int) string { return fmt.Sprint(i) })},
		"connections_per_user":               {20, enters(func(int) string { return "ana" })},
		"connections_per_second":             {1000, enters(func(i int) string { return fmt.Sprint(i) })},
		"subscriptions":                      {250_000, subscribes(none, false)},
		"subscriptions_per_connection":       {100, subscribes(func(i int) int { return i }, false)},
		"channels":                           {50_000, subscribes(none, true)},
		"messages_per_second":                {4000, messages(1, anyone)},
		"messages_per_second_per_user":       {400, messages(1, ana)},
		"messages_per_second_per_connection": {100, messages(1, oneOf())},
		"bytes_per_second":                   {32 << 20, messages(64<<10, anyone)},
		"bytes_per_second_per_connection":    {2 << 20, messages(64<<10, oneOf())},
		"outbox":                             {64 << 20, waits},
		"history":                            {64 << 20, nil}, // the engine's; see brokertest
	}
	w := newWorld(t)
	names := reflect.TypeFor[config.Limits]()
	for i := range names.NumField() {
		name := names.Field(i).Tag.Get("yaml")
		if name == "message_size" {
			continue // it is never unlimited
		}
		tt, there := all[name]
		if !there {
			t.Errorf("limit %s has no test", name)
			continue
		}
		for _, unlimited := range []bool{false, true} {
			var lines []string // all others are out of the way
			for k := range names.NumField() {
				if key := names.Field(k).Tag.Get("yaml"); key != "message_size" && (key != name || unlimited) {
					lines = append(lines, key+": unlimited")
				}
			}
			s, problems := w.build(strings.Replace(both, "    rules:", "    limits: {"+strings.Join(lines, ", ")+"}\n    rules:", 1))
			if config.Failed(problems) {
				t.Fatal(problems)
			}
			account := s.Tenant(tenant.MustParse("acme")).Account
			if tt.take == nil {
				if got := account.Limits().History; got != tt.fits && !unlimited || unlimited && got != limit.Unlimited {
					t.Errorf("%s, unlimited: %v: got %d", name, unlimited, got)
				}
				continue
			}
			most, want := tt.fits+tt.fits/4, tt.fits
			if unlimited {
				want = most
			}
			synctest.Test(t, func(t *testing.T) { // all at one moment
				if got := tt.take(account, most); got != want {
					t.Errorf("%s, unlimited: %v: %d of %d fit, want %d", name, unlimited, got, most, want)
				}
			})
		}
	}
}
