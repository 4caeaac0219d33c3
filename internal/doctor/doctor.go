// Package doctor tries to break the walls between the tenants of a running node, and tells which held.
//
// It plays users who do not exist, with names that nobody can guess, and asks the running rules, hub, engine, ledger and tickets what a program of ours could ask
// by mistake, or a client or a backend on purpose. What it tries is a list ([Walls]): each wall says what is tried and what must happen. A wall holds only
// when the same question about a user's own tenant was answered as it should be: silence alone proves nothing.
//
// No client can see it. It publishes on names alone in which a random segment stands; its users are nobody's; what it puts into the engine ends by
// itself within seconds, and is taken away before. The one thing that stays, for as long as the engine remembers any, is the idempotency keys of what it said: hashes that nobody can ask for.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// Doctor examines one node. It is safe for concurrent use.
type Doctor struct {
	config Config
	turn   chan struct{} // held by the run that runs
}

// New returns a doctor, which does nothing until Examine.
func New(c Config) *Doctor { return &Doctor{c, make(chan struct{}, 1)} }

// ErrBusy is the error of a second run at the same time.
var ErrBusy = errors.New("the doctor examines this node already; ask again in a few seconds")

// MostPairs is how many pairs of tenants one run examines.
const MostPairs = 45

// Most is how long a run takes at most. What was not tried by then is told, and the run has not held.
const Most = 8 * time.Second

// Examine tries every wall. With more than [MostPairs] pairs of tenants it takes a sample, the same for the same seed and tenants; seed 0 is a new one.
func (d *Doctor) Examine(ctx context.Context, seed uint32) (*Report, error) {
	select {
	case d.turn <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	defer func() { <-d.turn }()
	for seed == 0 {
		seed = rand.Uint32() //nolint:gosec // it chooses a sample, and is printed
	}
	ctx, cancel := context.WithTimeout(ctx, Most)
	defer cancel()
	tenants := d.config.Tenants()
	pairs, of, err := choose(tenants, seed)
	if err != nil {
		return nil, err
	}
	r := newRun(ctx, d.config, tenants)
	defer r.leave()
	r.examine(pairs)
	report := r.report(seed, len(pairs), of)
	d.tell(ctx, report)
	return report, nil
}

var levels = map[Verdict]slog.Level{Held: slog.LevelInfo, Warning: slog.LevelWarn, Unproven: slog.LevelError, Broken: slog.LevelError}

// tell says in the log that there was a run, and loudly what did not hold.
func (d *Doctor) tell(ctx context.Context, r *Report) {
	for _, w := range r.Walls {
		if w.Verdict != Held {
			d.config.Log.Log(ctx, levels[w.Verdict], "a wall between tenants", "event", "doctor.finding", "wall", w.Name, "verdict", w.Verdict, "findings", w.Findings)
		}
	}
	d.config.Log.Log(ctx, levels[r.worst()], "the walls between tenants were tried", "event", "doctor.examined", "held", r.Held, "seed", r.Seed, "tenants", r.Tenants, "pairs", r.Pairs,
		"duration_ms", r.Millis)
}

// choose returns pairs of tenants, and of how many. A tenant that is alone has somebody beside it who is in no configuration.
func choose(tenants []*realm.Tenant, seed uint32) (pairs [][2]*realm.Tenant, of int, err error) {
	switch len(tenants) {
	case 0:
		return nil, 0, errors.New("the configuration has no tenants; there is nothing to examine")
	case 1:
		beside, err := stranger()
		return [][2]*realm.Tenant{{tenants[0], beside}}, 1, err
	}
	n := len(tenants)
	of = n * (n - 1) / 2
	if of <= MostPairs {
		for i, a := range tenants {
			for _, b := range tenants[i+1:] {
				pairs = append(pairs, [2]*realm.Tenant{a, b})
			}
		}
		return pairs, of, nil
	}
	chance := rand.New(rand.NewPCG(uint64(seed), 0)) //nolint:gosec // a sample that can be taken again
	for seen := make(map[[2]int]bool); len(pairs) < MostPairs; {
		i, j := chance.IntN(n), chance.IntN(n)
		if i < j && !seen[[2]int{i, j}] {
			seen[[2]int{i, j}] = true
			pairs = append(pairs, [2]*realm.Tenant{tenants[i], tenants[j]})
		}
	}
	return pairs, of, nil
}

// stranger is a tenant of whom the configuration knows nothing.
func stranger() (*realm.Tenant, error) {
	id, err := tenant.Parse(newMarker())
	if err != nil {
		return nil, fmt.Errorf("name a tenant: %w", err)
	}
	return open(id)
}
