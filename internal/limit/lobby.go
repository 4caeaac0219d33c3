package limit

import (
	"container/list"
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
	LobbyFull     Turned = "full"         // and nobody in it has been silent for long enough
	Displaced     Turned = "displaced"    // it was silent, and its place was needed
	AddressFull   Turned = "address_full" // too many of one address
	AddressTooOft Turned = "address_rate" // too many of one address in a second
)

// Turns lists every reason, for label sets that are created at zero.
var Turns = []Turned{LobbyFull, Displaced, AddressFull, AddressTooOft}

// LobbyObserver hears of connections before they have a session. Its methods must not wait.
type LobbyObserver interface {
	// Waiting changes by this number.
	Waiting(change int)
	TurnedAway(why Turned)
}

// patience is how long a connection may be silent before its place goes to another. Honest clients need a few round trips; one that sends its headers letter by letter has
// no place for longer than this where others want it.
const patience = time.Second

// crowd is how many times as many places as another an address has, when its connections are given no patience.
const crowd = 4

// looks bounds what a connection that finds no place costs the goroutine that accepts.
const looks = 8

// Lobby holds the connections that were accepted and have no session yet: they shake hands with TLS, send a request slowly, are being verified, or use the API.
//
// It is bounded by address, where the loser is the new connection, and as a whole. A botnet, or anybody with an IPv6 network, can fill the whole, so that its loser is the one
// that has been silent longest, when it has been for a second or its address has many more places than that of the new one; otherwise it is the new one. The loser is closed
// at once. It is safe for concurrent use.
type Lobby struct {
	// Set by NewLobby, then read-only.
	limits   LobbyLimits
	exempt   func(netip.Addr) bool
	rates    *Addresses
	observer LobbyObserver

	// Guarded by mu.
	mu        sync.Mutex
	guests    map[net.Conn]*guest
	from      map[customer]int
	silent    list.List // of *guest; the one that has been silent longest first
	displaced int       // of guests; they are closed and not gone yet
}

// guest is one connection in the lobby. All of it is guarded by the lobby's mu.
type guest struct {
	conn      net.Conn
	customer  customer
	counts    bool          // by its customer
	silent    *list.Element // nil while a request is being answered
	since     time.Time     // it is silent
	displaced bool
}

// NewLobby returns an empty lobby. Addresses of which exempt is true, those of proxies, stand for many clients: only the whole lobby bounds them.
func NewLobby(l LobbyLimits, exempt func(netip.Addr) bool, o LobbyObserver) *Lobby {
	return &Lobby{
		limits: l, exempt: exempt, observer: o, rates: NewAddresses(AddressLimits{RequestsPerSecond: l.ConnectionsPerSecondPerAddress}),
		guests: make(map[net.Conn]*guest), from: make(map[customer]int),
	}
}

// Listener returns l without the connections that are too many. It stands directly on the kernel's listener, below TLS: a connection that it turns away has cost
// nothing but to be accepted and closed. The server behind it must tell [Lobby.ConnState].
func (l *Lobby) Listener(inner net.Listener) net.Listener { return door{inner, l} }

type door struct {
	net.Listener
	lobby *Lobby
}

// Accept returns the next connection that has a place. It takes none yet, because only the server is sure to tell of its end.
func (d door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		loser, why := d.lobby.place(c, time.Now())
		if why != "" {
			d.lobby.observer.TurnedAway(why)
			reset(loser)
		}
		if loser != c {
			return c, nil
		}
	}
}

// ConnState is [http.Server.ConnState]. Its server calls it for a new connection on the goroutine that accepts, so that between a place that was found and taken there is
// no other one of that listener.
func (l *Lobby) ConnState(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		l.enter(c, time.Now())
		l.observer.Waiting(1)
	case http.StateActive:
		l.speaks(c)
	case http.StateIdle:
		l.falls(c, time.Now())
	case http.StateHijacked, http.StateClosed:
		l.leave(c)
		l.observer.Waiting(-1)
	}
}

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

// speaks is called once the headers of a request are there. What is being answered is not displaced.
func (l *Lobby) speaks(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.guests[c]; g.silent != nil {
		l.silent.Remove(g.silent)
		g.silent = nil
	}
}

// falls is called when a request was answered and the connection is kept.
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

// counted returns the address of a connection, and whether it counts by that.
func (l *Lobby) counted(c net.Conn) (netip.Addr, bool) {
	t, ok := kernel(c).(*net.TCPConn)
	if !ok {
		return netip.Addr{}, false
	}
	a, ok := t.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	addr := a.AddrPort().Addr().Unmap()
	return addr, l.exempt == nil || !l.exempt(addr)
}

// kernel returns the connection of the kernel below TLS and the PROXY protocol. Only that one is asked for its address: the latter reads its from the client, and nobody
// may wait here.
func kernel(c net.Conn) net.Conn {
	for {
		switch layer := c.(type) {
		case interface{ NetConn() net.Conn }:
			c = layer.NetConn()
		case interface{ Raw() net.Conn }:
			c = layer.Raw()
		default:
			return c
		}
	}
}

// reset closes a connection without the courtesies of TCP, which would cost more than it did.
func reset(c net.Conn) {
	c = kernel(c)
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}
