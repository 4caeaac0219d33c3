package limit

import (
	"net"
	"time"
)

// place finds a place for c, and tells who has to go for it: nobody, c itself, or another.
func (l *Lobby) place(c net.Conn, now time.Time) (loser net.Conn, why Turned) {
	addr, counts := l.counted(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if counts {
		if l.limits.ConnectionsPerAddress != Unlimited && l.from[customerOf(addr)] >= l.limits.ConnectionsPerAddress {
			return c, AddressFull
		}
		if _, ok := l.rates.Request(now, addr); !ok {
			return c, AddressTooOft
		}
	}
	if l.limits.Connections == Unlimited || len(l.guests)-l.displaced < l.limits.Connections {
		return nil, ""
	}
	has := 0
	if counts {
		has = l.from[customerOf(addr)]
	}
	g := l.longestSilent(now, has)
	if g == nil {
		return c, LobbyFull
	}
	l.silent.Remove(g.silent)
	g.silent, g.displaced = nil, true
	l.displaced++
	return g.conn, Displaced
}

// longestSilent finds who has let the gateway wait for longest and has to go for somebody whose address has so many places, or nil. Whoever has sent what was not read yet waits
// for the gateway, and is behind all others from now on: when honest clients come faster than they can be served, each that is displaced would be work for nothing, and
// soon all of them. The caller holds mu.
func (l *Lobby) longestSilent(now time.Time, has int) *guest {
	next := l.silent.Front()
	for range looks {
		if next == nil {
			return nil
		}
		e := next
		g := e.Value.(*guest)
		next = e.Next()
		switch {
		case now.Sub(g.since) < patience && !(g.counts && l.from[g.customer] >= crowd*(has+1)):
		case pending(kernel(g.conn)):
			g.since = now
			l.silent.MoveToBack(e)
		default:
			return g
		}
	}
	return nil
}

func (l *Lobby) enter(c net.Conn, now time.Time) {
	addr, counts := l.counted(c)
	g := &guest{conn: c, customer: customerOf(addr), counts: counts, since: now}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests[c] = g
	g.silent = l.silent.PushBack(g)
	if counts {
		l.from[g.customer]++
	}
}

// speaks is called once the headers of a request are there, and again when its body is. What is being answered is not displaced.
func (l *Lobby) speaks(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.guests[c]; g != nil && g.silent != nil {
		l.silent.Remove(g.silent)
		g.silent = nil
	}
}

// falls is called when a request has a body that is to come, and when one was answered and the connection is kept.
func (l *Lobby) falls(c net.Conn, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.guests[c]; g.silent == nil && !g.displaced {
		g.since, g.silent = now, l.silent.PushBack(g)
	}
}

func (l *Lobby) leave(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.guests[c]
	delete(l.guests, c)
	if g.silent != nil {
		l.silent.Remove(g.silent)
	}
	if g.displaced {
		l.displaced--
	}
	if !g.counts {
		return
	}
	if l.from[g.customer]--; l.from[g.customer] == 0 {
		delete(l.from, g.customer)
	}
}
