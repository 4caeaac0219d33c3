package limit

import (
	"net"
	"net/netip"
)

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
