// Package tenants tells what each tenant uses and meets: as series that name it, for as many tenants as may be named, and in the log before a limit bites.
//
// Nothing is counted here. The counts stand in the objects of the tenants themselves, and are read once a second, and when somebody scrapes.
package tenants

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// Config is what a register needs.
type Config struct {
	// Tenants returns the tenants that are configured now, by their ids.
	Tenants func() []*realm.Tenant
	// Named is how many tenants have series of their own; the others are one, _other.
	Named int
	// Outboxes is the account of what waits for slow readers of all of them; nil for none.
	Outboxes *limit.Outboxes
	Observer Observer
	Log      *slog.Logger
}

// Observer hears what concerns the node as a whole. Its methods must not wait.
type Observer interface {
	// Near is how many tenants use so much of a quota that it may soon be reached. It is told once a second for each of [limit.Whole].
	Near(q limit.Quota, tenants int)
	// Met is how often more a limit was met, by all tenants.
	Met(q limit.Quota, n uint64)
	// Outboxes is how many bytes the outboxes of all tenants hold, and how many they may. It is told once a second.
	Outboxes(held, most int64)
	// Unnamed is a tenant that should have series of its own, and finds all names given away. It is told once for each.
	Unnamed()
}

// Register knows the tenants of a node, and which of them are named.
//
// As long as there are no more than may be named, all are. Else a tenant is named when something happens, the busiest first, and stays named while it is
// configured. What happened before it was named stays in _other, and so does what happened to a tenant that left without a name: a counter never goes down, and nothing is in two of them.
type Register struct {
	config Config       // set by New, then read-only
	lines  *limit.Lines // of all tenants

	// Guarded by mu.
	mu       sync.Mutex
	followed []*realm.Tenant // what Tenants returned last
	known    map[tenant.ID]*entry
	named    int
	round    uint64
	outboxes nearness // of the node
	past     tally    // what stays in _other of those who are in it no more
}

// entry is what a register knows of a tenant.
type entry struct {
	*realm.Tenant
	first   uint64 // round in which it was met
	round   uint64 // in which a list of tenants had it last
	named   bool
	unnamed bool  // it was told that there is no name for it
	before  tally // what was counted before it was named; nil for nothing
	near    [len(limit.Whole)]nearness
	met     [len(limit.Quotas)]meeting
}

// New returns a register that knows nobody yet.
func New(c Config) *Register {
	if c.Outboxes == nil {
		c.Outboxes = limit.NewOutboxes(limit.Unlimited)
	}
	return &Register{config: c, lines: limit.NewLines(linesPerSecond), known: make(map[tenant.ID]*entry), past: newTally()}
}

// lookEvery is how often the limits are looked at.
const lookEvery = time.Second

// Run looks at the limits until ctx ends.
func (r *Register) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case now := <-tick.C:
			r.look(now, now.Sub(last))
			last = now
		case <-ctx.Done():
			return
		}
	}
}

// follow brings the register up to date with the tenants that are configured. The caller holds mu.
func (r *Register) follow(now time.Time) {
	r.round++
	if all := r.config.Tenants(); !same(all, r.followed) {
		r.exchange(all, now)
		r.followed = all
	}
	if r.named < len(r.known) {
		r.name()
	}
}

// same reports whether two lists are one: a list of tenants is never changed.
func same(a, b []*realm.Tenant) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// exchange makes all those whom the register knows. The caller holds mu.
func (r *Register) exchange(all []*realm.Tenant, now time.Time) {
	for _, t := range all {
		e := r.known[t.ID]
		if e != nil && e.Account != t.Account { // it left, and came again as another one
			r.leave(e, now)
			e = nil
		}
		if e == nil {
			e = &entry{first: r.round}
			r.known[t.ID] = e
		}
		e.Tenant, e.round = t, r.round
	}
	if len(r.known) > len(all) {
		for _, e := range r.known {
			if e.round != r.round {
				r.leave(e, now)
			}
		}
	}
}

// leave forgets a tenant.
func (r *Register) leave(e *entry, now time.Time) {
	r.meet(e, now)
	if e.named {
		r.named--
	} else {
		r.past.add(read(e.Tenant))
	}
	delete(r.known, e.ID)
}

// name gives names to those who have none yet, as long as there are any.
func (r *Register) name() {
	type candidate struct {
		*entry
		busy uint64
	}
	everybody := len(r.known) <= r.config.Named
	var next []candidate
	for _, e := range r.known {
		if e.named || e.unnamed && r.named == r.config.Named {
			continue
		}
		if busy := business(e.Tenant); busy > 0 || everybody {
			next = append(next, candidate{e, busy})
		}
	}
	slices.SortFunc(next, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.busy, a.busy), strings.Compare(a.ID.String(), b.ID.String()))
	})
	for _, c := range next {
		switch {
		case r.named < r.config.Named:
			r.named++
			c.named = true
			if c.first < r.round { // it stood in _other until now
				c.before = read(c.Tenant)
				r.past.add(c.before)
			}
		case !c.unnamed:
			c.unnamed = true
			r.config.Observer.Unnamed()
		}
	}
}
