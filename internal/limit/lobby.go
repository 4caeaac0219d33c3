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
	silent    *list.Element // nil while a request, which is there as a whole, is being answered
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
// nothing but to be accepted and closed. The server behind it must tell [Lobby.ConnState],
// and have [Lobby.ConnContext] and [Lobby.Handler].
func (l *Lobby) Listener(inner net.Listener) net.Listener {
	return &door{Listener: inner, lobby: l, breathed: time.Now()}
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
