package socket

import "time"

const (
	// A write that has lasted for stallAfter, to a socket without room, waits for the peer. Whoever waits for a peer's outbox looks every lookAgain whether that is so.
	stallAfter = 10 * time.Millisecond
	lookAgain  = 2 * time.Millisecond
)

// await waits while more than half of the outbox is taken. It ends with the connection at the latest.
func (p *pipe) await() {
	for {
		eased, _ := p.crowded()
		if eased == nil {
			return
		}
		<-eased
	}
}

// awaitOurs is await until a time, and only while it is this machine that has not written what the outbox holds. It waits for no peer.
func (p *pipe) awaitOurs(until time.Time) {
	for {
		eased, since := p.crowded()
		now := time.Now()
		if eased == nil || !now.Before(until) || p.stalls(since) {
			return
		}
		wait := time.NewTimer(min(lookAgain, until.Sub(now)))
		select {
		case <-eased:
			wait.Stop()
		case <-wait.C:
		}
	}
}

// stalls reports whether a write that began at since, zero for none, waits for the peer.
func (p *pipe) stalls(since time.Time) bool {
	return !since.IsZero() && time.Since(since) >= stallAfter && !writable(p.Conn)
}

// behind reports whether the outbox waits for the peer, or has so much in it that it does not matter for whom. The caller holds mu.
func (p *pipe) behind() bool { return p.out.half() || p.stalls(p.since) }

// crowded returns a channel that is closed once no more than half of the outbox is taken, nil when that is so or the connection ends, and when the write began that goes on.
func (p *pipe) crowded() (eased <-chan struct{}, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.out.half() || p.refuses() != nil {
		return nil, time.Time{}
	}
	if p.eased == nil {
		p.eased = make(chan struct{})
	}
	return p.eased, p.since
}

// ease tells those who await room. The caller holds mu.
func (p *pipe) ease() {
	if p.eased != nil && !p.out.half() {
		close(p.eased)
		p.eased = nil
	}
}
