package session

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"portcullis/internal/wire"
)

// Host is what all sessions of a gateway share: above all the hands that serve their messages.
//
// A connection's own goroutine only reads. Its stack is as small as a stack that waits for the library can be, 4 KiB, and one
// request served on it would double it for as long as the connection lives. Hands have large stacks and are few: as many as there are messages
// being served at this moment.
type Host struct {
	// Set by NewHost, then read-only.
	node     string
	observer Observer
	log      *slog.Logger
	context  context.Context // ends what a request waits for in the hub, when the process must end
	cancel   context.CancelFunc

	errands sync.Pool // of *errand
	work    chan *errand
	parked  atomic.Int32
	workers sync.WaitGroup
}

// mostParked is how many hands wait for work; one that finds so many waiting ends.
const mostParked = 64

// NewHost returns a host of sessions on the named node. Close ends it.
func NewHost(node string, o Observer, log *slog.Logger) *Host {
	h := &Host{node: node, observer: o, log: log, work: make(chan *errand)}
	h.errands.New = newErrand
	h.context, h.cancel = context.WithCancel(context.Background())
	return h
}

// Context ends what anybody waits for in the hub for a session, when the process must end.
func (h *Host) Context() context.Context { return h.context }

// Interrupt ends what requests wait for in the hub. It is for a process that has no more time.
func (h *Host) Interrupt() { h.cancel() }

// Close ends the hands, and waits for them. All sessions have ended before.
func (h *Host) Close() {
	h.cancel()
	h.workers.Wait()
}

// hand gives an errand to hands that wait, or to new ones. It does not wait for it.
func (h *Host) hand(e *errand) {
	select {
	case h.work <- e:
	default:
		h.workers.Go(func() { h.serve(e) })
	}
}

func (h *Host) serve(e *errand) {
	for {
		e.run(h)
		if h.parked.Add(1) > mostParked {
			h.parked.Add(-1)
			return
		}
		select {
		case e = <-h.work:
			h.parked.Add(-1)
		case <-h.context.Done():
			return
		}
	}
}

// errand is one message to serve, and the buffer that it was read into. A quiet connection has none.
type errand struct {
	session *Session
	op      wire.Opcode
	payload []byte
	done    chan struct{} // told once when it is served
}

func newErrand() any { return &errand{payload: make([]byte, 0, 1024), done: make(chan struct{}, 1)} }

// keepBuffer is the largest buffer that is worth keeping: what a message of 64 KiB grows to.
const keepBuffer = 128 << 10

// putBack lets another message use e, its buffer too unless it has grown too large to be kept.
func (h *Host) putBack(e *errand) {
	if e.session = nil; cap(e.payload) > keepBuffer || e.payload == nil {
		e.payload = make([]byte, 0, 1024)
	}
	h.errands.Put(e)
}

// run serves the message. A mistake of ours stays in one connection: it ends that one, loudly, and nobody else's.
func (e *errand) run(h *Host) {
	s := e.session
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("session panicked", "event", "session.panic", "connection", s.id, "panic", p, "stack", string(debug.Stack()))
			s.End(wire.ClosedInternal, 0)
		}
		e.done <- struct{}{}
	}()
	s.message(e.op, e.payload)
}
