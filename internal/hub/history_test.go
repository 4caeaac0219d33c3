package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
)

// keeping returns settings by which the channels of a pattern keep so many messages.
func keeping(t testing.TB, pattern string, messages int) *channel.Settings {
	t.Helper()
	p, err := channel.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return channel.NewSettings([]channel.Matched{{Pattern: p, Setting: channel.Setting{History: channel.History{Messages: messages, Age: time.Hour}}}})
}

// A changed setting counts from the next publication on, for whoever was there before it.
func TestASettingCountsFromTheNextPublicationOn(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "ana", &ear{})
	publish := func() (offset uint64) {
		receipt, fault := m.Publish(context.Background(), "room:1", hub.Publication{Data: []byte("1")})
		must(t, fault)
		return receipt.Position.Offset
	}
	set := func(s *channel.Settings) {
		next := *h.tenants["acme"]
		next.Channels = s
		m.Renew(nil, func(tenant.ID) *realm.Tenant { return &next })
	}
	if at := publish(); at != 0 {
		t.Errorf("without history: got offset %d, want none", at)
	}
	set(keeping(t, "room:*", 10))
	first, second := publish(), publish()
	if first == 0 || second <= first {
		t.Errorf("with history: got offsets %d and %d, want two that grow", first, second)
	}
	set(keeping(t, "hall:*", 10))
	if at := publish(); at != 0 {
		t.Errorf("without history again: got offset %d, want none", at)
	}
}

// managed has somebody who may manage the tenant, and somebody who may not.
func managed(t *testing.T) (h *house, manager, ana *hub.Member) {
	t.Helper()
	h = kept(t, 2000, nil)
	policy, problems := acl.Compile(h.tenants["acme"].ID, []acl.Rule{
		{Name: "rooms", Allow: []string{"publish", "subscribe", "history"}, Channels: []string{"room:**", "hall"}},
		{Name: "manager", Allow: []string{"manage"}, For: &acl.Match{Users: []string{"manager"}}},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	h.tenants["acme"].Policy = policy
	return h, h.enter(t, "acme", "manager", &ear{}), h.enter(t, "acme", "ana", &ear{})
}

func TestAPurgeIsATrim(t *testing.T) {
	_, manager, ana := managed(t)
	at := published(t, ana, "room:1", "1")
	if _, fault := ana.Purge(t.Context(), "room:1"); fault == nil || fault.Code != wire.Forbidden {
		t.Errorf("by somebody: got %v, want forbidden", fault)
	}
	for name, want := range map[string]wire.Code{"hall": wire.NotAvailable, "room:": wire.BadChannel} {
		if _, fault := manager.Purge(t.Context(), name); fault == nil || fault.Code != want {
			t.Errorf("of %q: got %v, want %s", name, fault, want)
		}
	}
	behind, fault := manager.Purge(t.Context(), "room:1")
	must(t, fault)
	read, fault := ana.History(t.Context(), "room:1", hub.Reading{})
	must(t, fault)
	if len(read.Messages) != 0 || read.More || read.Position != behind || behind.Epoch != at.Epoch {
		t.Errorf("got %+v, want nothing at %v", read, behind)
	}
	next := published(t, ana, "room:1", "2")
	if next.Epoch != at.Epoch || next.Offset <= behind.Offset {
		t.Errorf("the next message has %v, want one behind %v", next, behind)
	}
	old := message.Position{Epoch: at.Epoch}
	if got, fault := begin(t, ana, "room:1", hub.Start{Since: &old}); fault != nil || *got.Recovery != (wire.Recovery{Reason: wire.Trimmed}) {
		t.Errorf("from before it: got %+v, %v; want trimmed", got.Recovery, fault)
	}
}

// A page has as many messages as are asked for and as an answer holds, and at least one where there is one.
func TestAPageFitsIntoAnOutbox(t *testing.T) {
	_, _, ana := managed(t)
	for range 1001 {
		published(t, ana, "room:many", "1")
	}
	for range 3 {
		published(t, ana, "room:large", `"`+strings.Repeat("x", 500<<10)+`"`)
	}
	for _, tt := range []struct {
		channel     string
		limit, want int
	}{{"room:many", 0, 100}, {"room:many", 1, 1}, {"room:many", 1 << 30, 1000}, {"room:large", 0, 1}} {
		for _, reverse := range []bool{false, true} {
			read, fault := ana.History(t.Context(), tt.channel, hub.Reading{Limit: tt.limit, Reverse: reverse})
			must(t, fault)
			if len(read.Messages) != tt.want || !read.More {
				t.Errorf("%s, limit %d, reverse %v: got %d messages, more %v; want %d, and more", tt.channel, tt.limit, reverse, len(read.Messages), read.More, tt.want)
			}
		}
	}
}

// BenchmarkRecovery is what it costs a thousand clients to come back at once, each with ten messages that it missed, beside what it costs them to subscribe.
func BenchmarkRecovery(b *testing.B) {
	for name, missed := range map[string]int{"subscribe": 0, "continue": 10} {
		b.Run(name, func(b *testing.B) {
			h := kept(b, 1000, nil)
			alice := h.enter(b, "acme", "alice", &ear{})
			at := published(b, alice, "room:1", "0")
			for range missed {
				published(b, alice, "room:1", `"Hello, Secure World!"`)
			}
			how := hub.Start{}
			if missed > 0 {
				how.Since = &at
			}
			members := make([]*hub.Member, 1000)
			for i := range members {
				members[i] = h.enter(b, "acme", fmt.Sprint("u", i), &ear{dialect: json.Dialect{}})
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, m := range members {
					must(b, m.Subscribe(context.Background(), "room:1", how, ignore))
				}
				for _, m := range members {
					must(b, m.Unsubscribe("room:1"))
				}
			}
		})
	}
}

// One user of a tenant publishes with a new key each time. Who comes when there are as many as the tenant may have is told so, with a time to try again, and may publish without a key.
func TestAnAttackerFillsTheIdempotencyKeys(t *testing.T) {
	h := openOver(t, limit.Limits{History: 2000}, nil)
	acme := h.tenants["acme"]
	acme.Channels = keeping(t, "room:**", 1)
	eve, bob := h.enter(t, "acme", "eve", &ear{}), h.enter(t, "acme", "bob", &ear{})
	keyed := func(m *hub.Member, key string) *wire.Fault {
		_, fault := m.Publish(t.Context(), "room:1", hub.Publication{Data: []byte("1"), Key: key})
		return fault
	}
	taken := 0
	for i := range 100 {
		if keyed(eve, fmt.Sprint(i)) == nil {
			taken++
		}
	}
	if taken != 20 {
		t.Errorf("%d publications with a key were taken, want 20: 100 bytes each", taken)
	}
	if fault := keyed(bob, "1"); fault == nil || fault.Code != wire.QuotaExceeded || fault.Retry == 0 {
		t.Errorf("got %v, want quota_exceeded and when to try again", fault)
	}
	must(t, keyed(eve, "1"))
	must(t, keyed(bob, ""))
}
