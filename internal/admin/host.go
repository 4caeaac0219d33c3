package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"portcullis/internal/wire"
)

// hosts are those that a request may ask for.
type hosts struct {
	names     map[string]bool
	addresses map[netip.Addr]bool
}

func newHosts(c Config) hosts {
	h := hosts{names: map[string]bool{"localhost": true}, addresses: make(map[netip.Addr]bool)}
	for _, name := range c.Names {
		h.add(name)
	}
	if own, _, err := net.SplitHostPort(c.Address); err == nil {
		h.add(own)
	}
	return h
}

// add takes a name or an address. The address that stands for all of them is none: a page can reach 0.0.0.0, and nobody else says it.
func (h hosts) add(host string) {
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !ip.IsUnspecified():
		h.addresses[ip.Unmap()] = true
	case err != nil && host != "":
		h.names[strings.ToLower(host)] = true
	}
}

// only lets those requests through that ask for one of the hosts. DNS rebinding makes a browser come here with a page of evil.example, and
// believe that this is evil.example: but it says so.
func (h hosts) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Host != "":
			// Beside a whole URL net/http drops the Host header, and a client that sends one takes this for a proxy.
			refuse(w, wire.Misdirected, "the request's target is a whole URL, as for a proxy: send the path alone")
		case !h.has(r):
			refuse(w, wire.Misdirected, "the request asks for a host that this listener is not: use its address or localhost, or have the operator add the "+
				"host to admin.names")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// has reports whether the request's Host is a name, loopback, the listener's address, or the address at which this very connection
// arrived, which is the listener's too when it listens on all. An address may always be written: rebinding needs a name. The port may be
// any: a forwarded port has another number here than there.
func (h hosts) has(r *http.Request) bool {
	host, ok := withoutPort(r.Host)
	if !ok {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return h.names[strings.ToLower(host)]
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || h.addresses[ip] || ip == arrivedAt(r)
}

// withoutPort takes a Host apart (RFC 3986, section 3.2). What is written in any unusual way is no host of ours.
func withoutPort(s string) (host string, ok bool) {
	if inside, closed := strings.CutSuffix(s, "]"); closed {
		s = inside + "]:0"
	} else if !strings.Contains(s, ":") {
		s += ":0"
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.Contains(host, ":") != strings.HasPrefix(s, "[") {
		return "", false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return host, err == nil
}

// arrivedAt is this end of the request's connection.
func arrivedAt(r *http.Request) netip.Addr {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return local.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
