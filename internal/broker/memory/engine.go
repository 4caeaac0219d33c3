package memory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/channel"
)

// shards spread the locks. A power of two.
const shards = 256

// engine is what nodes share.
type engine struct {
	// Set by newEngine, then read-only.
	epoch string
	began time.Time
	seed  maphash.Seed

	shards [shards]shard
	swept  atomic.Uint32 // how many shards were swept so far
	vaults sync.Map      // of *vault, by tenant.ID

	state state

	mu      sync.Mutex                // held to change running
	running atomic.Pointer[[]*Broker] // the nodes that run; replaced, never changed
}

func newEngine(o Options) *engine {
	e := &engine{epoch: newEpoch(), began: time.Now(), seed: maphash.MakeSeed()}
	e.state.init(newDurable(o))
	e.running.Store(new([]*Broker))
	for i := range e.shards {
		e.shards[i].init()
	}
	return e
}

// newEpoch returns a name that no other engine's start has: 48 random bits, short, for it goes to the clients with every message.
func newEpoch() string {
	var id [6]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// enter counts a node among those that run. The first of them opens what is on the disk.
func (e *engine) enter(b *Broker) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.state.open(); err != nil {
		return err
	}
	all := append(slices.Clone(*e.running.Load()), b)
	e.running.Store(&all)
	return nil
}

// leave takes a node away, with its interest. The last closes what is on the disk.
func (e *engine) leave(b *Broker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(*e.running.Load()), func(n *Broker) bool { return n == b })
	e.running.Store(&all)
	for i := range e.shards {
		e.shards[i].part(b)
	}
	if len(all) == 0 {
		e.state.close()
	}
}

// tidy lets grow old what is old, until ctx ends. Every node that runs does it, and none relies on another.
func (e *engine) tidy(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	expiry := time.NewTimer(0)
	defer expiry.Stop()
	defer signal(e.state.earlier) // what this node waited for, another may not know of
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-sweep.C:
			e.sweep(now)
		case <-e.state.earlier:
			expiry.Reset(e.state.expire(time.Now()))
		case <-expiry.C:
			expiry.Reset(e.state.expire(time.Now()))
		}
	}
}

func (e *engine) place(ref channel.Ref) (int, *shard) {
	i := e.number(ref)
	return i, &e.shards[i]
}

func (e *engine) number(ref channel.Ref) int {
	return int(maphash.Comparable(e.seed, ref) & (shards - 1))
}
