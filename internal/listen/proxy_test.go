package listen_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/listen"
)

// header is one of the PROXY protocol as bytes: version and command, family and protocol, addresses and what follows them.
func header(versionCommand, family byte, rest ...[]byte) []byte {
	all := bytes.Join(rest, nil)
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), versionCommand, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(all)))
	return append(b, all...)
}

func v4(source, target string, from, to uint16) []byte {
	s, d := netip.MustParseAddr(source), netip.MustParseAddr(target)
	b := append(s.AsSlice(), d.AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from)
	return binary.BigEndian.AppendUint16(b, to)
}

// tally counts results.
type tally struct {
	mu  sync.Mutex
	all map[listen.ProxyResult]int
}

func (c *tally) count(r listen.ProxyResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[r]++
}

// behind serves HTTP behind a proxy of these addresses, and answers with the address that it sees.
func behind(t *testing.T, trusted string) (string, *tally) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &tally{all: make(map[listen.ProxyResult]int)}
	prefix := netip.MustParsePrefix(trusted)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) })}
	done := make(chan struct{})
	go func() { s.Serve(listen.Proxied(l, prefix.Contains, c.count)); close(done) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String(), c
}

const get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// says sends bytes and returns the address that the server saw, empty when there was no answer.
func says(t *testing.T, to string, parts ...[]byte) string {
	t.Helper()
	c, err := net.Dial("tcp", to)
	if errors.Is(err, syscall.ECONNRESET) { // so soon can it be over
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	for _, p := range parts {
		c.Write(p)
	}
	all, _ := io.ReadAll(c)
	_, body, _ := bytes.Cut(all, []byte("\r\n\r\n"))
	return string(body)
}

func TestTheSourceOfAProxiedConnection(t *testing.T) {
	address, counted := behind(t, "127.0.0.0/8")
	v6 := append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice()...), 0x12, 0x34, 0x01, 0xbb)
	good := v4("203.0.113.9", "192.0.2.1", 4711, 443)
	tests := []struct {
		name   string
		header []byte
		want   string // "peer": the proxy's own; "": closed
		result listen.ProxyResult
	}{
		{"TCP over IPv4", header(0x21, 0x11, good), "203.0.113.9:4711", listen.ProxyOK},
		{"TCP over IPv6", header(0x21, 0x21, v6), "[2001:db8::1]:4660", listen.ProxyOK},
		{"with extensions", header(0x21, 0x11, good, []byte{0x04, 0, 3, 1, 2, 3}), "203.0.113.9:4711", listen.ProxyOK},
		{"a health check of the proxy (LOCAL)", header(0x20, 0x00), "peer", listen.ProxyLocal},
		{"LOCAL with an address", header(0x20, 0x11, good), "peer", listen.ProxyLocal},
		{"no header", nil, "", listen.ProxyMalformed},
		{"version 1", []byte("PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"), "", listen.ProxyMalformed},
		{"version 3", header(0x31, 0x11, good), "", listen.ProxyMalformed},
		{"an unknown command", header(0x22, 0x11, good), "", listen.ProxyMalformed},
		{"addresses that are cut", header(0x21, 0x11, good[:6]), "", listen.ProxyMalformed},
		{"more extensions than anybody has", header(0x21, 0x11, good, make([]byte, 5000)), "", listen.ProxyMalformed},
		{"a TLS hello", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaa"), "", listen.ProxyMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			counted.mu.Lock()
			before := counted.all[tt.result]
			counted.mu.Unlock()
			got := says(t, address, tt.header, []byte(get))
			if host, _, err := net.SplitHostPort(got); tt.want == "peer" && err == nil && host == "127.0.0.1" {
				got = "peer"
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			counted.mu.Lock()
			defer counted.mu.Unlock()
			if counted.all[tt.result] != before+1 {
				t.Errorf("counted %v, want one more %s", counted.all, tt.result)
			}
		})
	}
}

func TestAStrangerWhoPlaysAtBeingAProxy(t *testing.T) {
	address, counted := behind(t, "10.0.0.0/8")
	if got := says(t, address, header(0x21, 0x11, v4("203.0.113.9", "192.0.2.1", 1, 2)), []byte(get)); got != "" {
		t.Errorf("it was served as %q", got)
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if counted.all[listen.ProxyUntrusted] != 1 {
		t.Errorf("counted %v", counted.all)
	}
}

// Connections that say nothing hold up nobody but themselves.
func TestSilentProxiesDoNotHoldUpOthers(t *testing.T) {
	address, _ := behind(t, "127.0.0.0/8")
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	start := time.Now()
	if got := says(t, address, header(0x21, 0x11, v4("203.0.113.9", "192.0.2.1", 4711, 443)), []byte(get)); got != "203.0.113.9:4711" || time.Since(start) > 2*time.Second {
		t.Errorf("got %q after %v", got, time.Since(start))
	}
}

func TestAHeaderThatDripsIsCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	t.Parallel()
	address, counted := behind(t, "127.0.0.0/8")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	for _, b := range header(0x21, 0x11, v4("203.0.113.9", "192.0.2.1", 4711, 443)) {
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(400 * time.Millisecond)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(start) > 15*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if counted.all[listen.ProxyTimeout] != 1 {
		t.Errorf("counted %v, want a timeout", counted.all)
	}
}

// The session writes past the runtime where the connection lets it: a header in front must not take that away.
func TestAProxiedConnectionIsStillTheKernels(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := listen.Proxied(l, func(netip.Addr) bool { return true }, func(listen.ProxyResult) {})
	defer p.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := p.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(syscall.Conn); !ok {
		t.Errorf("a %T has no SyscallConn", c)
	}
}
