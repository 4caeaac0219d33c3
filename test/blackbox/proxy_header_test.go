package blackbox_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// proxyHeader says where a connection comes from and goes to, as HAProxy's proxy-protocol.txt, section 2.2, has it.
func proxyHeader(command, family byte, rest string) string {
	return proxySignature + string([]byte{0x20 | command, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(rest)))) + rest
}

// fromIPv4 is the header of a connection over TCP and IPv4.
func fromIPv4(source string) string {
	from, to := netip.MustParseAddrPort(source), netip.MustParseAddrPort("192.0.2.1:443")
	rest := string(from.Addr().AsSlice()) + string(to.Addr().AsSlice())
	rest += string(binary.BigEndian.AppendUint16(nil, from.Port())) + string(binary.BigEndian.AppendUint16(nil, to.Port()))
	return proxyHeader(1, 0x11, rest)
}

// knockBehind connects, sends bytes, and then a handshake. It returns the answer, nil when the connection was closed without one.
func (g *gateway) knockBehind(t *testing.T, before string, headers ...string) *answer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", g.address, patience)
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &line{Conn: conn, r: bufio.NewReader(conn)}
	a, err := l.request(before + g.upgrade(headers...))
	if err != nil {
		return nil
	}
	return a
}

// Where a proxy begins each connection with a header, what begins otherwise has come past the proxy.
func TestAConnectionWithoutItsProxyHeader(t *testing.T) {
	t.Parallel()
	g := start(t, options{proxy: "trusted: [127.0.0.1]\nprotocol: v2"})
	good, token := fromIPv4("198.51.100.7:4711"), bearer(acme.token("ana"))
	malformed := g.mark(t, "portcullis_proxy_headers_total", "result", "malformed")
	tests := map[string]string{
		"none":                    "",
		"version 1":               "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n",
		"version 1, unknown":      "PROXY UNKNOWN\r\n",
		"version 3":               strings.Replace(good, "\x21", "\x31", 1),
		"an unknown command":      strings.Replace(good, "\x21", "\x2f", 1),
		"a signature that is cut": good[1:],
		"a length beyond all":     good[:14] + "\xff\xff" + good[16:],
		"a length too short":      good[:14] + "\x00\x04" + good[16:],
		"an address too short":    proxyHeader(1, 0x21, string(make([]byte, 12))),
		"spaces before it":        "  " + good,
	}
	for name, before := range tests {
		if a := g.knockBehind(t, before, token); a != nil {
			t.Errorf("%s: got %d %s, want the end of the connection", name, a.status, a.body)
		}
	}
	malformed.moved(t, float64(len(tests)))
	// Half a header, and then nothing: a proxy sends its header first, and at once.
	began := time.Now()
	half, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	half.Write([]byte(good[:20]))
	half.SetReadDeadline(time.Now().Add(patience))
	if n, err := half.Read(make([]byte, 1)); n > 0 || isTimeout(err) {
		t.Errorf("half a header: got %d bytes, %v, want the end", n, err)
	}
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("half a header was given %v, want five seconds", took)
	}
	g.until(t, 1, "portcullis_proxy_headers_total", "result", "timeout")
	if opened := g.metric(t, "portcullis_connections_opened_total"); opened != 0 {
		t.Errorf("%v were let in, want none", opened)
	}
	// A second header is the client's, and no HTTP.
	if a := g.knockBehind(t, good+fromIPv4("203.0.113.1:1"), token); a == nil || a.status != 400 {
		t.Errorf("two headers: got %v, want 400", a)
	}
}

// What the header says is where the client is: for the log, for the limits, and for X-Forwarded-For, which is then the client's own.
func TestASpoofedAddressBehindAProxyHeader(t *testing.T) {
	t.Parallel()
	g := start(t, options{proxy: "trusted: [127.0.0.1, 192.0.2.0/24]\nprotocol: v2"})
	for _, a := range []struct{ name, before, header, want string }{
		{"the client's", fromIPv4("198.51.100.7:4711"), "", "198.51.100.7:4711"},
		{"and a header of the client's", fromIPv4("198.51.100.7:4711"), "X-Forwarded-For: 203.0.113.1", "198.51.100.7:4711"},
		{"of another proxy, which says more", fromIPv4("192.0.2.9:4711"), "X-Forwarded-For: 203.0.113.1, 198.51.100.7", "198.51.100.7"},
		{"of IPv6", proxyHeader(1, 0x21, string(netip.MustParseAddr("2001:db8::1").AsSlice())+strings.Repeat("\x00", 16)+"\x12\x67\x01\xbb"), "", "[2001:db8::1]:4711"},
		{"with extensions", proxyHeader(1, 0x11, fromIPv4("198.51.100.7:4711")[16:]+"\x02\x00\x0bevil.exampl\x20\x00\x05\x07\x00\x00\x00\x00"), "", "198.51.100.7:4711"},
	} {
		got := g.knockBehind(t, a.before, lines(a.header)...)
		if got == nil || got.status != 401 {
			t.Fatalf("%s: got %v, want 401", a.name, got)
		}
		p, err := got.problem()
		if err != nil {
			t.Fatal(err)
		}
		said := g.logged(t, entry{"event": "handshake.refused", "handshake": strings.TrimPrefix(p.Instance, "urn:portcullis:handshake:")})
		host := strings.Trim(a.want, "[]")
		if at, err := netip.ParseAddrPort(a.want); err == nil {
			host = at.Addr().String()
		}
		if said["address"] != host {
			t.Errorf("%s: it came from %v, want %s", a.name, said["address"], host)
		}
	}
	c := accepted(t, g.knockBehind(t, fromIPv4("198.51.100.7:4711"), bearer(acme.token("ana")), "X-Forwarded-For: 203.0.113.1"))
	c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":1}`)
	c.Close()
	if got := g.logged(t, entry{"event": "connection.closed", "user": "ana"}); got["remote"] != "198.51.100.7:4711" {
		t.Errorf("the connection came from %v, want 198.51.100.7:4711", got["remote"])
	}
}

// A header counts from the proxies' addresses alone. From anywhere else there is no answer, and nothing is read.
func TestAProxyHeaderOfAStranger(t *testing.T) {
	t.Parallel()
	g, token := start(t, options{proxy: "trusted: [192.0.2.1]\nprotocol: v2"}), bearer(acme.token("ana"))
	for name, before := range map[string]string{
		"from nowhere": "", "from a proxy, it says": fromIPv4("192.0.2.1:1"), "from somewhere": fromIPv4("198.51.100.7:1"), "of the machine itself": proxyHeader(0, 0, ""),
	} {
		if a := g.knockBehind(t, before, token); a != nil {
			t.Errorf("%s: got %d %s, want the end of the connection", name, a.status, a.body)
		}
	}
	g.until(t, 4, "portcullis_proxy_headers_total", "result", "untrusted")
	// Where nobody is expected to send one, it is a request that cannot be read.
	if a := plain(t).knockBehind(t, fromIPv4("198.51.100.7:1"), token); a != nil && a.status != 400 {
		t.Errorf("where none is expected: got %d %s, want 400", a.status, a.body)
	}
}
