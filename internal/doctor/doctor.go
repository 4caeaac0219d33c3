// Package doctor tries to break the walls between the tenants of a running node, and tells which held.
//
// It plays users who do not exist, with names that nobody can guess, and asks the running rules, hub, engine, ledger and tickets what a program of ours could ask
// by mistake, or a client on purpose. What it tries is a list ([Walls]): each wall says what is tried and what must happen. A wall holds only
// when the same question about a user's own tenant was answered as it should be: silence alone proves nothing.
//
// No client can see it. It publishes on names alone in which a random segment stands; its users are nobody's; what it puts into the engine ends by
// itself within seconds, and is taken away before.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Config is the running node, as far as its walls are concerned.
type Config struct {
	// Tenants returns all tenants as they are now.
	Tenants func() []*realm.Tenant
	// Join makes a member of the hub.
	Join func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) Member
	// Dialect is spoken with the members that the doctor plays.
	Dialect wire.Dialect
	Engine  Engine
	Ledger  Ledger
	Tickets Tickets
	// Live calls f with everybody who is connected to this node.
	Live func(f func(*auth.Principal))
	// Metrics returns what a scraper reads of this node, and of one to which nothing has happened.
	Metrics, Quiet func() (string, error)
	// Named and QuietNamed return the same of the page that names tenants.
	Named, QuietNamed func() (string, error)
	Log               *slog.Logger
}

// Member is what a connection holds of the hub. What is said of [hub.Member] holds.
type Member interface {
	Echo(name string) *wire.Fault
	Publish(ctx context.Context, name string, p hub.Publication) (broker.Receipt, *wire.Fault)
	Subscribe(ctx context.Context, name string, how hub.Start, confirm func(hub.Begun)) *wire.Fault
	Unsubscribe(name string) *wire.Fault
	Leave()
}

// Engine is the part of [broker.Broker] that keeps history.
type Engine interface {
	Publish(ctx context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error)
	Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) (page []message.Message, complete bool, err error)
}

// Ledger is the part of [revocation.Ledger] that ends credentials.
type Ledger interface {
	Revoke(ctx context.Context, r revocation.Revocation) error
	Lift(ctx context.Context, of tenant.ID, id string) (bool, error)
	Check(p *auth.Principal, now time.Time) error
}

// Tickets is what [ticket.Office] does.
type Tickets interface {
	Mint(ctx context.Context, p *auth.Principal, origin ticket.Origin, now time.Time) (ticket string, expires time.Time, err error)
	Redeem(ctx context.Context, text string, origin ticket.Origin, certificate [32]byte, now time.Time) (*auth.Principal, error)
}

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
	id, err := tenant.Parse("doctor-" + word())
	if err != nil {
		return nil, fmt.Errorf("name a tenant: %w", err)
	}
	return open(id)
}
