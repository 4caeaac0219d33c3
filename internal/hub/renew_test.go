package hub_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// only is acme with other rules: its users may do everything on these channels and nothing else.
func (h *house) only(t testing.TB, patterns ...string) func(tenant.ID) *realm.Tenant {
	t.Helper()
	acme := h.tenants["acme"]
	policy, problems := acl.Compile(acme.ID, []acl.Rule{{Name: "only", Allow: []string{"publish", "subscribe", "echo"}, Channels: patterns}})
	if problems != nil {
		t.Fatal(problems)
	}
	now := &realm.Tenant{ID: acme.ID, Policy: policy, Account: acme.Account}
	return func(tenant.ID) *realm.Tenant { return now }
}

// told returns the channels of a loss, in order, once they may be told.
func told(l *hub.Loss) (names []string) {
	l.Tell(func(n channel.Name) { names = append(names, n.String()) })
	slices.Sort(names)
	return names
}

func TestAChangedPolicyTakesWhatItDoesNotAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		var bob ear
		m := h.enter(t, "acme", "bob", &bob)
		for _, name := range []string{"room:1", "room:2", "room:3"} {
			must(t, m.Subscribe(name, nil, false, ignore))
		}
		if loss := m.Renew(nil, func(tenant.ID) *realm.Tenant { return h.tenants["acme"] }); loss.Len() != 0 {
			t.Errorf("nothing changed, and %v was lost", told(loss))
		}
		if got, want := told(m.Renew(nil, h.only(t, "room:2"))), []string{"room:1", "room:3"}; !slices.Equal(got, want) {
			t.Errorf("lost %v, want %v", got, want)
		}
		if got := m.Channels(); len(got) != 1 || got[0].String() != "room:2" {
			t.Errorf("subscribed to %v, want room:2", got)
		}
		alice := h.enter(t, "acme", "alice", &ear{})
		for _, name := range []string{"room:1", "room:2", "room:3"} {
			must(t, alice.Publish(t.Context(), name, []byte("1")))
		}
		synctest.Wait()
		if got, want := bob.text(), "alice room:2 1\n"; got != want {
			t.Errorf("bob heard %q, want %q", got, want)
		}
		if fault := m.Subscribe("room:1", nil, false, ignore); fault == nil || fault.Code != wire.Forbidden {
			t.Errorf("to subscribe again: got %v, want forbidden", fault)
		}
		if subscriptions := h.watcher.subscriptions.Load(); subscriptions != 1 {
			t.Errorf("%d subscriptions are counted, want 1", subscriptions)
		}
	})
}

// What a dispatcher holds is delivered before the member hears of its loss, and nothing after.
func TestALossIsToldBehindTheLastMessage(t *testing.T) {
	for name, leave := range map[string]func(*house, *hub.Member){
		"by a policy": func(h *house, m *hub.Member) { told(m.Renew(nil, h.only(t, "none"))) },
		"by a credential": func(h *house, m *hub.Member) {
			told(m.Renew(&auth.Principal{Tenant: h.tenants["acme"].ID, User: "bob"}, h.only(t, "none")))
		},
		"by the client": func(_ *house, m *hub.Member) { m.Unsubscribe("room:1") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, limit.Limits{})
				bob := &ear{hold: make(chan struct{})}
				m := h.enter(t, "acme", "bob", bob)
				must(t, m.Subscribe("room:1", nil, false, ignore))
				alice := h.enter(t, "acme", "alice", &ear{})
				must(t, alice.Publish(t.Context(), "room:1", []byte("1")))
				synctest.Wait() // the dispatcher holds it
				must(t, alice.Publish(t.Context(), "room:1", []byte("2")))
				var done atomic.Bool
				go func() {
					leave(h, m)
					done.Store(true)
				}()
				synctest.Wait()
				if done.Load() {
					t.Error("the end was told while a message was on its way")
				}
				close(bob.hold)
				synctest.Wait()
				if got, want := bob.text(), "alice room:1 1\n"; got != want || !done.Load() {
					t.Errorf("bob heard %q, and was told: %v; want %q", got, done.Load(), want)
				}
			})
		})
	}
}

// Whoever lost a channel and may hear it again hears of the loss first: otherwise the notice would seem to end the new subscription.
func TestALossIsToldBeforeANewSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		m := h.enter(t, "acme", "bob", &ear{})
		must(t, m.Subscribe("room:1", nil, false, ignore))
		var order []string
		note := func(what string) { order = append(order, what) }
		loss := m.Renew(nil, h.only(t, "none"))
		done := make(chan struct{})
		go func() { // the client's new credential gives it back
			defer close(done)
			if again := m.Renew(&auth.Principal{Tenant: h.tenants["acme"].ID, User: "bob"}, h.only(t, "room:1")); again.Len() > 0 {
				t.Errorf("lost %v", told(again))
			}
			must(t, m.Subscribe("room:1", nil, false, func(*wire.Recovery) { note("ok") }))
		}()
		synctest.Wait()
		loss.Tell(func(channel.Name) { note("unsubscribed") })
		<-done
		if want := []string{"unsubscribed", "ok"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
	})
}

// A publisher that waited is asked again: the right may have ended meanwhile.
func TestAPublisherThatWaitsIsHeldToTheNewPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		bob := &ear{hold: make(chan struct{})}
		must(t, h.enter(t, "acme", "bob", bob).Subscribe("room:1", nil, false, ignore))
		alice := h.enter(t, "acme", "alice", &ear{})
		var refused atomic.Pointer[wire.Fault]
		sent := 0
		go func() {
			for fault := alice.Publish(context.Background(), "room:1", []byte("1")); fault == nil; fault = alice.Publish(context.Background(), "room:1", []byte("1")) {
				sent++
			}
			refused.Store(alice.Publish(context.Background(), "room:1", []byte("1")))
		}()
		synctest.Wait()
		before := sent
		told(alice.Renew(nil, h.only(t, "none")))
		close(bob.hold)
		synctest.Wait()
		if fault := refused.Load(); fault == nil || fault.Code != wire.Forbidden || sent != before {
			t.Errorf("%d messages were taken after the policy had changed, and then %v; want none, and forbidden", sent-before, fault)
		}
		if got := strings.Count(bob.text(), "\n"); got != before {
			t.Errorf("bob heard %d of %d", got, before)
		}
	})
}

func TestATenantThatIsGoneTakesNothingByItself(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "bob", &ear{})
	must(t, m.Subscribe("room:1", nil, false, ignore))
	if loss := m.Renew(nil, func(tenant.ID) *realm.Tenant { return nil }); loss.Len() != 0 {
		t.Errorf("lost %v: the session is about to end, and hears only that", told(loss))
	}
	must(t, m.Echo("room:1"))
}
