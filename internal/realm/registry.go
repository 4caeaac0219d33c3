package realm

import (
	"context"
	"sync"
	"sync/atomic"

	"portcullis/internal/tenant"
)

// Registry gives everybody the current snapshot, and keeps its keys and revocation lists fresh.
type Registry struct {
	current atomic.Pointer[Snapshot]
	swapped chan struct{} // there is a snapshot that Run has not seen; one is enough, because it looks at the newest

	// Guarded by mu.
	mu     sync.Mutex
	passed map[string]bool // issuers of snapshots that are over: of them, some may be over for good

	// Owned by Run.
	running map[any]*keeper // by the *jwks.Source or *crl.Lists
	kept    *Snapshot       // whose they are
}

// keeper is a goroutine that keeps something fresh.
type keeper struct {
	stop context.CancelFunc
	done chan struct{}
}

// NewRegistry returns a registry whose current snapshot is s.
func NewRegistry(s *Snapshot) *Registry {
	r := &Registry{swapped: make(chan struct{}, 1), passed: make(map[string]bool), running: make(map[any]*keeper), kept: new(Snapshot)}
	r.current.Store(s)
	return r
}

// Current returns the newest snapshot. Whoever asks two questions that belong together asks one snapshot.
func (r *Registry) Current() *Snapshot { return r.current.Load() }

// Swap makes s the current snapshot and returns the one before it. Accounts follow at once, and whoever is in when the gateway applies it.
func (r *Registry) Swap(s *Snapshot) (was *Snapshot) {
	was = r.current.Swap(s)
	r.mu.Lock()
	for o := range was.sources {
		r.passed[o.issuer] = true
	}
	r.mu.Unlock()
	for _, t := range s.tenants {
		t.Account.Set(t.limits)
	}
	select {
	case r.swapped <- struct{}{}:
	default:
	}
	return was
}

// Run keeps the keys and the revocation lists of the newest snapshot fresh until ctx ends; what a snapshot has no more is stopped. It calls revoked for a tenant whose
// lists changed: those of its clients who are there are to be asked about with [Snapshot.CheckCertificate].
func (r *Registry) Run(ctx context.Context, revoked func(tenant.ID)) {
	for ctx.Err() == nil {
		r.keep(ctx, r.Current(), revoked)
		select {
		case <-r.swapped:
		case <-ctx.Done():
		}
	}
	r.stop(nil)
}

// keep runs what s has, and stops all else. What runs already runs on.
func (r *Registry) keep(ctx context.Context, s *Snapshot, revoked func(tenant.ID)) {
	wanted := make(map[any]func(context.Context), len(s.sources))
	for _, k := range s.sources {
		wanted[k] = k.Run
	}
	for id, t := range s.tenants {
		if t.lists != nil {
			wanted[t.lists] = func(ctx context.Context) {
				t.lists.Run(ctx, id, s.options.Log.With("tenant", id.String()), s.options.Lists, func() { revoked(id) })
			}
		}
	}
	r.stop(wanted)
	r.forget(s)
	for what, run := range wanted {
		if r.running[what] == nil {
			inner, stop := context.WithCancel(ctx)
			k := &keeper{stop, make(chan struct{})}
			r.running[what] = k
			go func() { // ends with the keeper, for which stop waits
				defer close(k.done)
				run(inner)
			}()
		}
	}
	r.kept = s
}

// stop stops what is not wanted any more, and waits until it has.
func (r *Registry) stop(wanted map[any]func(context.Context)) {
	var ending []*keeper
	for what, k := range r.running {
		if wanted[what] == nil {
			k.stop()
			ending = append(ending, k)
			delete(r.running, what)
		}
	}
	for _, k := range ending {
		<-k.done
	}
}

// forget tells the observers what they will hear of no more. Issuers are those of every snapshot since the last time: their keys may have been read before the swap, and reloads
// may be faster than Run.
func (r *Registry) forget(s *Snapshot) {
	r.mu.Lock()
	passed := r.passed
	r.passed = make(map[string]bool)
	r.mu.Unlock()
	for o := range s.sources {
		delete(passed, o.issuer)
	}
	for issuer := range passed {
		if s.options.Keys != nil {
			s.options.Keys.Dropped(issuer)
		}
	}
	for id, t := range r.kept.tenants {
		if now := s.tenants[id]; t.lists != nil && (now == nil || now.lists == nil) && s.options.Lists != nil {
			s.options.Lists.Dropped(id)
		}
	}
}
