package tenants_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/limit"
	"portcullis/internal/metrics/tenants"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// spending is a tenant that has a hundred of one quota, and how it takes ninety of them.
type spending struct {
	limits limit.Limits
	take   func(*realm.Tenant)
}

// enter is connections that stay.
func enter(t *realm.Tenant) {
	for range 90 {
		t.Account.Enter("ana")
	}
}

// send is so many messages of one connection that leaves.
func send(n, size int) func(*realm.Tenant) {
	return func(t *realm.Tenant) {
		p, _ := t.Account.Enter("ana")
		defer p.Leave()
		for range n {
			p.Message(time.Now(), size)
		}
	}
}

func subscribe(has int, first bool) func(*realm.Tenant) {
	return func(t *realm.Tenant) {
		for i := range 90 {
			t.Account.Subscribe(has*i, first)
		}
	}
}

// wait is an outbox of ninety bytes, and the connection that goes for it when there is no room.
func wait(t *realm.Tenant) {
	p, _ := t.Account.Enter("ana")
	p.OnEvict(nil, func(limit.Quota) { p.Drop(26, nil) })
	p.Hold(26, nil)
	p.MakeRoom()
}

var spendings = map[limit.Quota]spending{
	limit.Connections:        {limit.Limits{Connections: 100}, enter},
	limit.ConnectionsPerUser: {limit.Limits{ConnectionsPerUser: 100}, enter},
	limit.ConnectionsPerSecond: {limit.Limits{ConnectionsPerSecond: 100}, func(t *realm.Tenant) {
		for range 90 {
			if p, over := t.Account.Enter("ana"); !over.Any() {
				p.Leave()
			}
		}
	}},
	limit.Subscriptions:                  {limit.Limits{Subscriptions: 100}, subscribe(0, false)},
	limit.SubscriptionsPerConnection:     {limit.Limits{SubscriptionsPerConn: 80}, subscribe(1, false)},
	limit.Channels:                       {limit.Limits{Channels: 100}, subscribe(0, true)},
	limit.MessagesPerSecond:              {limit.Limits{MessagesPerSecond: 100}, send(90, 1)},
	limit.MessagesPerSecondPerUser:       {limit.Limits{MessagesPerSecondPerUser: 100}, send(90, 1)},
	limit.MessagesPerSecondPerConnection: {limit.Limits{MessagesPerSecondPerConn: 40}, send(90, 1)},
	limit.BytesPerSecond:                 {limit.Limits{BytesPerSecond: 100}, send(9, 10)},
	limit.BytesPerSecondPerConnection:    {limit.Limits{BytesPerSecondPerConn: 40}, send(9, 10)},
	limit.Outbox:                         {limit.Limits{Outbox: 100}, wait},
	limit.OutboxPerNode:                  {limit.Limits{}, wait},
}

// spends finds how a quota is used. One that came new has to be written down above.
func spends(t *testing.T, q limit.Quota) spending {
	t.Helper()
	s, known := spendings[q]
	if !known {
		t.Fatalf("spendings do not know how %s is used", q)
	}
	return s
}

// Whatever a tenant as a whole may use is seen coming near: how much it uses, that it is near, and a line. The other tenant uses nothing of it.
func TestEveryQuotaOfATenantIsSeenComingNear(t *testing.T) {
	for _, q := range limit.Whole {
		t.Run(q.String(), func(t *testing.T) {
			watched(t, func(t *testing.T, w *world) {
				s := spends(t, q)
				acme := w.come("acme", s.limits)
				w.come("globex", s.limits)
				w.wait(2 * time.Second)
				for i := range 30 {
					if i == 0 || q.Rated() {
						s.take(acme)
					}
					w.wait(time.Second)
				}
				page, name := w.scrape(t), "used "+q.String()
				if got := page["acme"][name]; got < 89 || got > 90 {
					t.Errorf("%s: got %v, want 90", name, got)
				}
				if got := page["globex"][name]; got != 0 {
					t.Errorf("%s of globex: got %v, want 0", name, got)
				}
				if w.near[q] != 1 {
					t.Errorf("%d tenants are near, want acme alone", w.near[q])
				}
				if got := w.lines(t); len(got) != 1 || !strings.HasPrefix(got[0], "limit_near acme "+q.String()+" ") {
					t.Errorf("got %q, want one line that acme comes near", got)
				}
			})
		})
	}
}

const onTrial = `
listen: {plaintext: true}
tenants:
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: jwks.json}]
    rules: [{name: rooms, allow: [subscribe], channels: ["room:*"]}]
    candidate: {rules: [{name: news, allow: [subscribe], channels: ["news:*"]}]}
  - id: globex
    issuers: [{issuer: "https://id.globex.example", audience: portcullis, jwks_file: jwks.json}]
    rules: [{name: rooms, allow: [subscribe], channels: ["room:*"]}]
    candidate: {rules: [{name: news, allow: [subscribe], channels: ["news:*"]}]}
`

// tried are two tenants with a candidate each, on a node whose outboxes have room for two of acme's.
func (w *world) tried(t *testing.T) (acme, globex *realm.Tenant) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"portcullis.yaml": onTrial, "jwks.json": string(authtest.New("https://id.example").JWKS())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	s, problems := realm.Build(c, realm.Options{Log: slog.New(slog.DiscardHandler), Gate: auth.NewSlots(1), Outboxes: limit.NewOutboxes(200)})
	if s == nil {
		t.Fatal(problems)
	}
	acme, globex = s.Tenant(tenant.MustParse("acme")), s.Tenant(tenant.MustParse("globex"))
	w.tenants = append(w.tenants, acme, globex)
	return acme, globex
}

// Every series that a tenant has on the page is its own, as what makes each of them move shows. A family or a label that comes new fails here until something moves it.
func TestNoSeriesOfATenantIsAnothers(t *testing.T) {
	type event struct {
		name   string
		limits limit.Limits
		do     func(*realm.Tenant)
	}
	subscribe := func(name string) func(*realm.Tenant) {
		return func(t *realm.Tenant) {
			t.Decide(&auth.Principal{Tenant: t.ID, User: "ana"}, acl.Subscribe, channel.MustParse(name))
		}
	}
	events := []event{
		{"a candidate would deny", limit.Limits{}, subscribe("room:1")},
		{"a candidate would allow", limit.Limits{}, subscribe("news:1")},
		{"a message", limit.Limits{}, send(1, 1)},
		{"a delivery", limit.Limits{}, func(t *realm.Tenant) { t.Account.Counts().Sent(1, 1) }},
		{"messages that are not delivered", limit.Limits{}, func(t *realm.Tenant) { t.Account.Counts().Dropped(3) }},
		{"a slow reader", limit.Limits{}, func(t *realm.Tenant) { t.Account.Counts().Slow() }},
	}
	for _, a := range acl.Actions {
		events = append(events, event{"a denial of " + a.String(), limit.Limits{}, func(t *realm.Tenant) { t.Counts.Denied(a) }})
	}
	for _, o := range realm.Outcomes {
		events = append(events, event{fmt.Sprint("handshake ", o), limit.Limits{}, func(t *realm.Tenant) { t.Counts.Handshake(o) }})
	}
	for _, q := range limit.Quotas {
		s := spends(t, q)
		events = append(events, event{"too much of " + q.String(), s.limits, func(t *realm.Tenant) { s.take(t); s.take(t); s.take(t) }})
	}
	seen := make(map[string]bool)
	for _, e := range events {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(10)
			acme, globex := w.tried(t)
			acme.Account.Set(e.limits)
			globex.Account.Set(e.limits)
			before := w.scrape(t)
			e.do(acme)
			tenants.Look(w.register, time.Now(), time.Second)
			after := w.scrape(t)
			moves := moved(before["acme"], after["acme"])
			if len(moves) == 0 {
				t.Errorf("%s: nothing moved", e.name)
			}
			for name := range moves {
				seen[name] = true
			}
			for _, id := range []string{"globex", tenants.Other} {
				if got := moved(before[id], after[id]); len(got) > 0 {
					t.Errorf("%s: %s moved too: %v", e.name, id, got)
				}
			}
		})
	}
	w := newWorld(10)
	acme, _ := w.tried(t)
	acme.Account.Set(limit.Limits{}) // a limit itself is no count
	for name := range w.scrape(t)["acme"] {
		if !seen[name] {
			t.Errorf("nothing that happened moved %q: write down an event that does", name)
		}
	}
}
