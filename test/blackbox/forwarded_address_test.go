package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// refusedFrom asks without a credential, and returns where the gateway's two logs say that this came from.
func (g *gateway) refusedFrom(t *testing.T, headers ...string) (address string, proxied bool) {
	t.Helper()
	g.pace()
	a := g.handshake(t, headers...)
	p, err := a.problem()
	if err != nil || a.status != http.StatusUnauthorized {
		t.Fatalf("got %d %s, %v, want 401", a.status, a.body, err)
	}
	instance := strings.TrimPrefix(p.Instance, "urn:portcullis:handshake:")
	address = g.logged(t, entry{"event": "handshake.refused", "handshake": instance})["address"].(string)
	audited := g.logged(t, entry{"event": "authn_login_fail", "instance": instance})
	if audited["source_ip"] != address {
		t.Errorf("the security log says %v, and the log %v", audited["source_ip"], address)
	}
	return address, audited["via_proxy"].(bool)
}

// Where no proxy is trusted, everything that a proxy might say was said by the client.
func TestASpoofedAddressOfAStranger(t *testing.T) {
	g := plain(t)
	for _, header := range []string{
		"X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 127.0.0.1, 198.51.100.7", "Forwarded: for=198.51.100.7", "X-Real-IP: 198.51.100.7", "X-Client-IP: 198.51.100.7",
		"True-Client-IP: 198.51.100.7", "CF-Connecting-IP: 198.51.100.7", "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Host: app.acme.example\r\nX-Forwarded-Proto: https",
	} {
		if address, proxied := g.refusedFrom(t, header); address != "127.0.0.1" || proxied {
			t.Errorf("%s: it came from %s, through a proxy: %v; want 127.0.0.1 and none", header, address, proxied)
		}
	}
}

// Behind a proxy the last address that it wrote counts, and nothing that stood there before it.
func TestASpoofedAddressBehindAProxy(t *testing.T) {
	t.Parallel()
	g := start(t, options{proxy: "trusted: [127.0.0.1, 192.0.2.0/24, 2001:db8:f::/48]"})
	const client, proxy = "198.51.100.7", "127.0.0.1"
	for _, a := range []struct{ name, header, want string }{
		{"none", "", proxy},
		{"the client's", "X-Forwarded-For: 198.51.100.7", client},
		{"what the client wrote before it", "X-Forwarded-For: 203.0.113.1, 198.51.100.7", client},
		{"a line that the client wrote before it", "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-For: 198.51.100.7", client},
		{"an address of a proxy that the client wrote before it", "X-Forwarded-For: 192.0.2.1, 198.51.100.7", client},
		{"words before it", "X-Forwarded-For: localhost, unknown, 198.51.100.7", client},
		{"two proxies", "X-Forwarded-For: 203.0.113.1, 198.51.100.7, 192.0.2.1", client},
		{"two proxies, two lines", "X-Forwarded-For: 203.0.113.1, 198.51.100.7\r\nX-Forwarded-For: 192.0.2.1", client},
		{"a proxy of IPv6", "X-Forwarded-For: 2001:db8::1, 2001:db8:f::1", "2001:db8::1"},
		{"with a port", "X-Forwarded-For: 198.51.100.7:4711", client},
		{"in brackets", "X-Forwarded-For: [2001:db8::1]:443", "2001:db8::1"},
		{"as IPv6", "X-Forwarded-For: ::ffff:198.51.100.7", client},
		{"the proxy's own", "X-Forwarded-For: 127.0.0.1", proxy},
		{"only proxies", "X-Forwarded-For: 192.0.2.9, 192.0.2.1", "192.0.2.9"},
		{"no address", "X-Forwarded-For: localhost", proxy},
		{"no address behind one", "X-Forwarded-For: 198.51.100.7, localhost", proxy},
		{"an empty one", "X-Forwarded-For:", proxy},
		{"an empty one behind one", "X-Forwarded-For: 198.51.100.7,", proxy},
		{"with leading zeros", "X-Forwarded-For: 0198.51.100.07", proxy},
		{"a number", "X-Forwarded-For: 3325256711", proxy},
		{"with a zone", "X-Forwarded-For: fe80::1%eth0", proxy},
		{"a range", "X-Forwarded-For: 198.51.100.0/24", proxy},
		{"JSON", `X-Forwarded-For: 198.51.100.7","address":"203.0.113.1`, proxy},
		{"a thousand before it", "X-Forwarded-For: " + strings.Repeat("203.0.113.1, ", 999) + "198.51.100.7", client},
		{"a thousand proxies behind it", "X-Forwarded-For: 198.51.100.7" + strings.Repeat(", 192.0.2.1", 999), "192.0.2.1"},
		{"in another header", "X-Real-IP: 198.51.100.7\r\nForwarded: for=198.51.100.7\r\nTrue-Client-IP: 198.51.100.7", proxy},
	} {
		if address, proxied := g.refusedFrom(t, lines(a.header)...); address != a.want || !proxied {
			t.Errorf("%s: it came from %s, through a proxy: %v; want %s", a.name, address, proxied, a.want)
		}
	}
	c := g.dial(t, acme.token(someone("ana")), "X-Forwarded-For: 203.0.113.1, 198.51.100.7")
	c.Close()
	if got := g.logged(t, entry{"event": "connection.closed", "user": c.welcome["user"]}); got["remote"] != client {
		t.Errorf("the connection came from %v, want %s", got["remote"], client)
	}
}

// Whoever may name his address guesses without end, and shuts out whom he likes.
func TestATokenGuesserWhoChangesHisAddress(t *testing.T) {
	t.Parallel()
	const limits = "failures_per_minute_per_address: 5\n"
	direct, behind := start(t, options{admission: limits}), start(t, options{admission: limits, proxy: "trusted: [127.0.0.1]"})
	guesses := func(g *gateway, header func(i int) string) (refusals [2]int) {
		for i := range 15 {
			switch a := g.handshake(t, bearer(forged()), header(i)); a.status {
			case http.StatusUnauthorized:
				refusals[0]++
			case http.StatusTooManyRequests:
				refusals[1]++
			}
		}
		return refusals
	}
	want := [2]int{5, 10}
	if got := guesses(direct, func(i int) string { return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i) }); got != want {
		t.Errorf("a stranger: %v guesses were answered 401 and 429, want %v", got, want)
	}
	if got := guesses(behind, func(i int) string { return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d, 198.51.100.7", i) }); got != want {
		t.Errorf("behind a proxy: %v guesses were answered 401 and 429, want %v", got, want)
	}
	// His neighbours behind the proxy have nothing to do with it, though he wrote their addresses.
	behind.dial(t, acme.token("ana"), "X-Forwarded-For: 203.0.113.3")
	if a := behind.handshake(t, bearer(acme.token("ana")), "X-Forwarded-For: 198.51.100.7"); a.status != http.StatusTooManyRequests {
		t.Errorf("he himself got %d, want 429", a.status)
	}
}
