package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/tenant"
)

// State is the engine's memory, as far as a ledger uses it. The engine's contract holds.
type State interface {
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Watch(ctx context.Context, prefix string, changed func(key string, value []byte), current func()) error
}

// Change is something that took effect: a revocation, or the suspension of a tenant.
type Change struct {
	Revocation *Revocation
	Suspended  tenant.ID
}

// Tenant is whose right it concerns.
func (c *Change) Tenant() tenant.ID {
	if c.Revocation != nil {
		return c.Revocation.Tenant
	}
	return c.Suspended
}

// Concerns reports whether p may be one whose right ended by the change.
func (c *Change) Concerns(p *auth.Principal) bool {
	if c.Revocation != nil {
		return c.Revocation.Ends(p)
	}
	return p.Tenant == c.Suspended
}

// MaxPerTenant bounds what one tenant can make every node remember, about 300 bytes each. One more is an error to whoever asks for it.
const MaxPerTenant = 100_000

// ErrFull is the error of a tenant that revoked too much.
var ErrFull = fmt.Errorf("the tenant has %d revocations; lift some, give them an end (until), or revoke a key or users by time instead", MaxPerTenant)

// Ledger knows everything that was revoked, on one node. It is moved by Run, and safe for concurrent use.
type Ledger struct {
	// Set by NewLedger, then read-only.
	state    State
	announce func(ctx context.Context, data []byte) error
	changed  func(Change)
	log      *slog.Logger
	ready    chan struct{} // closed by Run

	current atomic.Bool // ready was closed

	// turn is held while a revocation is merged with the one that is there and stored, or lifted: two at once would each store what it knew.
	turn chan struct{}

	// Guarded by mu.
	mu        sync.RWMutex
	index     index
	past      past
	suspended map[tenant.ID]int64 // since when, as the suspension says it
}

// NewLedger returns a ledger over the engine's memory. announce hands data to every node, this one included, whose ledgers are given it by Heard. changed is
// called for everything that is new, from the goroutine that heard of it, once Check refuses accordingly; it must not wait.
func NewLedger(state State, announce func(ctx context.Context, data []byte) error, changed func(Change), log *slog.Logger) *Ledger {
	return &Ledger{
		state: state, announce: announce, changed: changed, log: log,
		ready: make(chan struct{}), turn: make(chan struct{}, 1), index: newIndex(), past: newPast(), suspended: make(map[tenant.ID]int64),
	}
}

// The keys under which the engine keeps what is revoked.
const (
	prefix      = "ended/"
	revocations = prefix + "revocation/"
	suspensions = prefix + "suspension/"
)

const expireEvery = time.Minute

// Run learns what the engine keeps, and every change of it, until ctx ends. It returns an error when the engine cannot tell any more.
func (l *Ledger) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var tidying sync.WaitGroup
	tidying.Go(func() { l.tidy(ctx) })
	defer tidying.Wait()
	defer stop()
	return l.state.Watch(ctx, prefix, l.watched, func() {
		l.current.Store(true)
		close(l.ready)
	})
}

// Ready is closed when everything that was revoked before is known.
func (l *Ledger) Ready() <-chan struct{} { return l.ready }

func (l *Ledger) tidy(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			l.mu.Lock()
			l.index.expire(now)
			l.past.expire(now)
			l.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// Check refuses a principal whose credential or tenant has ended. Before everything is known it refuses everybody.
func (l *Ledger) Check(p *auth.Principal, now time.Time) error {
	if !l.current.Load() {
		return auth.Refuse(auth.EngineAway, "the engine has not said yet what was revoked")
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if _, suspended := l.suspended[p.Tenant]; suspended {
		return auth.Refuse(auth.TenantSuspended, "tenant %s is suspended", p.Tenant)
	}
	if len(l.index.byID) == 0 {
		return nil
	}
	if r := l.index.find(p, now); r != nil {
		return auth.Refuse(auth.Revoked, "revoked by %s, kind %s", r.ID(), r.Kind)
	}
	return nil
}

// Revoke ends what r names, on every node. When it returns without an error no node that the engine reaches lets it in, and the engine keeps it.
func (l *Ledger) Revoke(ctx context.Context, r Revocation) error {
	now := time.Now()
	if err := r.Validate(now); err != nil {
		return err
	}
	if r.Made.IsZero() {
		r.Made = now
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.RLock()
	merged := &r
	if old := l.index.byID[r.ID()]; old != nil {
		merged = old.merge(&r)
	} else if l.index.ofTenant[r.Tenant] >= MaxPerTenant {
		l.mu.RUnlock()
		return ErrFull
	}
	l.mu.RUnlock()
	text, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	var ttl time.Duration
	if !merged.Until.IsZero() {
		ttl = merged.Until.Sub(now)
	}
	return l.store(ctx, revocations+r.ID(), text, ttl)
}

// Lift takes a revocation back, by its id and tenant, and reports whether there was one. Whoever it ended may come in again.
func (l *Ledger) Lift(ctx context.Context, of tenant.ID, id string) (bool, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	l.mu.RLock()
	r := l.index.byID[id]
	l.mu.RUnlock()
	if r == nil || r.Tenant != of {
		return false, nil
	}
	return true, l.store(ctx, revocations+id, nil, -1)
}

// notice is what one node tells the others: a key of the engine's memory and what stands there now, nothing for what was taken away.
type notice struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty"`
}

// store keeps first and tells then: a node that misses the word finds it in the store.
func (l *Ledger) store(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := l.state.Put(ctx, key, value, ttl); err != nil {
		return fmt.Errorf("store what is revoked: %w", err)
	}
	data, err := json.Marshal(notice{key, value})
	if err != nil {
		return err
	}
	if err := l.announce(ctx, data); err != nil {
		return fmt.Errorf("tell every node what is revoked: %w", err)
	}
	return nil
}

// Heard takes what a node announced.
func (l *Ledger) Heard(data []byte) {
	var n notice
	if err := strictly(data, &n); err != nil {
		l.misunderstood("announcement", err)
		return
	}
	l.stored(n.Key, n.Value)
}

// watched takes a change of the engine's memory, which may be told late: after a lift was announced, or after a lifted one was made anew.
func (l *Ledger) watched(key string, value []byte) {
	if name, ok := strings.CutPrefix(key, suspensions); ok {
		l.toldOfSuspension(name, value)
		return
	}
	id, ok := strings.CutPrefix(key, revocations)
	if !ok {
		l.stored(key, value)
		return
	}
	if value == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if r := l.index.byID[id]; r != nil && (r.over(time.Now()) || l.past.wasTold(id, r.Made.UnixNano())) {
			l.index.remove(id)
		}
		l.past.untell(id)
		return
	}
	if r := l.read(key, value); r != nil {
		l.put(r, func() bool { return l.past.tell(id, r.Made.UnixNano()) })
	}
}

// stored takes what stands under a key of the engine's memory, nil for what was taken away.
func (l *Ledger) stored(key string, value []byte) {
	if id, ok := strings.CutPrefix(key, suspensions); ok {
		l.heardOfSuspension(id, value)
		return
	}
	id, ok := strings.CutPrefix(key, revocations)
	switch {
	case !ok:
		l.misunderstood(key, errors.New("it is neither a revocation nor a suspension"))
	case value == nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		if r := l.index.remove(id); r != nil {
			l.past.lift(id, r.Made.UnixNano(), time.Now())
		}
	default:
		if r := l.read(key, value); r != nil {
			l.put(r, func() bool { return true })
		}
	}
}

func (l *Ledger) read(key string, value []byte) *Revocation {
	r, err := Decode(value)
	if err != nil {
		l.misunderstood(key, err)
		return nil
	}
	return r
}

// put takes r into effect where counts, called under the lock, says that it does.
func (l *Ledger) put(r *Revocation, counts func() bool) {
	l.mu.Lock()
	news := counts() && l.index.put(r)
	l.mu.Unlock()
	if news {
		l.changed(Change{Revocation: r})
	}
}

// misunderstood is told loudly: what a newer node revoked, this one may let in.
func (l *Ledger) misunderstood(what string, err error) {
	l.log.Error("a revocation cannot be read: what it ends may still be let in here; bring all nodes to one version",
		"event", "revocation.unreadable", "what", what, "error", err)
}

// List returns the revocations of a tenant, the suspended tenants beside, in a fixed order.
func (l *Ledger) List(of tenant.ID) []*Revocation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []*Revocation
	for _, r := range l.index.byID {
		if r.Tenant == of {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *Revocation) int { return strings.Compare(a.ID(), b.ID()) })
	return all
}
