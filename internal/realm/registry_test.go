package realm_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// readings is an observer that notes whose keys are known, and how often they were read.
type readings struct {
	mu   sync.Mutex
	seen map[string]int // by issuer; no entry for one that was dropped
}

func (r *readings) Fetched(issuer string, _ error, _ time.Duration, _ int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[issuer]++
}

func (r *readings) Dropped(issuer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, issuer)
}

// known returns whose keys the observer has heard of, in order.
func (r *readings) known() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for issuer := range r.seen {
		all = append(all, issuer)
	}
	slices.Sort(all)
	return all
}

// after builds a snapshot of tenants written as YAML, beside another one.
func (w *world) after(previous *realm.Snapshot, keys *readings, tenants string) *realm.Snapshot {
	w.t.Helper()
	w.write("portcullis.yaml", "listen: {plaintext: true}\ntenants:\n"+tenants)
	c, problems := config.Load(filepath.Join(w.dir, "portcullis.yaml"))
	if config.Failed(problems) {
		w.t.Fatal(problems)
	}
	s, problems := realm.Build(c, realm.Options{Log: slog.New(slog.DiscardHandler), Gate: auth.NewSlots(2), Keys: keys, Previous: previous})
	if s == nil {
		w.t.Fatal(problems)
	}
	return s
}

// Reloads may be faster than whoever keeps the keys: an issuer that was there for a moment is forgotten as one that was there for a year.
func TestAnIssuerThatWasThereForAMomentIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, keys := newWorld(t), &readings{seen: make(map[string]int)}
		acme, _, _ := strings.Cut(both, "  - id: globex")
		first := w.after(nil, keys, acme)
		r := realm.NewRegistry(first)
		second := w.after(first, keys, both)
		r.Swap(second)
		r.Swap(w.after(second, keys, acme))
		if got := keys.known(); len(got) != 2 {
			t.Fatalf("got %v, want both issuers to be known: the test proves nothing", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx, func(tenant.ID) {})
		synctest.Wait()
		if got := keys.known(); !slices.Equal(got, []string{acmeURL}) {
			t.Errorf("got %v, want acme's alone", got)
		}
		cancel()
		synctest.Wait()
	})
}

// What a snapshot has no more is not looked at any more, by no goroutine; what it still has is not read again because of the swap.
func TestWhatASnapshotHasNoMoreIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, keys := newWorld(t), &readings{seen: make(map[string]int)}
		acme, _, _ := strings.Cut(both, "  - id: globex")
		s := w.after(nil, keys, both)
		r := realm.NewRegistry(s)
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx, func(tenant.ID) {})
		for range 10 {
			for _, tenants := range []string{acme, both, acme} {
				s = w.after(s, keys, tenants)
				r.Swap(s)
				synctest.Wait()
			}
		}
		w.write("globex-jwks.json", string(authtest.New(globexURL).JWKS()))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := keys.known(); !slices.Equal(got, []string{acmeURL}) {
			t.Errorf("got %v, want nobody to have read globex's keys", got)
		}
		if n := keys.seen[acmeURL]; n != 1 {
			t.Errorf("acme's keys were read %d times over thirty swaps, want once", n)
		}
		cancel()
		synctest.Wait()
	})
}
