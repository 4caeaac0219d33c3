package limit

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// LobbyLimits are how many connections may be open that have no session yet. They count on this node alone. [Unlimited] is a value of each.
type LobbyLimits struct {
	Connections                    int
	ConnectionsPerAddress          int
	ConnectionsPerSecondPerAddress int // with a burst of twice itself
}

// Turned says why a connection was turned away. The set is closed: it is a metric label.
type Turned string

// The reasons.
const (
	LobbyFull     Turned = "full"
	AddressFull   Turned = "address_full"
	AddressTooOft Turned = "address_rate"
)

// Turns lists every reason, for label sets that are created at zero.
var Turns = []Turned{LobbyFull, AddressFull, AddressTooOft}

// LobbyObserver hears of connections before they have a session. Its methods must not wait.
type LobbyObserver interface {
	// Waiting changes by this number.
	Waiting(change int)
	TurnedAway(why Turned)
}

// Lobby holds the connections that were accepted and have no session yet: they shake hands with TLS, send a request slowly, are being verified, or use the API. One that is
// too many is closed at once, before anything is computed for it. It is safe for concurrent use.
type Lobby struct {
	// Set by NewLobby, then read-only.
	limits   LobbyLimits
	exempt   func(netip.Addr) bool
	rates    *Addresses
	observer LobbyObserver

	// Guarded by mu.
	mu      sync.Mutex
	waiting map[net.Conn]netip.Addr
	from    map[netip.Addr]int
}

// NewLobby returns an empty lobby. Addresses of which exempt is true, those of proxies, stand for many clients: only the whole lobby bounds them.
func NewLobby(l LobbyLimits, exempt func(netip.Addr) bool, o LobbyObserver) *Lobby {
	return &Lobby{
		limits: l, exempt: exempt, observer: o, rates: NewAddresses(AddressLimits{RequestsPerSecond: l.ConnectionsPerSecondPerAddress}),
		waiting: make(map[net.Conn]netip.Addr), from: make(map[netip.Addr]int),
	}
}

// ConnState is [http.Server.ConnState]. It is called for a new connection on the goroutine that accepts.
func (l *Lobby) ConnState(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		if why := l.enter(c, time.Now()); why != "" {
			l.observer.TurnedAway(why)
			reset(c)
			return
		}
		l.observer.Waiting(1)
	case http.StateHijacked, http.StateClosed:
		if l.leave(c) {
			l.observer.Waiting(-1)
		}
	}
}

func (l *Lobby) enter(c net.Conn, now time.Time) Turned {
	addr, known := counted(c)
	known = known && !l.exempt(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limits.Connections != Unlimited && len(l.waiting) >= l.limits.Connections {
		return LobbyFull
	}
	if known {
		addr = customer(addr)
		if l.limits.ConnectionsPerAddress != Unlimited && l.from[addr] >= l.limits.ConnectionsPerAddress {
			return AddressFull
		}
		if _, ok := l.rates.Request(now, addr); !ok {
			return AddressTooOft
		}
		l.from[addr]++
	} else {
		addr = netip.Addr{}
	}
	l.waiting[c] = addr
	return ""
}

func (l *Lobby) leave(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	addr, there := l.waiting[c]
	if !there { // it was turned away
		return false
	}
	delete(l.waiting, c)
	if addr.IsValid() {
		if l.from[addr]--; l.from[addr] == 0 {
			delete(l.from, addr)
		}
	}
	return true
}

// counted returns the address at the other end of a connection. One whose address has still to be read from it does not count by it: nobody may wait here.
func counted(c net.Conn) (netip.Addr, bool) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return netip.Addr{}, false
	}
	a, ok := t.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return a.AddrPort().Addr().Unmap(), true
}

// reset closes a connection without the courtesies of TCP, which would cost more than it did.
func reset(c net.Conn) {
	raw := c
	if t, ok := c.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	raw.Close()
}
