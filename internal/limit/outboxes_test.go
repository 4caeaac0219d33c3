package limit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/internal/limit"
)

// reference is what each of the entries of an outbox costs beside its bytes.
const reference = 64

// stuck is a client for which something waits.
type stuck struct{ holds, droppable int }

func many(n, holds int) (all []stuck) {
	for range n {
		all = append(all, stuck{holds: holds})
	}
	return all
}

// wait lets a client of the tenant hold so much, and calls lost with what it loses.
func (s stuck) wait(t *limit.Tenant, lost func(string)) {
	p, _ := t.Enter("eve")
	rest := s.holds - s.droppable
	p.Hold(rest-reference, nil)
	shed := func() {}
	if s.droppable > 0 {
		p.Hold(s.droppable-reference, nil)
		shed = func() {
			p.Drop(s.droppable-reference, nil)
			lost(fmt.Sprint("drops ", s.droppable))
			s.droppable = 0
		}
	}
	p.OnEvict(shed, func(over limit.Quota) {
		p.Drop(rest-reference, nil)
		if s.droppable > 0 {
			p.Drop(s.droppable-reference, nil)
		}
		lost(fmt.Sprint("loses ", s.holds))
		if over != limit.OutboxPerNode {
			lost("for " + over.String())
		}
	})
}

// Of 16,000 bytes 15,000 are to be used by all who hold anything, each as much. Who has to pay when it is more, and in which order.
func TestWhoPaysForTheNode(t *testing.T) {
	tests := []struct {
		name          string
		acme, globex  []stuck
		initech       []stuck
		want          string
		left          int64
		acmesOwnLimit int
	}{
		{"nobody, while it fits", many(8, 1000), many(8, 1000), nil, "", 16_000, 0},
		{"the tenant that holds most, by its slowest client", []stuck{{1000, 0}, {9000, 0}, {3000, 0}}, many(1, 4000), nil, "acme loses 9000", 8000, 0},
		{"not the slowest client of all, whose tenant holds less", many(30, 500), many(1, 2000), nil, strings.Repeat("acme loses 500, ", 4), 15_000, 0},
		{"the next one, when it is that which holds most", append(many(8, 1000), stuck{1100, 0}), append(many(7, 1000), stuck{1050, 0}), nil, "acme loses 1100, globex loses 1050", 15_000, 0},
		{"nobody who holds no more than an equal share", many(22, 500), many(1, 7500), nil, strings.Repeat("acme loses 500, ", 7), 15_000, 0},
		{"nobody who holds less, though it has only that one client", many(2, 6000), many(1, 5000), many(1, 4000), "acme loses 6000", 15_000, 0},
		{"whoever is alone, down to what is free again", many(17, 1000), nil, nil, "acme loses 1000, acme loses 1000", 15_000, 0},
		{"what may be dropped, before the connection", []stuck{{9000, 6000}, {4000, 0}}, many(1, 4000), nil, "acme drops 6000", 11_000, 0},
		{"the next slowest, once the slowest has dropped", []stuck{{9000, 500}, {8800, 0}}, nil, nil, "acme drops 500, acme loses 8800", 8500, 0},
		{"the one that dropped, when it is still the slowest", []stuck{{9000, 500}, {8000, 0}}, nil, nil, "acme drops 500, acme loses 9000", 8000, 0},
		{"for its own limit too what may be dropped, before the connection", []stuck{{9000, 6000}, {4000, 0}}, nil, nil, "acme drops 6000", 7000, 10_000},
		{"the tenant for its own limit first, and then nobody", many(12, 1000), many(6, 1000), nil, "acme loses 1000, acme for outbox, acme loses 1000, acme for outbox", 16_000, 10_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			node := limit.NewOutboxes(16_000)
			var lost []string
			acme := node.Tenant(limit.Limits{Outbox: tt.acmesOwnLimit})
			quiet, _ := acme.Enter("ana") // who queues need not be who pays
			for tenant, clients := range map[*limit.Tenant][]stuck{acme: tt.acme, node.Tenant(limit.Limits{}): tt.globex, node.Tenant(limit.Limits{}): tt.initech} {
				name := "globex"
				if tenant == acme {
					name = "acme"
				}
				for _, s := range clients {
					s.wait(tenant, func(what string) { lost = append(lost, name+" "+what) })
				}
			}
			quiet.MakeRoom()
			want := strings.FieldsFunc(strings.TrimSuffix(tt.want, ", "), func(r rune) bool { return r == ',' })
			for i := range want {
				want[i] = strings.TrimSpace(want[i])
			}
			if !slices.Equal(lost, want) {
				t.Errorf("got %q, want %q", lost, want)
			}
			if got := node.Held(); got != tt.left {
				t.Errorf("%d bytes are left, want %d", got, tt.left)
			}
		})
	}
}

// Whoever makes room stops once it is below the ceiling and a thousand clients have gone: a message of a tenant that holds next to nothing does not wait until all that an attacker has is.
func TestMakingRoomTakesNoLongerThanItMust(t *testing.T) {
	const most, size = 4 << 20, 100
	node := limit.NewOutboxes(most)
	attacker := node.Tenant(limit.Limits{})
	ended := 0
	for range most / size {
		p, _ := attacker.Enter("eve")
		p.Hold(size-reference, nil)
		p.OnEvict(nil, func(limit.Quota) { ended++; p.Drop(size-reference, nil) })
	}
	victim, _ := node.Tenant(limit.Limits{}).Enter("ana")
	victim.Hold(10*size-reference, nil)
	victim.MakeRoom()
	if held := node.Held(); held > most || ended != 1024 {
		t.Errorf("%d bytes are held, want at most %d; %d were ended, want 1024", held, most, ended)
	}
}

// What is booked ahead for a thousand tenants that hold next to nothing makes nobody pay, and is given back; and nobody is looked at any more who holds nothing.
func TestWhatIsBookedAheadMakesNobodyPay(t *testing.T) {
	const most = 1 << 20
	node := limit.NewOutboxes(most)
	for range 1000 {
		tenant := node.Tenant(limit.Limits{})
		p, _ := tenant.Enter("ana")
		p.OnEvict(nil, func(limit.Quota) { t.Error("somebody had to pay") })
		for range 3 {
			p.Hold(1000, nil)
			p.MakeRoom()
			p.Drop(1000, nil)
		}
	}
	if n := node.Booked(); n > most {
		t.Errorf("%d bytes are booked, want at most %d", n, most)
	}
	if n := node.Held(); n != 0 || node.Booked() != 0 || node.Listed() != 0 {
		t.Errorf("%d bytes are held, %d booked, and %d tenants listed; want none", n, node.Booked(), node.Listed())
	}
}

// A node that stays at its ceiling looks for payers once in a sixteenth of it, and not with each message.
func TestAStormAtTheCeiling(t *testing.T) {
	const most, size, messages = 1 << 20, 1000, 50_000
	node := limit.NewOutboxes(most)
	tenant := node.Tenant(limit.Limits{})
	looks, ended := 0, 0
	for i := range messages {
		before := ended
		p, _ := tenant.Enter("eve")
		p.Hold(size-reference, nil)
		p.OnEvict(nil, func(limit.Quota) {
			p.Drop(size-reference, nil)
			ended++
			p.Leave()
		})
		if p.MakeRoom(); ended > before {
			looks++
		}
		if held := tenant.Queued(); held > most {
			t.Fatalf("message %d: %d bytes are held, want at most %d", i, held, most)
		}
	}
	if most := messages*size/(most/16) + 1; looks == 0 || looks > most {
		t.Errorf("it was looked for payers %d times, want at most %d", looks, most)
	}
	if ended < messages-most/size {
		t.Errorf("%d were ended of %d", ended, messages)
	}
}

// Where nobody can pay, nobody is asked again with each message.
func TestNobodyCanPay(t *testing.T) {
	node := limit.NewOutboxes(1 << 20)
	p, _ := node.Tenant(limit.Limits{}).Enter("eve") // on its way in: nothing ends it yet
	p.Hold(2<<20, nil)
	if n := testing.AllocsPerRun(100, p.MakeRoom); n > 0 {
		t.Errorf("%v allocations a message: it was looked for payers again", n)
	}
	gone := false
	p.OnEvict(nil, func(limit.Quota) { gone = true; p.Drop(2<<20, nil) })
	for end := time.Now().Add(time.Second); !gone && time.Now().Before(end); {
		p.MakeRoom()
	}
	if !gone {
		t.Error("it never had to pay")
	}
}

// Whoever makes room may have to wait for a core. Meanwhile an attacker that goes on queueing pays itself, down to its share, and nobody who has less than that.
func TestAnAttackerDoesNotRunAwayFromWhoMakesRoom(t *testing.T) {
	const most, size = 1 << 20, 10_000
	node := limit.NewOutboxes(most)
	attacker, victim := node.Tenant(limit.Limits{}), node.Tenant(limit.Limits{})
	queue := func(tenant *limit.Tenant, ended *int) {
		p, _ := tenant.Enter("eve")
		p.Hold(size-reference, nil)
		p.OnEvict(nil, func(limit.Quota) {
			*ended++
			p.Drop(size-reference, nil)
			p.Leave()
		})
		p.MakeRoom()
	}
	attackers, victims := 0, 0
	node.WhileSomebodyMakesRoom(func() {
		for range 10 * most / size {
			queue(attacker, &attackers)
			if held := node.Held(); held > most {
				t.Fatalf("%d bytes are held, want at most %d", held, most)
			}
		}
		for range most / size / 4 {
			queue(victim, &victims)
		}
		queue(attacker, &attackers)
	})
	if held := node.Held(); held > most || attackers == 0 || victims > 0 {
		t.Errorf("%d bytes are held, want at most %d; %d attackers and %d victims were ended, want some and none", held, most, attackers, victims)
	}
}
