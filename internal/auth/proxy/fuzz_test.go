package proxy

import (
	"net/netip"
	"strings"
	"testing"
)

// FuzzXFCC: what is read has a leaf and at most maxChain certificates; there is no certificate without a Cert or Chain of exactly one element.
func FuzzXFCC(f *testing.F) {
	f.Add(`By=spiffe://lb;Hash=ab;Cert="-----BEGIN%20CERTIFICATE-----";Subject="CN=a,O=\"b\"";URI=spiffe://a`)
	f.Add(`Cert="a",Cert="b"`)
	f.Add(`Subject="\"`)
	f.Add(`=`)
	f.Fuzz(func(t *testing.T, header string) {
		chain, err := readXFCC([]string{header})
		if err == nil && (len(chain) == 0 || len(chain) > maxChain || !strings.Contains(strings.ToLower(header), "c")) {
			t.Fatalf("%q gave %d certificates", header, len(chain))
		}
		pairs, err := element(header)
		if err == nil && len(pairs) == 0 {
			t.Fatalf("%q is an element without a pair", header)
		}
	})
}

// FuzzClientCert: what is read stands between two colons, and has a leaf.
func FuzzClientCert(f *testing.F) {
	f.Add(":AAAA:", ":AAAA:, :BBBB:")
	f.Add("::", "")
	f.Add(":", ",,,")
	f.Fuzz(func(t *testing.T, leaf, chain string) {
		certs, err := readClientCert([]string{leaf}, []string{chain})
		if err != nil {
			return
		}
		if trimmed := strings.Trim(leaf, " \t"); len(certs) == 0 || len(certs) > maxChain || !strings.HasPrefix(trimmed, ":") || !strings.HasSuffix(trimmed, ":") {
			t.Fatalf("%q gave %d certificates", leaf, len(certs))
		}
	})
}

// FuzzForwardedFor: the client is the peer, or an address that stands in the header, and never one that stands to the left of an address which is not trusted.
func FuzzForwardedFor(f *testing.F) {
	f.Add("1.1.1.1, 10.0.0.2")
	f.Add("[2001:db8::1]:4, ::ffff:10.0.0.9")
	f.Add(",,")
	trust, err := New(Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		f.Fatal(err)
	}
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, header string) {
		got := trust.origin(peer, []string{header})
		entries := strings.Split(header, ",")
		for i := len(entries) - 1; i >= 0; i-- {
			a, ok := hop(entries[i])
			if !ok {
				break
			}
			if a == got {
				return
			}
			if !trust.Trusts(a) {
				t.Fatalf("%q gave %v, beyond %v", header, got, a)
			}
		}
		if got != peer {
			// It may be the last good one before garbage or the bound; then it was met above.
			t.Fatalf("%q gave %v, which it does not hold", header, got)
		}
	})
}
