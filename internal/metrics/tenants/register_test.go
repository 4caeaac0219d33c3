package tenants_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"portcullis/internal/acl"
	"portcullis/internal/limit"
	"portcullis/internal/metrics/tenants"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// world is tenants that come and go, and what the register says of them.
type world struct {
	mu       sync.Mutex // taken by each look, first
	tenants  []*realm.Tenant
	outboxes *limit.Outboxes
	register *tenants.Register
	registry *prometheus.Registry
	log      strings.Builder

	near    map[limit.Quota]int
	met     map[limit.Quota]uint64
	unnamed int
	waits   string
}

func (w *world) Near(q limit.Quota, n int)   { w.near[q] = n }
func (w *world) Met(q limit.Quota, n uint64) { w.met[q] += n }
func (w *world) Unnamed()                    { w.unnamed++ }
func (w *world) Outboxes(held, most int64)   { w.waits = fmt.Sprint(held, " of ", most) }

func newWorld(named int) *world {
	w := &world{near: make(map[limit.Quota]int), met: make(map[limit.Quota]uint64), registry: prometheus.NewRegistry(), outboxes: limit.NewOutboxes(1_000_000)}
	w.register = tenants.New(tenants.Config{
		Tenants: func() []*realm.Tenant {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.tenants
		}, Named: named, Outboxes: w.outboxes, Observer: w, Log: slog.New(slog.NewJSONHandler(&w.log, nil)),
	})
	w.registry.MustRegister(w.register)
	return w
}

// come configures a tenant.
func (w *world) come(id string, l limit.Limits) *realm.Tenant {
	t := &realm.Tenant{ID: tenant.MustParse(id), Account: w.outboxes.Tenant(l), Counts: new(realm.Counts)}
	w.tenants = append(w.tenants, t)
	return t
}

func (w *world) leave(gone *realm.Tenant) {
	var all []*realm.Tenant
	for _, t := range w.tenants {
		if t != gone {
			all = append(all, t)
		}
	}
	w.tenants = all
}

// scrape returns every series by its tenant, and then by what else stands in it.
func (w *world) scrape(t *testing.T) map[string]map[string]float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var id string
			name := strings.TrimPrefix(f.GetName(), "portcullis_tenant_")
			for _, l := range m.GetLabel() {
				if l.GetName() == "tenant" {
					id = l.GetValue()
				} else {
					name += " " + l.GetValue()
				}
			}
			if all[id] == nil {
				all[id] = make(map[string]float64)
			}
			all[id][name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// series counts them.
func series(all map[string]map[string]float64) (n int) {
	for _, of := range all {
		n += len(of)
	}
	return n
}

// moved returns what is other than it was.
func moved(before, after map[string]float64) map[string]float64 {
	changes := make(map[string]float64)
	for name, n := range after {
		if n != before[name] {
			changes[name] = n - before[name]
		}
	}
	return changes
}

// Each thing that happens to one of two tenants moves that one's series and no other.
func TestTwoTenantsShareNoCount(t *testing.T) {
	small := limit.Limits{Connections: 1, Subscriptions: 1, Channels: 5, MessagesPerSecond: 1, Outbox: 1000}
	tests := []struct {
		name  string
		event func(*realm.Tenant)
		want  map[string]float64
	}{
		{"a connection, and one too many", func(t *realm.Tenant) { t.Account.Enter("ana"); t.Account.Enter("ana") },
			map[string]float64{"used connections": 1, "limit_refusals_total connections": 1}},
		{"a message", func(t *realm.Tenant) {
			p, _ := t.Account.Enter("ana")
			p.Message(time.Now(), 100)
			p.Leave()
		}, map[string]float64{"messages_total received": 1, "bytes_total received": 100}},
		{"messages until the rate is over", func(t *realm.Tenant) {
			p, _ := t.Account.Enter("ana")
			for range 3 {
				p.Message(time.Now(), 10)
			}
			p.Leave()
		}, map[string]float64{"messages_total received": 3, "bytes_total received": 30, "limit_refusals_total messages_per_second": 1}},
		{"a delivery", func(t *realm.Tenant) { t.Account.Counts().Sent(5, 500) }, map[string]float64{"messages_total sent": 5, "bytes_total sent": 500}},
		{"questions over HTTP until the rate is over", func(t *realm.Tenant) { t.Account.Ask(time.Now(), "ana", 3) }, map[string]float64{"limit_refusals_total messages_per_second": 1}},
		{"a subscription, and one too many", func(t *realm.Tenant) { t.Account.Subscribe(0, true); t.Account.Subscribe(1, true) },
			map[string]float64{"used subscriptions": 1, "used channels": 1, "limit_refusals_total subscriptions": 1}},
		{"an outbox, and who does not read it", func(t *realm.Tenant) {
			p, _ := t.Account.Enter("ana")
			p.OnEvict(nil, func(limit.Quota) { p.Drop(2000, nil) })
			p.Hold(2000, nil)
			p.MakeRoom()
			p.Hold(36, nil)
			t.Account.Counts().Slow()
		}, map[string]float64{"used connections": 1, "used outbox": 100, "limit_refusals_total outbox": 1, "slow_consumers_total": 1}},
		{"a denial", func(t *realm.Tenant) { t.Counts.Denied(acl.Publish) }, map[string]float64{"acl_denials_total publish": 1}},
		{"handshakes", func(t *realm.Tenant) {
			t.Counts.Handshake(realm.LetIn)
			t.Counts.Handshake(realm.ClientsFault)
			t.Counts.Handshake(realm.ServersFault)
		}, map[string]float64{"handshakes_total none accepted": 1, "handshakes_total client rejected": 1, "handshakes_total server rejected": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(10)
			acme := w.come("acme", small)
			w.come("globex", small)
			before := w.scrape(t)
			tt.event(acme)
			after := w.scrape(t)
			if got := moved(before["acme"], after["acme"]); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
			for _, id := range []string{"globex", tenants.Other} {
				if got := moved(before[id], after[id]); len(got) > 0 {
					t.Errorf("%s moved too: %v", id, got)
				}
			}
		})
	}
}

// What is told of a limit is what it is now, and nothing where there is none.
func TestALimitIsToldWhereThereIsOne(t *testing.T) {
	w := newWorld(10)
	acme := w.come("acme", limit.Limits{Connections: 10})
	w.come("globex", limit.Limits{})
	all := w.scrape(t)
	if got := all["acme"]["limit connections"]; got != 10 {
		t.Errorf("got %v, want 10", got)
	}
	for id, of := range all {
		for name := range of {
			if strings.HasPrefix(name, "limit ") && (id != "acme" || name != "limit connections") {
				t.Errorf("%s has %q, which is no limit of its own", id, name)
			}
		}
	}
	acme.Account.Set(limit.Limits{Connections: 20})
	if got := w.scrape(t)["acme"]["limit connections"]; got != 20 {
		t.Errorf("changed: got %v, want 20", got)
	}
}

// A tenant that comes, gets busy, is named, leaves or comes again never makes a counter of the others go down, and what happened is told once.
func TestOtherNeverGoesDown(t *testing.T) {
	w := newWorld(2)
	dice := rand.New(rand.NewPCG(1, 2))
	var happened, told float64
	last := make(map[string]map[string]float64)
	accounts := make(map[string]*limit.Tenant)
	for round := range 400 {
		for range dice.IntN(3) {
			w.come(fmt.Sprintf("t%d-%d", round, dice.IntN(1000)), limit.Limits{})
		}
		for _, t := range w.tenants {
			if n := dice.IntN(4); n > 0 {
				t.Account.Counts().Sent(n, 10*n)
				happened += float64(n)
			}
		}
		all := w.scrape(t)
		if len(all) > 3 {
			t.Fatalf("round %d: %d names, want two and %s", round, len(all), tenants.Other)
		}
		for id, of := range all {
			was := last[id]
			if id != tenants.Other && accounts[id] == nil {
				was = nil
			}
			for name, n := range of {
				if !strings.HasSuffix(strings.Fields(name)[0], "_total") {
					continue
				}
				if n < was[name] {
					t.Fatalf("round %d: %s of %s went down from %v to %v", round, name, id, was[name], n)
				}
				if name == "messages_total sent" {
					told += n - was[name]
				}
			}
		}
		if told != happened {
			t.Fatalf("round %d: %v messages, and %v were told", round, happened, told)
		}
		last = all
		clear(accounts)
		for _, t := range w.tenants {
			accounts[t.ID.String()] = t.Account
		}
		if len(w.tenants) > 0 && dice.IntN(2) == 0 {
			w.leave(w.tenants[dice.IntN(len(w.tenants))])
		}
	}
	if told == 0 || last[tenants.Other]["messages_total sent"] == 0 || w.unnamed == 0 {
		t.Errorf("%v told, %d unnamed: nothing was tried", told, w.unnamed)
	}
}

// The busiest get the names, nobody loses one, and one that is given up goes to the next. What happened before stays where it was told.
func TestNames(t *testing.T) {
	w := newWorld(2)
	var all []*realm.Tenant
	for _, id := range []string{"a", "b", "c", "d"} {
		all = append(all, w.come(id, limit.Limits{}))
	}
	named := func(want ...string) map[string]map[string]float64 {
		t.Helper()
		page := w.scrape(t)
		for _, id := range want {
			if page[id] == nil {
				t.Errorf("%s is not named", id)
			}
		}
		if len(page) != len(want)+1 {
			t.Errorf("got %d names, want %v and %s", len(page), want, tenants.Other)
		}
		return page
	}
	named() // nobody has done anything yet
	for i, n := range []int{1, 3, 0, 2} {
		all[i].Account.Counts().Sent(n, n)
	}
	if page := named("b", "d"); page["b"]["messages_total sent"] != 0 || page[tenants.Other]["messages_total sent"] != 6 {
		t.Errorf("got %v and %v; want what happened before the name in %s", page["b"], page[tenants.Other], tenants.Other)
	}
	if w.unnamed != 1 {
		t.Errorf("%d tenants were told to have no name, want a alone: c has done nothing", w.unnamed)
	}
	all[2].Account.Counts().Sent(100, 100)
	named("b", "d")
	named("b", "d")
	if w.unnamed != 2 {
		t.Errorf("%d tenants were told to have no name, want a and c, once each", w.unnamed)
	}
	all[3].Account.Counts().Sent(5, 5)
	w.leave(all[3])
	if page := named("b", "c"); page[tenants.Other]["messages_total sent"] != 106 {
		t.Errorf("%s has %v, want 106: what d did under its name is told", tenants.Other, page[tenants.Other]["messages_total sent"])
	}
	w.leave(all[1])
	named("a", "c")
}

// As long as there are names for all, everybody has one from the start: a rate sees the first event.
func TestEverybodyIsNamedWhereThereAreNames(t *testing.T) {
	w := newWorld(3)
	acme := w.come("acme", limit.Limits{})
	w.come("globex", limit.Limits{})
	if all := w.scrape(t); len(all) != 3 || all["acme"] == nil || all["acme"]["slow_consumers_total"] != 0 {
		t.Errorf("got %v", all)
	}
	w.leave(acme)
	if all := w.scrape(t); all["acme"] != nil || len(all) != 2 {
		t.Errorf("a tenant is gone, its series are not: %v", all["acme"])
	}
	again := w.come("acme", limit.Limits{})
	again.Account.Counts().Sent(1, 1)
	w.leave(again)
	w.come("acme", limit.Limits{}).Account.Counts().Sent(7, 7)
	if got := w.scrape(t)["acme"]["messages_total sent"]; got != 7 {
		t.Errorf("a tenant that came again: got %v, want its own 7", got)
	}
}

// Tenants that are made up and thrown away do not fill the memory of whoever scrapes.
func TestAHundredThousandTenants(t *testing.T) {
	const most, at, rounds = 200, 5000, 20
	w := newWorld(most)
	for round := range rounds {
		w.tenants = nil
		for i := range at {
			w.come(fmt.Sprintf("t-%d-%d-%x", round, i, rand.Uint32()), limit.Limits{Connections: 1}).Account.Counts().Sent(1, 1)
		}
		all := w.scrape(t)
		if n := series(all); len(all) > most+1 || n > (most+1)*tenants.SeriesOfOne {
			t.Fatalf("round %d: %d names, %d series", round, len(all), n)
		}
	}
	if want := rounds * (at - most); w.unnamed != want {
		t.Errorf("%d were told to have no name, want %d", w.unnamed, want)
	}
}

func TestPrometheusFindsNothingToSayAboutTheNames(t *testing.T) {
	w := newWorld(2)
	w.come("acme", limit.Limits{Connections: 1})
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v; want no problem", problems, err)
	}
	if n := len(w.scrape(t)["acme"]); n > tenants.SeriesOfOne {
		t.Errorf("a tenant has %d series, more than SeriesOfOne, %d", n, tenants.SeriesOfOne)
	}
}
