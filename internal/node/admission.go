package node

import (
	"net/http"
	"net/netip"

	"portcullis/internal/limit"
)

// newLobby makes what bounds connections that have no session yet. Trusted proxies stand for many clients.
func (n *Node) newLobby(proxies func(netip.Addr) bool) *limit.Lobby {
	a := n.config.Admission
	return limit.NewLobby(limit.LobbyLimits{
		Connections:                    int(a.Connections),
		ConnectionsPerAddress:          int(a.ConnectionsPerAddress),
		ConnectionsPerSecondPerAddress: int(a.ConnectionsPerSecondPerAddress),
	}, proxies, n.metrics.Lobby())
}

// newAddresses makes what bounds requests and failed attempts by the address of the client, also behind proxies. A proxy that does not tell it is not limited in its place.
func (n *Node) newAddresses(proxies func(netip.Addr) bool) *limit.Addresses {
	a := n.config.Admission
	return limit.NewAddresses(limit.AddressLimits{
		RequestsPerSecond: int(a.ConnectionsPerSecondPerAddress),
		FailuresPerMinute: int(a.FailuresPerMinutePerAddress),
		Exempt:            proxies,
	})
}

// edgeServer is the clients' server. It tells the lobby who is in.
func (n *Node) edgeServer() *http.Server {
	s := n.server(n.lobby.Handler(n.gateway))
	s.ConnState, s.ConnContext = n.lobby.ConnState, n.lobby.ConnContext
	return s
}
