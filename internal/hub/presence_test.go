package hub_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/presence"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// plainly is a dialect of lines that has a word for everything.
type plainly struct{ lines }

func (plainly) AppendNotice(dst []byte, n *wire.Notice) []byte {
	dst = fmt.Appendf(dst, "%s %s", n.Kind, n.Channel)
	if n.Member != nil {
		dst = fmt.Appendf(dst, " %s/%s%s", n.Member.User, n.Member.Connection, n.Member.Info)
	}
	if n.Kind == wire.JoinLeave {
		dst = fmt.Appendf(dst, " %v", n.Told)
	}
	if n.Fault != nil {
		dst = fmt.Appendf(dst, " %s", n.Fault.Code)
	}
	return append(dst, '\n')
}

// lobby is a gateway on an engine that others may share, with tenants whose rooms have presence.
type lobby struct {
	*hub.Hub
	watcher *watcher
	tenants map[string]*realm.Tenant
	kill    func()
}

// rules of the lobby: everybody hears, some may see who is there, where the setting is.
func lobbyTenant(t testing.TB, name string, account *limit.Tenant, lists int, see, hear []string) *realm.Tenant {
	t.Helper()
	id := tenant.MustParse(name)
	policy, problems := acl.Compile(id, []acl.Rule{
		{Name: "hear", Allow: []string{"publish", "subscribe"}, Channels: hear},
		{Name: "see", Allow: []string{"presence"}, Channels: see, Unless: &acl.Match{Users: []string{"blind"}}},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	rooms, err := channel.ParsePattern("room:*")
	if err != nil {
		t.Fatal(err)
	}
	return &realm.Tenant{
		ID: id, Policy: policy, Account: account,
		Channels: channel.NewSettings([]channel.Matched{{Pattern: rooms, Setting: channel.Setting{Presence: lists}}}),
	}
}

func enterLobby(t testing.TB, engine *memory.Broker, lists int) *lobby {
	t.Helper()
	l := &lobby{watcher: new(watcher), tenants: make(map[string]*realm.Tenant)}
	l.Hub = hub.New(engine, l.watcher, slog.New(slog.DiscardHandler))
	for _, name := range []string{"acme", "globex"} {
		l.tenants[name] = lobbyTenant(t, name, limit.NewTenant(limit.Limits{}), lists, []string{"**"}, []string{"**"})
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	<-l.Reached()
	l.kill = func() {
		if cancel(); done != nil {
			if err := <-done; err != nil {
				t.Error(err)
			}
			done = nil
		}
	}
	t.Cleanup(l.kill)
	return l
}

// person is a connection and what it hears.
type person struct {
	*hub.Member
	ear  ear
	seen int
}

func (l *lobby) person(t testing.TB, of, user, connection, info string) *person {
	t.Helper()
	r := l.tenants[of]
	place, over := r.Account.Enter(user)
	if over.Any() {
		t.Fatal(over.Text())
	}
	p := &person{ear: ear{dialect: plainly{lines{encoded: new(atomic.Int64)}}}}
	p.Member = l.Join(r, &auth.Principal{Tenant: r.ID, User: user, Info: info}, place, connection, &p.ear)
	return p
}

func (p *person) in(t testing.TB, name string, joinLeave bool) *person {
	t.Helper()
	must(t, p.Subscribe(t.Context(), name, hub.Start{JoinLeave: joinLeave}, func(hub.Begun) {}))
	return p
}

// hears compares the lines since the last time.
func (p *person) hears(t testing.TB, want ...string) {
	t.Helper()
	synctest.Wait()
	all := p.ear.text()
	got := strings.Split(strings.TrimSuffix(all[p.seen:], "\n"), "\n")
	if got[0] == "" {
		got = nil
	}
	p.seen = len(all)
	if !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// sees compares who is listed.
func (p *person) sees(t testing.TB, name string, want ...string) {
	t.Helper()
	synctest.Wait()
	got := []string{}
	must(t, p.Presence(name, func(a wire.Attendance) {
		for _, m := range a.Members {
			got = append(got, m.User+"/"+m.Connection+m.Info)
		}
	}))
	slices.Sort(got)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("saw %q, want %q", got, want)
	}
}

// ana asked to hear of joins and leaves, and bob did not; carol, of another tenant, sees none of them.
func TestWhoComesIsToldToThoseWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		ana := l.person(t, "acme", "ana", "c_ana", "").in(t, "room:1", true)
		bob := l.person(t, "acme", "bob", "c_bob", `{"n":1}`).in(t, "room:1", false)
		carol := l.person(t, "globex", "carol", "c_carol", "").in(t, "room:1", true)
		carol.sees(t, "room:1", "carol/c_carol")
		ana.sees(t, "room:1", "ana/c_ana", `bob/c_bob{"n":1}`)
		must(t, bob.Unsubscribe("room:1"))
		time.Sleep(presence.Grace)
		ana.hears(t, "join room:1 ana/c_ana", `join room:1 bob/c_bob{"n":1}`, `leave room:1 bob/c_bob{"n":1}`)
		bob.hears(t)
		carol.hears(t, "join room:1 carol/c_carol")
		if got, want := l.watcher.members.Load(), int64(2); got != want {
			t.Errorf("%d members are counted, want %d", got, want)
		}
		ana.Leave()
		carol.Leave()
		if got := l.watcher.members.Load(); got != 0 {
			t.Errorf("%d members are counted, want none", got)
		}
		if got, want := l.watcher.told.Load(), int64(4); got != want {
			t.Errorf("%d notices are counted, want %d", got, want)
		}
		if n := l.Audiences(); n != 0 {
			t.Errorf("%d audiences are left", n)
		}
	})
}

func TestPresenceIsForWhoMaySee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		ana := l.person(t, "acme", "ana", "c_1", "")
		blind := l.person(t, "acme", "blind", "c_2", "")
		ask := func(p *person, name string) func() *wire.Fault {
			return func() *wire.Fault { return p.Presence(name, func(wire.Attendance) { t.Error("it was answered") }) }
		}
		listen := func(p *person, name string) func() *wire.Fault {
			return func() *wire.Fault {
				return p.Subscribe(t.Context(), name, hub.Start{JoinLeave: true}, func(hub.Begun) { t.Error("it has begun") })
			}
		}
		for name, tt := range map[string]struct {
			try  func() *wire.Fault
			want wire.Code
		}{
			"who may not":                           {ask(blind, "room:1"), wire.Forbidden},
			"who may not, where there is none":      {ask(blind, "news:1"), wire.Forbidden},
			"no presence on the channel":            {ask(ana, "news:1"), wire.NotAvailable},
			"a pattern":                             {ask(ana, "room:*"), wire.BadChannel},
			"a reserved name":                       {ask(ana, "$presence"), wire.BadChannel},
			"nothing":                               {ask(ana, ""), wire.BadChannel},
			"to hear who may not see":               {listen(blind, "room:1"), wire.Forbidden},
			"to hear where there is none":           {listen(ana, "news:1"), wire.NotAvailable},
			"to hear, forbidden, where there is no": {listen(blind, "news:1"), wire.Forbidden},
		} {
			if fault := tt.try(); fault == nil || fault.Code != tt.want {
				t.Errorf("%s: got %v, want %s", name, fault, tt.want)
			}
		}
		must(t, blind.Subscribe(t.Context(), "room:1", hub.Start{}, func(hub.Begun) {})) // nothing was left half done
		ana.sees(t, "room:1", "blind/c_2")
		backend := &auth.Principal{Tenant: l.tenants["acme"].ID, User: "backend"}
		count := 0
		must(t, l.Hub.Speaker(l.tenants["acme"], backend).Presence("room:1", func(a wire.Attendance) { count = a.Count }))
		if count != 1 {
			t.Errorf("a backend counts %d, want 1", count)
		}
	})
}

// A client that connects and disconnects all the time is told of once, and listed as what it is.
func TestAFlappingClientIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		ana := l.person(t, "acme", "ana", "c_ana", "").in(t, "room:1", true)
		ana.hears(t, "join room:1 ana/c_ana")
		for i := range 100 {
			l.person(t, "acme", "bob", fmt.Sprint("c_", i), "").in(t, "room:1", false).Leave()
			time.Sleep(time.Second)
		}
		ana.sees(t, "room:1", "ana/c_ana", "bob/c_99")
		time.Sleep(presence.Grace)
		ana.hears(t, "join room:1 bob/c_0", "leave room:1 bob/c_99")
		ana.sees(t, "room:1", "ana/c_ana")
	})
}

// Two gateways share an engine, and one of them dies.
func TestTheClientsOfADeadGatewayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		a, b := enterLobby(t, engine, 1000), enterLobby(t, engine.Node(), 1000)
		ana := a.person(t, "acme", "ana", "c_ana", "").in(t, "room:1", true)
		bob := b.person(t, "acme", "bob", "c_bob", "").in(t, "room:1", false)
		ana.sees(t, "room:1", "ana/c_ana", "bob/c_bob")
		bob.sees(t, "room:1", "ana/c_ana", "bob/c_bob")
		ana.hears(t, "join room:1 ana/c_ana", "join room:1 bob/c_bob")
		b.kill()
		time.Sleep(presence.Lease + presence.Grace)
		ana.hears(t, "leave room:1 bob/c_bob")
		ana.sees(t, "room:1", "ana/c_ana")
	})
}

// One policy takes the right to see, the next the right to hear. Whoever is told so hears nothing behind it.
func TestALostRightEndsJoinsAndLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		account := l.tenants["acme"].Account
		ana := l.person(t, "acme", "ana", "c_ana", "").in(t, "room:1", true)
		other := l.person(t, "acme", "cid", "c_cid", "").in(t, "room:1", true)
		ana.hears(t, "join room:1 ana/c_ana", "join room:1 cid/c_cid")
		follow := func(p *person, see, hear string, lists int) (told []string) {
			now := lobbyTenant(t, "acme", account, lists, []string{see}, []string{hear})
			if loss := p.Renew(nil, func(tenant.ID) *realm.Tenant { return now }); loss != nil {
				loss.Tell(func(all []*wire.Notice) {
					for _, n := range all {
						told = append(told, strings.TrimSuffix(string(plainly{}.AppendNotice(nil, n)), "\n"))
					}
				})
			}
			return told
		}
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: told %q, want %q", what, got, want)
			}
		}
		check("nothing is lost", follow(ana, "room:*", "room:*", 1000))
		check("presence is lost", follow(ana, "none", "room:*", 1000), "join_leave room:1 false forbidden")
		check("it is lost once", follow(ana, "none", "room:*", 1000))
		if fault := ana.Presence("room:1", func(wire.Attendance) {}); fault == nil || fault.Code != wire.Forbidden {
			t.Errorf("to ask: got %v, want forbidden", fault)
		}
		bob := l.person(t, "acme", "bob", "c_bob", "").in(t, "room:1", false)
		ana.hears(t)
		must(t, bob.Unsubscribe("room:1"))
		other.sees(t, "room:1", "ana/c_ana", "bob/c_bob", "cid/c_cid")
		check("subscribe is lost", follow(ana, "room:*", "none", 1000), "unsubscribed room:1 forbidden")
		time.Sleep(presence.Grace)
		other.sees(t, "room:1", "cid/c_cid")
		check("presence is taken from the channel", follow(other, "room:*", "room:*", 0), "join_leave room:1 false not_available")
		time.Sleep(presence.Grace)
		check("and given back", follow(other, "room:*", "room:*", 1000))
		other.sees(t, "room:1", "cid/c_cid")
	})
}

// A refresh may change what others see. Nobody is told; whoever asks sees it.
func TestARefreshChangesTheInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		ana := l.person(t, "acme", "ana", "c_ana", `"old"`).in(t, "room:1", true)
		ana.hears(t, `join room:1 ana/c_ana"old"`)
		fresh := &auth.Principal{Tenant: l.tenants["acme"].ID, User: "ana", Info: `"new"`}
		if loss := ana.Renew(fresh, func(tenant.ID) *realm.Tenant { return l.tenants["acme"] }); loss != nil {
			t.Error("something is lost")
		}
		ana.sees(t, "room:1", `ana/c_ana"new"`)
		ana.hears(t)
	})
}

// The list and what is told behind it agree on who is there, whatever happens at the same time.
func TestAListAndWhatFollowsAgree(t *testing.T) {
	l := enterLobby(t, memory.New(), 1000)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for i := range 300 {
			l.person(t, "acme", fmt.Sprint("u", i), fmt.Sprint("c_", i), "").in(t, "room:1", false)
		}
	}()
	ana := l.person(t, "acme", "ana", "c_ana", "").in(t, "room:1", true)
	var known map[string]bool
	from := 0
	for ended := false; !ended; {
		select {
		case <-stop:
			ended = true
		default:
		}
		must(t, ana.Presence("room:1", func(a wire.Attendance) {
			known, from = make(map[string]bool), len(ana.ear.text())
			for _, m := range a.Members {
				known[m.User] = true
			}
		}))
	}
	if len(known) != 301 {
		t.Errorf("the last list has %d users, want 301", len(known))
	}
	for line := range strings.Lines(ana.ear.text()[from:]) {
		if user, _, _ := strings.Cut(strings.TrimPrefix(line, "join room:1 "), "/"); !known[user] {
			t.Errorf("behind the last list came %q", line)
		}
	}
}

// Who has read the ok to a subscription asks, or has somebody ask, who is there: the subscriber is. Whoever asks while the ok is being sent waits for that.
func TestWhoIsToldThatItIsSubscribedIsOnTheList(t *testing.T) {
	for name, history := range map[string]channel.History{"without history": {}, "with history": {Messages: 10, Age: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			l := enterLobby(t, memory.New(), 1000)
			rooms, err := channel.ParsePattern("room:*")
			if err != nil {
				t.Fatal(err)
			}
			l.tenants["acme"].Channels = channel.NewSettings([]channel.Matched{{Pattern: rooms, Setting: channel.Setting{Presence: 1000, History: history}}})
			ana, bob := l.person(t, "acme", "ana", "c_ana", "").in(t, "room:2", false), l.person(t, "acme", "bob", "c_bob", "")
			listed := make(chan int, 1)
			must(t, bob.Subscribe(t.Context(), "room:1", hub.Start{JoinLeave: true}, func(hub.Begun) {
				go func() {
					if fault := ana.Presence("room:1", func(a wire.Attendance) { listed <- a.Count }); fault != nil {
						t.Error(fault)
						listed <- -1
					}
				}()
				time.Sleep(20 * time.Millisecond) // as long as it takes to ask
			}))
			if got := <-listed; got != 1 {
				t.Errorf("%d are listed, want bob", got)
			}
		})
	}
}

// Ten thousand come to a channel that lists twenty: what everybody hears does not grow with their number.
func TestACrowdIsNotToldToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 20)
		for i := range 10_000 {
			l.person(t, "acme", fmt.Sprint("u", i), fmt.Sprint("c_", i), "").in(t, "room:1", true)
		}
		synctest.Wait()
		if got, most := l.watcher.told.Load(), int64(20*20+10_000); got > most {
			t.Errorf("%d notices were told of 10,000 joins, want at most %d: those that are told, and a word to each that no more are", got, most)
		}
	})
}

// acme's clients ask for more lists than there are cores: the next of theirs waits, and globex's does not.
func TestATenantThatAsksTooMuchWaitsInItsOwnLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		hold := make(chan struct{})
		var answered atomic.Int64
		ask := func(of, name string, f func()) {
			p := l.person(t, of, "ana", "c_ana", "")
			go func() {
				if fault := p.Presence(name, func(wire.Attendance) { f() }); fault != nil {
					t.Error(fault)
				}
				answered.Add(1)
			}()
		}
		for i := range runtime.GOMAXPROCS(0) {
			ask("acme", fmt.Sprint("room:", i), func() { <-hold })
		}
		synctest.Wait()
		ask("acme", "room:next", func() {})
		synctest.Wait()
		if n := answered.Load(); n != 0 {
			t.Errorf("%d were answered, want nobody of acme's", n)
		}
		ask("globex", "room:1", func() {})
		synctest.Wait()
		if n := answered.Load(); n != 1 {
			t.Errorf("%d were answered, want globex's alone", n)
		}
		close(hold)
		synctest.Wait()
		if n := answered.Load(); n != int64(runtime.GOMAXPROCS(0)+2) {
			t.Errorf("%d were answered, want all", n)
		}
	})
}

// Attackers with the longest names and infos come at once. What is told of them comes in pieces of which each finds room in the outbox of somebody who reads: else they would close whoever wants to know who is there.
func TestAttackersWithLongNamesComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 1000)
		ana := l.person(t, "acme", "ana", "c_ana", "")
		ana.ear.hold = make(chan struct{})
		longest, heard := 0, 0
		ana.ear.read = func(frames []byte) {
			longest = max(longest, len(frames))
			heard += bytes.Count(frames, []byte("\n"))
		}
		ana.in(t, "room:1", true)
		synctest.Wait() // the dispatcher holds her join
		const many = 400
		for i := range many {
			l.person(t, "acme", fmt.Sprintf("%01020d", i), fmt.Sprint("c_", i), `"`+strings.Repeat("x", auth.MaxInfo-2)+`"`).in(t, "room:1", false)
		}
		close(ana.ear.hold)
		synctest.Wait()
		if heard != many+1 || longest > 80<<10 {
			t.Errorf("heard %d joins in pieces of up to %d bytes, want %d in pieces of about 64 KiB", heard, longest, many+1)
		}
	})
}

// What nobody can take as fast as it happens is replaced by a word that says so.
func TestAnAudienceForgetsWhatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := enterLobby(t, memory.New(), 10_000)
		ana := l.person(t, "acme", "ana", "c_ana", "")
		ana.ear.hold = make(chan struct{})
		ana.in(t, "room:1", true)
		synctest.Wait() // the dispatcher holds her join
		for i := range 1500 {
			l.person(t, "acme", fmt.Sprint("u", i), fmt.Sprint("c_", i), "").in(t, "room:1", false)
		}
		close(ana.ear.hold)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(ana.ear.text()), "\n")
		if lines[1] != "join_leave room:1 true" || len(lines) != 2+1500-1025 {
			t.Errorf("heard %d lines, the second is %q; want that joins are told again, and %d", len(lines), lines[1], 2+1500-1025)
		}
		ana.Leave()
	})
}
