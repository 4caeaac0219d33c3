package hub_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
	if l == nil {
		return nil
	}
	l.Tell(func(all []*wire.Notice) {
		for _, n := range all {
			names = append(names, n.Channel)
		}
	})
	slices.Sort(names)
	return names
}

func TestAChangedPolicyTakesWhatItDoesNotAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		var bob ear
		m := h.enter(t, "acme", "bob", &bob)
		for _, name := range []string{"room:1", "room:2", "room:3"} {
			must(t, m.Subscribe(context.Background(), name, hub.Start{}, ignore))
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
			must(t, say(alice, name, []byte("1")))
		}
		synctest.Wait()
		if got, want := bob.text(), "alice room:2 1\n"; got != want {
			t.Errorf("bob heard %q, want %q", got, want)
		}
		if fault := m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore); fault == nil || fault.Code != wire.Forbidden {
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
				must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
				alice := h.enter(t, "acme", "alice", &ear{})
				must(t, say(alice, "room:1", []byte("1")))
				synctest.Wait() // the dispatcher holds it
				must(t, say(alice, "room:1", []byte("2")))
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
		must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		var order []string
		note := func(what string) { order = append(order, what) }
		loss := m.Renew(nil, h.only(t, "none"))
		done := make(chan struct{})
		go func() { // the client's new credential gives it back
			defer close(done)
			if again := m.Renew(&auth.Principal{Tenant: h.tenants["acme"].ID, User: "bob"}, h.only(t, "room:1")); again.Len() > 0 {
				t.Errorf("lost %v", told(again))
			}
			must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, func(hub.Begun) { note("ok") }))
		}()
		synctest.Wait()
		loss.Tell(func([]*wire.Notice) { note("unsubscribed") })
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
		must(t, h.enter(t, "acme", "bob", bob).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		alice := h.enter(t, "acme", "alice", &ear{})
		var refused atomic.Pointer[wire.Fault]
		sent := 0
		go func() {
			for fault := say(alice, "room:1", []byte("1")); fault == nil; fault = say(alice, "room:1", []byte("1")) {
				sent++
			}
			refused.Store(say(alice, "room:1", []byte("1")))
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
	must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	if loss := m.Renew(nil, func(tenant.ID) *realm.Tenant { return nil }); loss.Len() != 0 {
		t.Errorf("lost %v: the session is about to end, and hears only that", told(loss))
	}
	must(t, m.Echo("room:1", hub.Publication{}))
}

// race runs all of these at once, in whatever order.
func race(all ...func()) {
	var running sync.WaitGroup
	var ready atomic.Int32
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, f := range all {
		running.Go(func() {
			ready.Add(1)
			for int(ready.Load()) < len(all) {
				runtime.Gosched()
			}
			for range rand.N(100) {
				ready.Add(1) // some moments
			}
			f()
		})
	}
	running.Wait()
}

// A member subscribes while the policy that would allow it is replaced. It is not subscribed afterwards, and if it was told that it is, it is told of the loss.
func TestASubscriptionRacesAPolicy(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "bob", &ear{})
	every, none := h.only(t, "room:1"), h.only(t, "none")
	rounds := map[string]int{}
	for range 20_000 {
		told(m.Renew(nil, every))
		subscribed, lost := false, 0
		race(func() {
			m.Subscribe(context.Background(), "room:1", hub.Start{}, func(hub.Begun) { subscribed = true })
		}, func() { lost = len(told(m.Renew(nil, none))) })
		if left := m.Channels(); len(left) != 0 || subscribed != (lost == 1) {
			t.Fatalf("subscribed: %v, lost: %d, and there is %v", subscribed, lost, left)
		}
		rounds[fmt.Sprintf("subscribed %v", subscribed)]++
	}
	t.Log(rounds)
}

// A credential is refreshed while the policy is replaced. Whoever comes last, the newer policy stays, and the loss is told once.
func TestACredentialRacesAPolicy(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "bob", &ear{})
	must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	every, none := h.only(t, "room:1"), h.only(t, "none")
	var policy sync.WaitGroup
	var byPolicy []string
	byCredential := told(m.Renew(&auth.Principal{Tenant: h.tenants["acme"].ID, User: "bob"}, func(id tenant.ID) *realm.Tenant {
		policy.Go(func() { byPolicy = told(m.Renew(nil, none)) })
		time.Sleep(10 * time.Millisecond) // nothing tells that it waits for its turn
		return every(id)
	}))
	policy.Wait()
	if fault := m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore); fault == nil || len(byPolicy) != 1 || len(byCredential) != 0 {
		t.Errorf("to subscribe: %v; lost %v by the policy and %v by the credential", fault, byPolicy, byCredential)
	}
}

// Whatever a member does and whatever is done to its rights, in any order: it hears of a channel exactly while it is subscribed and may be. A model of three lines
// says what that is.
func TestAMemberHearsWhatItSubscribedToAndMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		var bob ear
		m, alice := h.enter(t, "acme", "bob", &bob), h.enter(t, "acme", "alice", &ear{})
		names := []string{"room:1", "room:2", "room:a:1", "room:a:2", "room:b:1"}
		policies := [][]string{{"room:**"}, {"room:*"}, {"room:a:*", "room:1"}, {"room:b:1"}, {"none"}}
		may := func(policy []string, name string) bool {
			return slices.ContainsFunc(policy, func(p string) bool {
				pattern, err := channel.ParsePattern(p)
				return err == nil && pattern.Match(channel.MustParse(name))
			})
		}
		policy := policies[0] // which says of rooms what the house's does
		subscribed := map[string]bool{}
		for step := range 2000 {
			name := names[rand.IntN(len(names))]
			switch rand.IntN(4) {
			case 0:
				fault := m.Subscribe(context.Background(), name, hub.Start{}, ignore)
				if got, want := fault == nil, may(policy, name) && !subscribed[name]; got != want {
					t.Fatalf("step %d: to subscribe to %s under %v: got %v", step, name, policy, fault)
				}
				subscribed[name] = subscribed[name] || fault == nil
			case 1:
				if fault := m.Unsubscribe(name); (fault == nil) != subscribed[name] {
					t.Fatalf("step %d: to unsubscribe from %s: got %v", step, name, fault)
				}
				delete(subscribed, name)
			case 2, 3:
				policy = policies[rand.IntN(len(policies))]
				var p *auth.Principal
				if rand.IntN(2) == 0 {
					p = &auth.Principal{Tenant: h.tenants["acme"].ID, User: "bob"}
				}
				var want []string
				for s := range subscribed {
					if subscribed[s] && !may(policy, s) {
						want = append(want, s)
						delete(subscribed, s)
					}
				}
				slices.Sort(want)
				if got := told(m.Renew(p, h.only(t, policy...))); !slices.Equal(got, want) {
					t.Fatalf("step %d: lost %v, want %v", step, got, want)
				}
			}
			want := ""
			for _, n := range names {
				must(t, say(alice, n, fmt.Append(nil, step)))
				synctest.Wait()
				if subscribed[n] {
					want += fmt.Sprintf("alice %s %d\n", n, step)
				}
			}
			if got := bob.text(); got != want {
				t.Fatalf("step %d: heard %q, want %q", step, got, want)
			}
			bob.heard.Reset()
		}
		m.Leave()
		if n := h.watcher.subscriptions.Load(); n != 0 || h.Rooms() != 0 {
			t.Errorf("%d subscriptions and %d rooms are left", n, h.Rooms())
		}
	})
}
