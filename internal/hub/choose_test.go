package hub_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"portcullis/internal/acl"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// chooses is a tenant as it is, with these choices in the place of its own.
func chooses(t testing.TB, r *realm.Tenant, patterns ...string) *realm.Tenant {
	t.Helper()
	made, problems := acl.CompileChoices(r.ID, []acl.Choice{{Channels: patterns}})
	if problems != nil {
		t.Fatal(problems)
	}
	next := *r
	next.Choices = made
	return &next
}

// always is a registry with one tenant in it.
func always(r *realm.Tenant) func(tenant.ID) *realm.Tenant {
	return func(tenant.ID) *realm.Tenant { return r }
}

// greet welcomes, and returns what the welcome lists.
func greet(t testing.TB, m *hub.Member) (names []string) {
	t.Helper()
	must(t, m.Greet(context.Background(), func(all []wire.Subscription) { names = namesOf(all) }))
	return names
}

func namesOf(all []wire.Subscription) (names []string) {
	for _, s := range all {
		names = append(names, s.Channel)
	}
	return names
}

func gain(t testing.TB, m *hub.Member, l *hub.Loss) (names []string) {
	t.Helper()
	must(t, m.Gain(context.Background(), l, func(all []wire.Subscription) { names = append(names, namesOf(all)...) }))
	return names
}

func give(m *hub.Member, name string) *wire.Fault {
	return m.Give(context.Background(), channel.MustParse(name), func([]wire.Subscription) {})
}

// slowly is an engine that asks before it says where channels are.
type slowly struct {
	broker.Broker
	heads func() error
}

func (s slowly) Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error) {
	if err := s.heads(); err != nil {
		return nil, err
	}
	return s.Broker.Heads(ctx, refs)
}

// What is said while the engine is asked, and while the welcome is on its way, comes behind the welcome: everything after the position in it, once. On a channel without history too.
func TestNothingComesBeforeTheWelcomeAndNothingIsMissingBehindIt(t *testing.T) {
	synctest.Test(t, nothingBeforeTheWelcome)
}

func nothingBeforeTheWelcome(t *testing.T) {
	var alice *hub.Member
	said := 0
	say3 := func() {
		for range 3 {
			said++
			_ = say(alice, "room:kept", fmt.Append(nil, said))
			_ = say(alice, "room:plain:1", fmt.Append(nil, said))
		}
	}
	h := openOver(t, limit.Limits{}, func(b broker.Broker) broker.Broker {
		return slowly{b, func() error { say3(); return nil }}
	})
	h.tenants["acme"].Channels = keeping(t, "room:*", 100)
	h.tenants["acme"] = chooses(t, h.tenants["acme"], "room:kept", "room:plain:1")
	alice = h.enter(t, "acme", "alice", &ear{})
	say3() // nobody hears it
	bob := &ear{}
	m := h.enter(t, "acme", "bob", bob)
	var at message.Position
	must(t, m.Greet(context.Background(), func(all []wire.Subscription) {
		say3()
		if heard := bob.text(); heard != "" {
			t.Errorf("before the welcome bob heard %q", heard)
		}
		if got := namesOf(all); !slices.Equal(got, []string{"room:kept", "room:plain:1"}) {
			t.Fatalf("the welcome lists %v", got)
		}
		at = all[0].Position
		if all[1].Position != (message.Position{}) {
			t.Errorf("a channel without history begins at %v", all[1].Position)
		}
	}))
	say3()
	synctest.Wait()
	var kept, plain []string
	for line := range strings.Lines(bob.text()) {
		fields := strings.Fields(line)
		if fields[1] == "room:kept" {
			kept = append(kept, fields[2])
		} else {
			plain = append(plain, fields[2])
		}
	}
	var wantKept, wantPlain []string
	for n := range said {
		if uint64(n+1) > at.Offset {
			wantKept = append(wantKept, fmt.Sprint(n+1))
		}
		if n+1 > 3 {
			wantPlain = append(wantPlain, fmt.Sprint(n+1))
		}
	}
	if !slices.Equal(kept, wantKept) {
		t.Errorf("behind position %v bob heard %v of the kept channel, want %v", at, kept, wantKept)
	}
	if !slices.Equal(plain, wantPlain) {
		t.Errorf("bob heard %v of the plain channel, want %v", plain, wantPlain)
	}
}

// While others publish as fast as they can, a chosen subscription begins with the message behind the position that was told, in its order, once each.
func TestAChosenSubscriptionBeginsInAStorm(t *testing.T) {
	for _, settings := range []string{"room:**", "none"} {
		t.Run(settings, func(t *testing.T) {
			h := open(t, limit.Limits{})
			h.tenants["acme"].Channels = keeping(t, settings, 10000)
			plain := h.tenants["acme"]
			chosen := chooses(t, plain, "room:1")
			stop := make(chan struct{})
			var storm sync.WaitGroup
			alice := h.enter(t, "acme", "alice", &ear{})
			storm.Go(func() {
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					default:
						_ = say(alice, "room:1", fmt.Append(nil, n))
					}
				}
			})
			defer storm.Wait()
			defer close(stop)
			for round := range 200 {
				heard := new(ordered)
				e := &ear{read: heard.take}
				h.tenants["acme"] = plain
				if round%2 == 0 {
					h.tenants["acme"] = chosen
				}
				m := h.enter(t, "acme", fmt.Sprint("bob", round), e)
				from := func(all []wire.Subscription) {
					if at := all[0].Position; (at.Epoch != "") != (settings != "none") {
						t.Errorf("round %d: it begins at %v", round, at)
					}
					heard.from(all[0].Position)
				}
				if round%2 == 0 {
					must(t, m.Greet(context.Background(), from))
				} else {
					greet(t, m)
					must(t, m.Give(context.Background(), channel.MustParse("room:1"), from))
				}
				for until := time.Now().Add(10 * time.Second); heard.count() <= 5; time.Sleep(100 * time.Microsecond) {
					if time.Now().After(until) {
						t.Fatalf("round %d: %d messages came", round, heard.count())
					}
				}
				m.Leave()
				if err := heard.wrong(); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		})
	}
}

// ordered wants numbers that grow by one, from behind a position on, unless a gap says that some are missing.
type ordered struct {
	mu    sync.Mutex
	begun bool
	last  int // 0: not known
	n     int
	err   error
}

func (o *ordered) from(at message.Position) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun, o.last = true, int(at.Offset)
}

func (o *ordered) take(frames []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if string(frames) == "gap" && o.begun { // it says that it is one
		o.last = 0
		return
	}
	for line := range strings.Lines(string(frames)) {
		var user, name string
		var n int
		if _, err := fmt.Sscan(line, &user, &name, &n); err != nil {
			o.err = fmt.Errorf("%q: %w", line, err)
			return
		}
		if !o.begun || o.last != 0 && n != o.last+1 {
			o.err = cmp.Or(o.err, fmt.Errorf("%d came behind %d (told of: %v)", n, o.last, o.begun))
		}
		o.last = n
		o.n++
	}
}

func (o *ordered) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n
}

func (o *ordered) wrong() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// A choice gives no right: what the rules do not allow is left out, told to nobody, and counted.
func TestAChoiceThatWouldWidenRights(t *testing.T) {
	h := open(t, limit.Limits{})
	h.tenants["acme"] = chooses(t, h.tenants["acme"], "ops:secret", "room:1")
	m := h.enter(t, "acme", "bob", &ear{})
	if got := greet(t, m); !slices.Equal(got, []string{"room:1"}) {
		t.Errorf("the welcome lists %v, want room:1 alone", got)
	}
	if fault := give(m, "ops:secret"); fault == nil || fault.Code != wire.Forbidden {
		t.Errorf("a service's choice: got %v, want forbidden", fault)
	}
	if got := h.watcher.chosen("tenant", wire.Forbidden); got != 1 {
		t.Errorf("%d choices of the tenant were counted as forbidden, want 1", got)
	}
	if got := h.watcher.chosen("service", wire.Forbidden); got != 1 {
		t.Errorf("%d choices of a service were counted as forbidden, want 1", got)
	}
	if names := m.Channels(); len(names) != 1 {
		t.Errorf("subscribed to %v, want room:1", names)
	}
	if text := h.log.String(); !strings.Contains(text, "acl.not_chosen") || !strings.Contains(text, "ops:secret") {
		t.Errorf("the log does not say which choice was not made: %s", text)
	}
}

// Chosen subscriptions count as any do, and are given back as any are.
func TestAChoiceIsWithinTheLimits(t *testing.T) {
	h := open(t, limit.Limits{SubscriptionsPerConn: 2})
	h.tenants["acme"] = chooses(t, h.tenants["acme"], "room:1", "room:2", "room:3")
	m := h.enter(t, "acme", "bob", &ear{})
	if got := greet(t, m); !slices.Equal(got, []string{"room:1", "room:2"}) {
		t.Errorf("the welcome lists %v, want two", got)
	}
	if fault := give(m, "room:4"); fault == nil || fault.Code != wire.QuotaExceeded {
		t.Errorf("a service's choice: got %v, want quota_exceeded", fault)
	}
	if got := h.watcher.chosen("tenant", wire.QuotaExceeded); got != 1 {
		t.Errorf("%d were counted, want 1", got)
	}
	m.Leave()
	if n := h.watcher.subscriptions.Load(); n != 0 || h.Rooms() != 0 {
		t.Errorf("%d subscriptions and %d rooms are left", n, h.Rooms())
	}
	if fault := give(m, "room:1"); fault == nil || fault.Code != wire.NotFound || h.Rooms() != 0 {
		t.Errorf("after the connection: got %v and %d rooms, want not_found and none", fault, h.Rooms())
	}
}

// A change of the choices, or of the rules that they need, comes to those who are connected. What their clients left stays left.
func TestAChangedTenantChangesWhatIsChosen(t *testing.T) {
	h := open(t, limit.Limits{})
	acme := h.tenants["acme"]
	h.tenants["acme"] = chooses(t, acme, "room:1", "room:left")
	m := h.enter(t, "acme", "bob", &ear{})
	greet(t, m)
	must(t, m.Unsubscribe("room:left"))
	must(t, m.Subscribe(context.Background(), "room:own", hub.Start{}, ignore))
	narrow, wide := h.only(t, "room:own")(acme.ID), acme
	steps := []struct {
		name          string
		tenant        *realm.Tenant
		lost, gained  []string
		subscriptions int
	}{
		{"nothing", chooses(t, wide, "room:1", "room:left"), nil, nil, 2},
		{"one more, and one that is there", chooses(t, wide, "room:1", "room:left", "room:2", "room:own"), nil, []string{"room:2"}, 3},
		{"one less, and not the client's own", chooses(t, wide, "room:2", "room:left"), []string{"room:1"}, nil, 2},
		{"rules that do not allow them", chooses(t, narrow, "room:2", "room:left"), []string{"room:2"}, nil, 1},
		{"rules that allow them again, so that all are chosen anew", chooses(t, wide, "room:2", "room:left"), nil, []string{"room:2", "room:left"}, 3},
		{"none", wide, []string{"room:2", "room:left"}, nil, 1},
	}
	for _, step := range steps {
		loss := m.Renew(nil, always(step.tenant))
		if lost := told(loss); !slices.Equal(lost, step.lost) {
			t.Errorf("%s: lost %v, want %v", step.name, lost, step.lost)
		}
		if gained := gain(t, m, loss); !slices.Equal(gained, step.gained) {
			t.Errorf("%s: gained %v, want %v", step.name, gained, step.gained)
		}
		if n := len(m.Channels()); n != step.subscriptions {
			t.Errorf("%s: %d subscriptions, want %d", step.name, n, step.subscriptions)
		}
	}
}

// A change that comes while the client is being let in is in its welcome, not before it, and what it takes is not.
func TestAChangeWhileTheClientIsBeingLetIn(t *testing.T) {
	var change func()
	h := openOver(t, limit.Limits{}, func(b broker.Broker) broker.Broker {
		return slowly{b, func() error {
			if change != nil {
				change()
			}
			return nil
		}}
	})
	h.tenants["acme"].Channels = keeping(t, "room:**", 10)
	acme := h.tenants["acme"]
	h.tenants["acme"] = chooses(t, acme, "room:1", "room:2")
	m := h.enter(t, "acme", "bob", &ear{})
	change = func() {
		change = nil
		loss := m.Renew(nil, always(chooses(t, acme, "room:2", "room:3")))
		if lost, gained := told(loss), gain(t, m, loss); lost != nil || gained != nil {
			t.Errorf("before the welcome %v was lost and %v gained", lost, gained)
		}
		if fault := give(m, "room:4"); fault == nil || fault.Code != wire.Unavailable {
			t.Errorf("a service, before the welcome: got %v, want unavailable", fault)
		}
	}
	if got := greet(t, m); !slices.Equal(got, []string{"room:2", "room:3"}) {
		t.Errorf("the welcome lists %v, want those of now", got)
	}
	if n := h.watcher.subscriptions.Load(); n != 2 {
		t.Errorf("%d subscriptions are counted, want 2", n)
	}
}

// Without a position nothing begins: there is no welcome, and nothing is left behind.
func TestTheEngineDoesNotSayWhereAChosenChannelIs(t *testing.T) {
	h := openOver(t, limit.Limits{}, func(b broker.Broker) broker.Broker {
		return slowly{b, func() error { return errors.New("cut") }}
	})
	h.tenants["acme"].Channels = keeping(t, "room:*", 10)
	h.tenants["acme"] = chooses(t, h.tenants["acme"], "room:1", "room:plain:1")
	m := h.enter(t, "acme", "bob", &ear{})
	fault := m.Greet(context.Background(), func([]wire.Subscription) { t.Error("it was welcomed") })
	if fault == nil || fault.Code != wire.Unavailable {
		t.Errorf("got %v, want unavailable", fault)
	}
	if h.Rooms() != 0 || h.watcher.subscriptions.Load() != 0 {
		t.Errorf("%d rooms are left", h.Rooms())
	}
}

// The client's own subscribe with since takes the place of a choice: everything after that position comes behind the ok, and the choice's end takes nothing away.
func TestSinceContinuesAChosenSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := kept(t, 100, nil)
		acme := h.tenants["acme"]
		alice := h.enter(t, "acme", "alice", &ear{})
		first := published(t, alice, "room:1", "1")
		published(t, alice, "room:1", "2")
		h.tenants["acme"] = chooses(t, acme, "room:1")
		bob := &ear{}
		m := h.enter(t, "acme", "bob", bob)
		greet(t, m)
		published(t, alice, "room:1", "3")
		synctest.Wait()
		if _, fault := begin(t, m, "room:1", hub.Start{}); fault == nil || fault.Code != wire.AlreadySubscribed {
			t.Errorf("without since: got %v, want already_subscribed", fault)
		}
		b, fault := begin(t, m, "room:1", hub.Start{Since: &first})
		must(t, fault)
		if b.Recovery == nil || !b.Recovery.Recovered || b.Recovery.Replayed != 2 {
			t.Errorf("got %+v, want two replayed", b.Recovery)
		}
		published(t, alice, "room:1", "4")
		synctest.Wait()
		if got, want := bob.text(), "alice room:1 3\nalice room:1 2\nalice room:1 3\nalice room:1 4\n"; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
		if _, fault := begin(t, m, "room:1", hub.Start{Since: &first}); fault == nil || fault.Code != wire.AlreadySubscribed {
			t.Errorf("again: got %v, want already_subscribed: it is the client's own", fault)
		}
		if loss := m.Renew(nil, always(acme)); loss.Len() != 0 {
			t.Errorf("the choice's end took %v", told(loss))
		}
	})
}

// Whoever follows hears of a chosen subscription what it hears of any, and the channel's presence has its user before the client knows.
func TestAChosenSubscriptionIsAsAny(t *testing.T) {
	h := open(t, limit.Limits{})
	rooms, err := channel.ParsePattern("room:**")
	if err != nil {
		t.Fatal(err)
	}
	h.tenants["acme"].Channels = channel.NewSettings([]channel.Matched{{Pattern: rooms, Setting: channel.Setting{Presence: 10}}})
	h.tenants["acme"] = chooses(t, h.tenants["acme"], "room:1")
	var d diary
	h.Follow(&d)
	m := h.enter(t, "acme", "bob", &ear{})
	must(t, m.Greet(context.Background(), func([]wire.Subscription) {
		if n := h.watcher.members.Load(); n != 1 {
			t.Errorf("at the welcome %d members are counted, want 1", n)
		}
	}))
	must(t, give(m, "room:2"))
	told(m.Take(channel.MustParse("room:2")))
	m.Leave()
	want := []string{
		"acme room:1 occupied", "acme/bob c_bob subscribed room:1",
		"acme room:2 occupied", "acme/bob c_bob subscribed room:2",
		"acme room:2 vacated", "acme/bob c_bob unsubscribed room:2: backend",
		"acme room:1 vacated", "acme/bob c_bob unsubscribed room:1: connection",
	}
	if got := d.read(); !slices.Equal(got, want) {
		t.Errorf("the follower heard %q, want %q", got, want)
	}
	if n := h.watcher.members.Load(); n != 0 {
		t.Errorf("%d members are left", n)
	}
}

// What nobody chose anything for is as large as it was.
func TestAMemberAndASubscriptionAreAsLargeAsTheyWere(t *testing.T) {
	if got, most := unsafe.Sizeof(hub.Member{}), uintptr(128); got > most {
		t.Errorf("a member has %d bytes, want at most %d", got, most)
	}
	if got, most := unsafe.Sizeof(hub.Subscription{}), uintptr(48); got > most {
		t.Errorf("a subscription has %d bytes, want at most %d", got, most)
	}
}

// What it takes to let somebody in: without choices, and with an inbox that nobody has heard yet, which takes a room and a question to the engine.
func BenchmarkGreet(b *testing.B) {
	for _, tt := range []struct {
		name   string
		chosen []string
	}{{"no choices", nil}, {"an inbox", []string{"room:{user}:inbox"}}, {"an inbox and a lobby", []string{"room:{user}:inbox", "room:lobby"}}} {
		b.Run(tt.name, func(b *testing.B) {
			h := open(b, limit.Limits{})
			h.tenants["acme"].Channels = keeping(b, "room:*:inbox", 100)
			if tt.chosen != nil {
				h.tenants["acme"] = chooses(b, h.tenants["acme"], tt.chosen...)
			}
			place, _ := h.tenants["acme"].Account.Enter("ana")
			e := &ear{dialect: h.dialect}
			p := principal(h, "acme", "ana")
			p.Segment = "ana"
			b.ReportAllocs()
			for b.Loop() {
				m := h.Join(h.tenants["acme"], p, place, "c_ana", e)
				must(b, m.Greet(context.Background(), func([]wire.Subscription) {}))
				m.Leave()
			}
		})
	}
}

// A service chooses a channel for a client at the moment at which the client leaves it. The client has the answer first: what begins behind it does not look like what has just ended.
func TestAChoiceBetweenAnEndAndItsAnswer(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "bob", &ear{})
	greet(t, m)
	must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	var order []string
	given := make(chan *wire.Fault)
	must(t, m.End("room:1", func() {
		go func() {
			given <- m.Give(context.Background(), channel.MustParse("room:1"), func([]wire.Subscription) { order = append(order, "given") })
		}()
		time.Sleep(20 * time.Millisecond)
		order = append(order, "ended")
	}))
	must(t, <-given)
	if want := []string{"ended", "given"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	if fault := m.End("room:2", func() { t.Error("told of an end that there was not") }); fault == nil || fault.Code != wire.NotSubscribed {
		t.Errorf("got %v, want not_subscribed", fault)
	}
}
