package client

import "sync"

// event is what stands in a feed's queue: a message, a gap, or somebody who came or went.
type event struct {
	message  *Message
	gap      *Gap
	presence *PresenceEvent
}

func (e event) size() int {
	switch {
	case e.message != nil:
		return len(e.message.Data) + len(e.message.Binary)
	case e.presence != nil:
		m := e.presence.Member
		return len(m.User) + len(m.Connection) + len(m.Info)
	case e.gap != nil:
		return len(e.gap.Epoch) + len(e.gap.Reason)
	}
	return 0
}

// queue stands between the reading goroutine, which never waits, and the callers of Next. It is bounded as an inbox is, and what it drops becomes
// one gap before the rest, and of those who came and went one word that what was known is old.
type queue struct {
	ready chan struct{} // holds one when there may be something to take

	// Guarded by mu.
	mu     sync.Mutex
	events []event
	bytes  int
	at     Position       // of what was taken last
	lost   *Gap           // what was dropped in front of events
	stale  *PresenceEvent // the same of presence
	ended  error          // nothing is put any more
}

func (q *queue) put(e event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended != nil {
		return
	}
	q.events = append(q.events, e)
	q.bytes += e.size()
	for len(q.events) > inboxMessages || q.bytes > inboxBytes && len(q.events) > 1 {
		q.lose(q.pop())
	}
	q.signal()
}

// lose adds what was dropped to what is told in front.
func (q *queue) lose(e event) {
	if e.presence != nil {
		q.stale = e.presence.after(q.stale)
		return
	}
	if q.lost == nil {
		q.lost = &Gap{After: q.at.Offset, Epoch: q.at.Epoch, Reason: "client"}
	}
	switch {
	case e.message != nil:
		if at := e.message.Position; at.Epoch != "" {
			q.lost.through(Position{at.Offset + 1, at.Epoch})
		}
		q.lost.Lost++
	case e.gap != nil:
		q.lost.through(Position{e.gap.Before, e.gap.Epoch})
		q.lost.Lost += e.gap.Lost
	}
}

// begin says where the channel stood when the gateway first agreed.
func (q *queue) begin(at Position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.at = at
}

// take returns the oldest event, or the end once there is none.
func (q *queue) take() (e event, found bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.lost != nil:
		e, q.lost = event{gap: q.lost}, nil
	case q.stale != nil:
		e, q.stale = event{presence: q.stale}, nil
	case len(q.events) > 0:
		e = q.pop()
	default:
		if q.ended != nil {
			q.signal() // for the others who wait
		}
		return e, false, q.ended
	}
	switch {
	case e.message != nil:
		q.at = e.message.Position
	case e.gap != nil && e.gap.Before > 0:
		q.at = Position{e.gap.Before - 1, e.gap.Epoch}
	}
	if len(q.events) > 0 || q.stale != nil || q.ended != nil {
		q.signal()
	}
	return e, true, nil
}

// end lets take return err behind the last event. The first end counts.
func (q *queue) end(err error, clear bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == nil {
		q.ended = err
	}
	if clear {
		q.events, q.bytes, q.lost, q.stale = nil, 0, nil, nil
	}
	q.signal()
}

// pop removes the oldest of at least one event. The caller holds mu.
func (q *queue) pop() event {
	e := q.events[0]
	q.events[0] = event{} // its data is the caller's alone
	if q.events = q.events[1:]; len(q.events) == 0 {
		q.events = nil // a quiet channel holds no memory
	}
	q.bytes -= e.size()
	return e
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
