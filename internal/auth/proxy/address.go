package proxy

import (
	"net/netip"
	"strings"
)

// maxHops bounds how far an X-Forwarded-For is followed. Nobody has so many proxies of their own.
const maxHops = 32

// origin follows X-Forwarded-For from the nearest proxy, on the right, to the first address that is no trusted proxy's: whatever stands to its left was written by
// that client, or by somebody whom nobody here trusts. Where an entry is no address the proxy that let it through is the last that is known.
func (t *Trust) origin(peer netip.Addr, headers []string) netip.Addr {
	last, hops := peer, 0
	for i := len(headers) - 1; i >= 0; i-- {
		for rest := headers[i]; ; {
			comma := strings.LastIndexByte(rest, ',')
			a, ok := hop(rest[comma+1:])
			if hops++; !ok || hops > maxHops {
				return last
			}
			last = a
			if !t.Trusts(a) {
				return a
			}
			if comma < 0 {
				break
			}
			rest = rest[:comma]
		}
	}
	return last
}

// hop reads one entry: an address as RFC 7239 writes it in examples and proxies do, also with a port, or in brackets.
func hop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	if a, ok := addressOf(s); ok {
		return a, true
	}
	if inside, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inside, "]"); !ok {
			return netip.Addr{}, false
		}
	}
	return plainAddress(s)
}

// addressOf reads an address with a port.
func addressOf(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Addr().Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Addr().Unmap(), true
}

func plainAddress(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
