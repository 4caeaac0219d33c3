package presence_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/presence"
	"portcullis/internal/wire"
)

// ana and bob come and go; a tenant's channel of the same name knows nothing of them.
func TestAttendance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := alone(t)
		n.lists(room)
		ana := n.enter(room, "ana", "c_1")
		bob := n.Enter(room, message.Member{User: "bob", Connection: "c_2", Info: `{"name":"Bob"}`}, most, func() {})
		n.lists(room, "ana/c_1", `bob/c_2{"name":"Bob"}`)
		n.lists(other)
		n.Leave(bob)
		time.Sleep(presence.Grace)
		n.lists(room, "ana/c_1")
		n.Leave(ana)
		time.Sleep(presence.Grace)
		n.lists(room)
		n.hears("acme join room:1 ana/c_1", `acme join room:1 bob/c_2{"name":"Bob"}`, `acme leave room:1 bob/c_2{"name":"Bob"}`, "acme leave room:1 ana/c_1")
		if got := n.Crowds(); got != 0 {
			t.Errorf("%d channels are remembered that nobody is on", got)
		}
		if entered, left := n.entered.Load(), n.left.Load(); entered != 2 || left != 2 {
			t.Errorf("%d entered and %d left, want 2 each", entered, left)
		}
	})
}

func TestAUserOfTwoConnectionsJoinsWithTheFirstAndLeavesWithTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := alone(t)
		first := n.enter(room, "ana", "c_1")
		second := n.enter(room, "ana", "c_2")
		n.lists(room, "ana/c_1", "ana/c_2")
		n.Leave(first)
		n.lists(room, "ana/c_2")
		time.Sleep(2 * presence.Grace)
		n.hears("acme join room:1 ana/c_1")
		n.Leave(second)
		time.Sleep(presence.Grace - 1)
		n.lists(room, "ana/c_2")
		n.hears()
		time.Sleep(time.Nanosecond)
		n.hears("acme leave room:1 ana/c_2")
		n.lists(room)
	})
}

// The connection of a user is replaced by another within the grace: nothing is told, and whoever asks sees the one that is there.
func TestAFlappingClientTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := alone(t)
		seat := n.enter(room, "ana", "c_0")
		n.hears("acme join room:1 ana/c_0")
		for i := range 100 {
			n.Leave(seat)
			time.Sleep(presence.Grace - 1)
			seat = n.enter(room, "ana", fmt.Sprintf("c_%d", i+1))
		}
		n.lists(room, "ana/c_100")
		n.Leave(seat)
		time.Sleep(presence.Grace)
		n.hears("acme leave room:1 ana/c_100")
		n.lists(room)
	})
}

func TestTheSameConnectionMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		for range 10 {
			a.Leave(a.enter(room, "ana", "c_1"))
		}
		seat := a.enter(room, "ana", "c_1")
		b.lists(room, "ana/c_1")
		time.Sleep(3 * presence.Lease)
		b.lists(room, "ana/c_1")
		a.hears("acme join room:1 ana/c_1")
		a.Leave(seat)
		time.Sleep(presence.Grace)
		b.lists(room)
	})
}

// ana is on one node, and bob, on another, hears of her.
func TestNodesKnowEachOthersMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		b.enter(room, "bob", "c_b")
		seat := a.Enter(room, message.Member{User: "ana", Connection: "c_a", Info: `{"a":"<&>"}`}, most, func() {})
		for _, n := range []*node{a, b} {
			n.lists(room, `ana/c_a{"a":"<&>"}`, "bob/c_b")
		}
		b.hears("acme join room:1 bob/c_b", `acme join room:1 ana/c_a{"a":"<&>"}`)
		a.Leave(seat)
		time.Sleep(presence.Grace)
		b.hears(`acme leave room:1 ana/c_a{"a":"<&>"}`)
		b.lists(room, "bob/c_b")
	})
}

// ana reconnects to another node within the grace.
func TestAUserWhoChangesTheNodeTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		a.enter(room, "old", "c_old")
		synctest.Wait()
		b.enter(room, "bob", "c_b")
		synctest.Wait()
		seat := a.enter(room, "ana", "c_1")
		a.hears("acme join room:1 old/c_old", "acme join room:1 bob/c_b", "acme join room:1 ana/c_1")
		b.hears("acme join room:1 bob/c_b", "acme join room:1 ana/c_1")
		a.Leave(seat)
		time.Sleep(presence.Grace / 2)
		b.enter(room, "ana", "c_2")
		time.Sleep(2 * presence.Grace)
		a.hears()
		b.hears()
		a.lists(room, "ana/c_2", "bob/c_b", "old/c_old")
		b.lists(room, "ana/c_2", "bob/c_b", "old/c_old")
	})
}

// A node dies with ana and cid on it; cid has come back to the other one. Nobody says goodbye for ana: her lease ends.
func TestTheMembersOfADeadNodeLeaveOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		b.enter(room, "bob", "c_b")
		a.enter(room, "ana", "c_a")
		a.enter(room, "cid", "c_c")
		time.Sleep(10 * presence.Lease)
		b.lists(room, "ana/c_a", "bob/c_b", "cid/c_c")
		b.hears("acme join room:1 bob/c_b", "acme join room:1 ana/c_a", "acme join room:1 cid/c_c")
		a.kill()
		b.enter(room, "cid", "c_c2")
		b.lists(room, "ana/c_a", "bob/c_b", "cid/c_c", "cid/c_c2")
		time.Sleep(presence.Lease + presence.Grace)
		b.hears("acme leave room:1 ana/c_a")
		b.lists(room, "bob/c_b", "cid/c_c2")
		time.Sleep(10 * presence.Lease)
		b.hears()
	})
}

// A node that comes later knows who was there, and tells nobody of them as of newcomers.
func TestANewNodeKnowsAttendance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		a := start(t, engine, engine.State())
		a.enter(room, "ana", "c_a")
		synctest.Wait()
		second := engine.Node()
		b := start(t, second, second.State())
		b.lists(room, "ana/c_a")
		b.enter(room, "bob", "c_b")
		b.hears("acme join room:1 bob/c_b")
	})
}

func TestNothingIsKnownBeforeTheEngineHasTold(t *testing.T) {
	p := presence.New(memory.New().State(), nil, nil, nil)
	if p.Members(room, most, func(wire.Attendance) { t.Error("there is a list") }) {
		t.Error("it knows who is there")
	}
}

// cut is an engine that may not be reached.
type cut struct {
	presence.Store
	away atomic.Bool
	slow time.Duration // what it takes for each
	puts atomic.Int64
}

func (c *cut) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if c.away.Load() {
		return errors.New("it is away")
	}
	time.Sleep(c.slow)
	c.puts.Add(1)
	return c.Store.Put(ctx, key, value, ttl)
}

// The engine is away for so long that it forgot ana. When it is back it is told of her again, of bob who came meanwhile, and not of cid who left.
func TestAnEngineThatWasAwayIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		store := &cut{Store: engine.State()}
		a := start(t, engine, store)
		second := engine.Node()
		b := start(t, second, second.State())
		a.enter(room, "ana", "c_a")
		cid := a.enter(room, "cid", "c_c")
		b.lists(room, "ana/c_a", "cid/c_c")
		store.away.Store(true)
		a.Leave(cid)
		a.enter(room, "bob", "c_b")
		time.Sleep(2 * presence.Lease)
		b.lists(room)
		a.lists(room, "ana/c_a", "bob/c_b")
		store.away.Store(false)
		time.Sleep(2 * time.Second)
		b.lists(room, "ana/c_a", "bob/c_b")
		time.Sleep(2 * presence.Lease)
		b.lists(room, "ana/c_a", "bob/c_b")
	})
}

// Members cost the engine one operation each in every turn of renewals, and no goroutine or timer of their own.
func TestRenewalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		store := &cut{Store: engine.State()}
		n := start(t, engine, store)
		const members = 1000
		for i := range members {
			n.enter(room, fmt.Sprint("u", i), fmt.Sprint("c_", i))
		}
		synctest.Wait()
		if got := store.puts.Swap(0); got != members {
			t.Errorf("the engine was told of %d members %d times", members, got)
		}
		time.Sleep(4*presence.Renew + 1)
		synctest.Wait()
		if got := store.puts.Load(); got != 4*members {
			t.Errorf("%d members were renewed %d times in four turns, want %d", members, got, 4*members)
		}
	})
}

// An engine takes a millisecond for each change, and acme's clients make more than that. Who comes to globex's channel is heard of soon, and who is there stays.
func TestATenantsStormKeepsNoOtherTenantWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		a := start(t, engine, &cut{Store: engine.State(), slow: time.Millisecond})
		second := engine.Node()
		b := start(t, second, second.State())
		a.enter(other, "ana", "c_a")
		time.Sleep(10 * time.Millisecond)
		for i := range 10_000 {
			a.enter(room, "mallory", fmt.Sprint("c_", i))
		}
		a.enter(other, "bob", "c_b")
		time.Sleep(10 * time.Millisecond)
		b.lists(other, "ana/c_a", "bob/c_b")
		ends := time.Now().Add(2 * presence.Lease)
		for i := 0; time.Now().Before(ends); i++ {
			a.enter(room, "mallory", fmt.Sprint("c_more_", i))
			time.Sleep(time.Millisecond)
		}
		b.lists(other, "ana/c_a", "bob/c_b")
	})
}

// An answer is given while acme's channel is locked. Nothing that other tenants need is.
func TestAnAnswerHoldsUpNoOtherTenant(t *testing.T) {
	n := alone(t)
	n.Members(room, most, func(wire.Attendance) {
		for i := range 500 { // of which some share whatever acme's channel shares
			of := channel.Ref{Tenant: other.Tenant, Name: channel.MustParse(fmt.Sprint("room:", i))}
			n.Leave(n.enter(of, "ana", "c_a"))
		}
	})
}

func TestWhoCameAndLeftAtOnceIsNoMatterForTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		store := &cut{Store: engine.State(), slow: time.Millisecond}
		n := start(t, engine, store)
		for range 1000 {
			n.Leave(n.enter(room, "ana", "c_a"))
		}
		time.Sleep(2 * time.Second)
		if got := store.puts.Load(); got > 2 {
			t.Errorf("the engine was told %d times of somebody who came and left at once, want at most twice", got)
		}
		n.lists(room, "ana/c_a")
		time.Sleep(presence.Grace)
		n.lists(room)
	})
}

// Above the limit there are numbers alone, and joins and leaves are told again only when the crowd is a tenth smaller.
func TestACrowdIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := alone(t)
		var seats []*presence.Seat
		come := func(count int) {
			for range count {
				name := fmt.Sprint(len(seats))
				seats = append(seats, n.Enter(room, message.Member{User: "u" + name, Connection: "c_" + name}, 20, func() {}))
			}
		}
		leave := func(count int) {
			for range count {
				n.Leave(seats[len(seats)-1])
				seats = seats[:len(seats)-1]
			}
			time.Sleep(presence.Grace)
		}
		come(20)
		synctest.Wait()
		n.mu.Lock()
		if len(n.told) != 20 {
			t.Errorf("%d joins were told, want 20", len(n.told))
		}
		n.told = nil
		n.mu.Unlock()
		come(100)
		n.hears("acme join_leave room:1 21 false")
		n.Members(room, 20, func(l wire.Attendance) {
			if l.Members != nil || l.Count != 120 {
				t.Errorf("%d are listed of %d, want none of 120", len(l.Members), l.Count)
			}
		})
		leave(101)
		n.hears()
		n.Members(room, 20, func(l wire.Attendance) {
			if l.Members != nil || l.Count != 19 {
				t.Errorf("%d are listed of %d, and nobody would tell of the next; want none of 19", len(l.Members), l.Count)
			}
		})
		leave(1)
		n.hears("acme join_leave room:1 18 true")
		n.Members(room, 20, func(l wire.Attendance) {
			if len(l.Members) != 18 || l.Count != 18 {
				t.Errorf("%d are listed of %d, want 18 of 18", len(l.Members), l.Count)
			}
		})
		leave(1)
		n.hears("acme leave room:1 u17/c_17")
		n.Update(seats[0], "", 10)
		n.hears("acme join_leave room:1 17 false")
	})
}

func TestInfoThatChangesIsSeenAndNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		seat := a.enter(room, "ana", "c_a")
		a.hears("acme join room:1 ana/c_a")
		a.Update(seat, `"busy"`, most)
		a.lists(room, `ana/c_a"busy"`)
		b.lists(room, `ana/c_a"busy"`)
		a.hears()
		a.Leave(seat)
		time.Sleep(presence.Grace)
		a.hears(`acme leave room:1 ana/c_a"busy"`)
	})
}

// What stands in the engine and is no member's is left out, and told to the operator.
func TestForeignEntriesAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		n := start(t, engine, engine.State())
		n.enter(room, "ana", "c_a")
		n.lists(room, "ana/c_a")
		long := `"` + strings.Repeat("x", auth.MaxInfo) + `"`
		for key, value := range map[string]string{
			"presence/":                        `{"user":"eve"}`,
			"presence/acme/cm9vbTox":           `{"user":"eve"}`,
			"presence/acme/cm9vbTox/":          `{"user":"eve"}`,
			"presence/ACME/cm9vbTox/c_1":       `{"user":"eve"}`,
			"presence/acme/cm9v\nbTox/c_1":     `{"user":"eve"}`,
			"presence/acme/JGNvbnRyb2w/c_1":    `{"user":"eve"}`,
			"presence/acme/cm9vbTox/c_nothing": ``,
			"presence/acme/cm9vbTox/c_nobody":  `{}`,
			"presence/acme/cm9vbTox/c_long":    `{"user":"eve","info":` + long + `}`,
			"presence/acme/cm9vbTox/c_a":       `{"user":"eve"}`,
		} {
			if err := engine.State().Put(t.Context(), key, []byte(value), time.Minute-1); err != nil {
				t.Fatal(err)
			}
		}
		n.lists(room, "ana/c_a")
		if got := strings.Count(n.log.String(), "presence.unreadable"); got != 9 {
			t.Errorf("%d entries were told of, want 9:\n%s", got, n.log)
		}
	})
}
