// Package memory is the engine of one node: it has every feature of the contract and keeps nothing beyond the process.
//
// A publication goes from its publisher's goroutine straight into the sink: there is no queue, no goroutine of a channel, and of a channel without history
// nothing is left behind.
package memory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
)

// shards spread the locks. A power of two.
const shards = 256

// Broker is the engine. [Broker.Run] moves it.
type Broker struct {
	// Set by New, then read-only.
	epoch string
	seed  maphash.Seed
	done  chan struct{} // closed by Run when it ends

	started atomic.Bool
	sink    atomic.Pointer[broker.Sink] // nil before Run and after it
	control gate

	// last is the newest offset. All channels count together, so that an offset is never given twice on a channel whose messages all
	// grew old. It is raised under the lock of the channel's shard.
	last   atomic.Uint64
	shards [shards]shard
	swept  int // the next shard to sweep; owned by Run

	state state
}

var _ broker.Broker = (*Broker)(nil)

// New returns an engine that knows no channel.
func New() *Broker {
	b := &Broker{epoch: newEpoch(), seed: maphash.MakeSeed(), done: make(chan struct{})}
	b.state = newState(b.reached, b.done)
	for i := range b.shards {
		b.shards[i].init()
	}
	return b
}

// newEpoch returns a name that no other engine's start has: 48 random bits, short, for it goes to the clients with every message.
func newEpoch() string {
	var id [6]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// Run connects sink until ctx ends. Nothing calls sink once it has returned.
func (b *Broker) Run(ctx context.Context, sink broker.Sink) error {
	if !b.started.CompareAndSwap(false, true) {
		return errors.New("the memory broker runs, or has run, already")
	}
	sink.Up()
	b.sink.Store(&sink)
	b.tidy(ctx)
	close(b.done)
	b.sink.Store(nil)
	b.control.shut()
	for i := range b.shards {
		b.shards[i].gate.shut()
	}
	return nil
}

// tidy lets grow old what is old, until ctx ends.
func (b *Broker) tidy(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	expiry := time.NewTimer(0)
	defer expiry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-sweep.C:
			b.sweep(now)
		case <-b.state.earlier:
			expiry.Reset(b.state.expire(time.Now()))
		case <-expiry.C:
			expiry.Reset(b.state.expire(time.Now()))
		}
	}
}

// reached says whether the engine works.
func (b *Broker) reached() error {
	_, err := b.running()
	return err
}

func (b *Broker) running() (broker.Sink, error) {
	if sink := b.sink.Load(); sink != nil {
		return *sink, nil
	}
	select {
	case <-b.done:
		return nil, broker.ErrClosed
	default:
		return nil, broker.ErrUnavailable
	}
}

// Control calls the sink.
func (b *Broker) Control(_ context.Context, c broker.Command) error {
	sink, err := b.running()
	if err != nil {
		return err
	}
	if !b.control.enter() {
		return broker.ErrClosed
	}
	defer b.control.leave()
	sink.Command(c)
	return nil
}

// State is the process's own.
func (b *Broker) State() broker.State { return &b.state }

func (b *Broker) shard(ref channel.Ref) *shard {
	return &b.shards[maphash.Comparable(b.seed, ref)&(shards-1)]
}

// gate lets callers through to the sink until it is shut, for ever. Entering never waits.
type gate struct{ mu sync.RWMutex }

func (g *gate) enter() bool { return g.mu.TryRLock() }
func (g *gate) leave()      { g.mu.RUnlock() }

// shut waits for those who are inside.
func (g *gate) shut() { g.mu.Lock() }
