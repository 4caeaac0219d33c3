// Package memory is the engine of one process. It has every feature of the contract, and keeps nothing beyond the process but, where it is given a folder,
// what of its State lives a minute or longer.
//
// A publication goes from its publisher's goroutine straight into the sinks: there is no queue, no goroutine of a channel, and of a channel without history
// nothing is left behind.
package memory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// Broker is a node's end of an engine. [New] makes an engine and its first node; a gateway needs no other. [Broker.Node] adds more, for tests and
// simulations of several gateways. [Broker.Run] moves it.
type Broker struct {
	// Set by newNode, then read-only.
	engine *engine
	alone  *audience     // this node and nobody else
	told   chan struct{} // closed by Run when the sink has heard of Up
	done   chan struct{} // closed by Run when it ends

	started atomic.Bool
	serves  atomic.Bool                 // from the moment at which the sink hears of Up
	sink    atomic.Pointer[broker.Sink] // nil until it has heard of Up, and after Run
	control gate
	gates   [shards]messageGate // one for the channels of each shard, so that publishers do not meet
}

var _ broker.Broker = (*Broker)(nil)

// New returns the first node of an engine that knows no channel, and of which nothing outlives the process.
func New() *Broker { return With(Options{}) }

// With is New with options. It opens nothing.
func With(o Options) *Broker { return newEngine(o).node() }

// Open reads what the engine kept on the disk, and says what is wrong with it. Run does it where it was not done; the last Run to end closes the folder.
func (b *Broker) Open() error { return b.engine.state.open() }

// Node returns one more node of the same engine, with its own sink, interest and Run, as if it were in another process.
func (b *Broker) Node() *Broker { return b.engine.node() }

func (e *engine) node() *Broker {
	b := &Broker{engine: e, told: make(chan struct{}), done: make(chan struct{})}
	b.alone = &audience{nodes: []*Broker{b}}
	return b
}

// Run connects sink until ctx ends. Nothing calls sink once it has returned.
func (b *Broker) Run(ctx context.Context, sink broker.Sink) error {
	if !b.started.CompareAndSwap(false, true) {
		return errors.New("the memory broker runs, or has run, already")
	}
	if err := b.engine.enter(b); err != nil {
		close(b.done)
		return err
	}
	b.serves.Store(true) // for whoever hears of Up
	sink.Up()
	b.sink.Store(&sink)
	close(b.told)
	b.engine.tidy(ctx)
	close(b.done)
	b.serves.Store(false)
	b.sink.Store(nil)
	b.control.shut()
	for i := range b.gates {
		b.gates[i].shut()
	}
	b.engine.leave(b)
	return nil
}

// reached says whether the engine works, for this node.
func (b *Broker) reached() error {
	if b.serves.Load() {
		return nil
	}
	select {
	case <-b.done:
		return broker.ErrClosed
	default:
		return broker.ErrUnavailable
	}
}

// Control calls the sinks of all nodes that run.
func (b *Broker) Control(_ context.Context, c broker.Command) error {
	if err := b.reached(); err != nil {
		return err
	}
	for _, n := range *b.engine.running.Load() {
		if !n.obey(c) && n == b {
			return broker.ErrClosed
		}
	}
	return nil
}

// obey gives c to the node's sink, and reports whether there is one.
func (b *Broker) obey(c broker.Command) bool {
	if !b.control.enter() {
		return false
	}
	defer b.control.leave()
	sink := b.listener()
	if sink != nil {
		(*sink).Command(c)
	}
	return sink != nil
}

// hear gives m, of a channel of this shard, to the node's sink, and reports whether there is one.
func (b *Broker) hear(shard int, m *message.Message) bool {
	g := &b.gates[shard]
	if !g.enter() {
		return false
	}
	defer g.leave()
	sink := b.listener()
	if sink != nil {
		(*sink).Message(m)
	}
	return sink != nil
}

// listener returns the sink, nil when there is none. While the sink is being told of Up it waits for that.
func (b *Broker) listener() *broker.Sink {
	if sink := b.sink.Load(); sink != nil || !b.serves.Load() {
		return sink
	}
	<-b.told
	return b.sink.Load()
}

// State is the engine's, shared by its nodes.
func (b *Broker) State() broker.State { return view{b} }

// gate lets callers through to the sink until it is shut, for ever. Entering never waits.
type gate struct{ mu sync.RWMutex }

func (g *gate) enter() bool { return g.mu.TryRLock() }
func (g *gate) leave()      { g.mu.RUnlock() }

// shut waits for those who are inside.
func (g *gate) shut() { g.mu.Lock() }

// messageGate is a gate that shares no cache line with its neighbours.
type messageGate struct {
	gate
	_ [64 - unsafe.Sizeof(gate{})]byte
}
