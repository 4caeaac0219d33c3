package webhook

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A batch is closed when it has so much.
	batchEvents = 256
	batchBytes  = 128 << 10

	// queueEvents and queueBytes are how much waits for one receiver. The newest event is lost: what waits stays whole up to the place of the loss, and a batch that
	// is being sent again stays the same.
	queueEvents = 10_000
	queueBytes  = 4 << 20

	// storeBytes is how much waits for all receivers of the node, shareBytes what each may have of it whatever the others do.
	storeBytes = 256 << 20
	shareBytes = 64 << 10
)

// store is what waits in all queues together.
type store struct {
	bytes, events atomic.Int64
	drained       chan struct{} // somebody may look: nothing waits any more
}

// take takes room for an event of a queue that holds so many bytes, unless there is none.
func (s *store) take(size, held int) bool {
	if all := s.bytes.Add(int64(size)); all > storeBytes && held+size > shareBytes {
		s.bytes.Add(int64(-size))
		return false
	}
	s.events.Add(1)
	return true
}

func (s *store) give(events, bytes int) {
	s.bytes.Add(int64(-bytes))
	if events > 0 && s.events.Add(int64(-events)) == 0 {
		select {
		case s.drained <- struct{}{}:
		default:
		}
	}
}

// missing are events that were lost, one behind the other.
type missing struct {
	count    uint64
	from, to time.Time
}

// with returns both, of which m came first.
func (m missing) with(later missing) missing {
	switch {
	case later.count == 0:
		return m
	case m.count == 0:
		return later
	}
	return missing{m.count + later.count, m.from, later.to}
}

// batch is events that are sent together.
type batch struct {
	id     string
	lost   missing // before its first event
	body   []byte  // the events, with commas between them
	events int
	size   int       // as the queue counts it
	begun  time.Time // when its first event happened, and its last
	last   time.Time
}

// queue is what one receiver has not taken yet.
type queue struct {
	// Set by newQueue, then read-only.
	run      string // of the ids of this queue alone
	store    *store
	observer Observer
	ready    chan struct{} // somebody may look: there is something new

	// Guarded by mu.
	mu            sync.Mutex
	closed        []*batch // those that get nothing more, the oldest first
	open          *batch   // the one behind them; nil where there is none
	lost          missing  // behind all of them
	events, bytes int      // of all batches, those taken out and not done too
	next, batches uint64   // numbers of the next event and the next batch
	unlogged      uint64   // lost, and not told to the operator yet
	stopped       Loss     // why nothing is taken any more; empty while it is
}

func newQueue(run string, s *store, o Observer) *queue {
	return &queue{run: run, store: s, observer: o, ready: make(chan struct{}, 1)}
}

// put adds an event, encoded as [encode] does, or loses it. It waits for nobody.
func (q *queue) put(kind Kind, text []byte, at time.Time) {
	why := q.add(text, at)
	q.observer.Happened(kind)
	if why != "" {
		q.observer.Lost(why, 1)
	}
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) add(text []byte, at time.Time) (why Loss) {
	q.mu.Lock()
	defer q.mu.Unlock()
	number := q.next
	q.next++
	size := len(text) + len(q.run) + 30 // its id, and what stands between two
	switch {
	case q.stopped != "":
		why = q.stopped
	case q.events >= queueEvents, q.bytes+size > queueBytes, !q.store.take(size, q.bytes):
		why = QueueFull
	}
	if why != "" {
		q.lost = q.lost.with(missing{1, at, at})
		q.unlogged++
		return why
	}
	if q.lost.count > 0 {
		q.seal()
	}
	if q.open == nil {
		q.open = &batch{begun: at, lost: q.lost}
		q.lost = missing{}
	}
	b := q.open
	if b.events > 0 {
		b.body = append(b.body, ',')
	}
	b.body = append(append(append(b.body, `{"id":"`...), q.run...), '-')
	b.body = append(append(strconv.AppendUint(b.body, number, 10), `",`...), text...)
	b.events++
	b.size += size
	b.last = at
	q.count(1, size)
	if b.events >= batchEvents || len(b.body) >= batchBytes {
		q.seal()
	}
	return ""
}

// count keeps the sums. The bytes are rounded up, and given back with their batch.
func (q *queue) count(events, bytes int) {
	q.events += events
	q.bytes += bytes
	q.observer.Waiting(events, bytes)
}

// seal closes the open batch. The caller holds mu.
func (q *queue) seal() {
	if q.open != nil {
		q.closed = append(q.closed, q.open)
		q.open = nil
	}
}

// take takes the next batch out; whoever does gives it back to done. Without one that is closed it is the open one, if that is old enough or now is true, and what was
// lost behind it makes a batch too. Otherwise it is nil, and after is how long to wait for the open one, 0 for until ready.
func (q *queue) take(at time.Time, now bool) (b *batch, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped != "" {
		return nil, 0
	}
	if len(q.closed) == 0 {
		switch {
		case q.open != nil:
			if left := linger - at.Sub(q.open.begun); left > 0 && !now {
				return nil, left
			}
			q.seal()
		case q.lost.count > 0:
			q.closed = append(q.closed, &batch{lost: q.lost, begun: at})
			q.lost = missing{}
		default:
			return nil, 0
		}
	}
	b = q.closed[0]
	q.closed[0] = nil
	if q.closed = q.closed[1:]; len(q.closed) == 0 {
		q.closed = nil
	}
	b.id = "msg_" + q.run + "_" + strconv.FormatUint(q.batches, 10)
	q.batches++
	return b, 0
}

// done gives back a batch that was taken out. why is empty when the receiver has it; otherwise it is lost, and told with what comes behind it.
func (q *queue) done(b *batch, why Loss) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count(-b.events, -b.size)
	q.store.give(b.events, b.size)
	if why == "" {
		return
	}
	gone := b.lost
	if b.events > 0 {
		gone = gone.with(missing{uint64(b.events), b.begun, b.last})
		q.unlogged += uint64(b.events)
		q.observer.Lost(why, b.events)
	}
	switch {
	case len(q.closed) > 0:
		q.closed[0].lost = gone.with(q.closed[0].lost)
	case q.open != nil:
		q.open.lost = gone.with(q.open.lost)
	default:
		q.lost = gone.with(q.lost)
	}
}

// stop loses all that waits, and all that comes, until resume.
func (q *queue) stop(why Loss) {
	q.mu.Lock()
	all := q.closed
	if q.open != nil {
		all = append(all, q.open)
	}
	q.closed, q.open, q.stopped = nil, nil, why
	q.mu.Unlock()
	for _, b := range slices.Backward(all) { // each loss is put before the one behind it
		q.done(b, why)
	}
}

// resume takes events again.
func (q *queue) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped == Gone {
		q.stopped = ""
		q.wake()
	}
}

// lossy reports whether losses has something to tell.
func (q *queue) lossy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.unlogged > 0
}

// losses returns how many events were lost since it was asked.
func (q *queue) losses() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.unlogged
	q.unlogged = 0
	return n
}
