package blackbox_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// halfOpen are the places in a handshake where a client may stop.
var halfOpen = []struct {
	name string
	tls  bool
	stop func(g *gateway, conn net.Conn) error // goes so far
}{
	{"without a byte", false, func(*gateway, net.Conn) error { return nil }},
	{"in the middle of the headers", false, halfAHandshake},
	{"without a byte of TLS", true, func(*gateway, net.Conn) error { return nil }},
	{"in the middle of TLS", true, func(_ *gateway, conn net.Conn) error {
		_, err := conn.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}) // a ClientHello of 512 bytes begins
		return err
	}},
	{"behind TLS", true, func(_ *gateway, conn net.Conn) error { return tls.Client(conn, trust()).Handshake() }},
	{"in the middle of the headers, behind TLS", true, func(g *gateway, conn net.Conn) error { return halfAHandshake(g, tls.Client(conn, trust())) }},
}

func halfAHandshake(g *gateway, conn net.Conn) error {
	all := g.upgrade()
	_, err := conn.Write([]byte(all[:len(all)/2]))
	return err
}

func (g *gateway) stopAt(stop func(*gateway, net.Conn) error) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", g.address, patience)
	if err != nil {
		return nil, err
	}
	return conn, stop(g, conn)
}

// Two hundred clients that stop in the middle of a handshake take nothing from those that do not.
func TestTwoHundredHalfOpenConnections(t *testing.T) {
	for _, tt := range halfOpen {
		t.Run(tt.name, func(t *testing.T) {
			g := unbounded(t)
			if tt.tls {
				g = unboundedTLS(t)
			}
			before := g.descriptors(t)
			bystander := g.measure(t, acme.token("ana"))
			half := make([]net.Conn, 200)
			err := parallel(len(half), 8, func(i int) (err error) { half[i], err = g.stopAt(tt.stop); return err })
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				start := time.Now()
				c := g.dial(t, acme.token("ana"))
				if took := time.Since(start); took > 250*time.Millisecond {
					t.Errorf("a handshake beside half-open ones took %v", took)
				}
				c.Close()
			}
			bystander.calm(t, 250*time.Millisecond)
			for _, conn := range half {
				conn.Close()
			}
			g.hasDescriptors(t, before)
		})
	}
}

// hasDescriptors waits until the gateway holds at most so many files and sockets, give or take what comes and goes.
func (g *gateway) hasDescriptors(t *testing.T, most int) {
	t.Helper()
	got := g.descriptors(t)
	for end := time.Now().Add(patience); got > most+2 && time.Now().Before(end); got = g.descriptors(t) {
		time.Sleep(10 * time.Millisecond)
	}
	if got > most+2 {
		t.Errorf("the gateway holds %d descriptors, want at most %d as before", got, most)
	}
}

// A handshake has five seconds, however steadily it trickles.
func TestAHandshakeThatDrips(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	gateways := map[bool]*gateway{false: start(t, options{}), true: start(t, options{tls: true})}
	for _, tt := range halfOpen {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := gateways[tt.tls]
			begun := time.Now()
			conn, err := g.stopAt(tt.stop)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			wantEnd(t, &line{Conn: conn, r: bufio.NewReader(conn)}, begun, 5*time.Second, func() error {
				if tt.name != halfOpen[1].name {
					return nil
				}
				_, err := conn.Write([]byte("x"))
				return err
			})
		})
	}
}

// wantEnd wants the gateway to end a connection about so long after begun, while the test goes on twice a second with drip.
func wantEnd(t *testing.T, l *line, begun time.Time, after time.Duration, drip func() error) {
	t.Helper()
	for end := begun.Add(after + 3*time.Second); ; {
		l.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, err := l.r.Discard(1 << 20)
		took := time.Since(begun)
		switch {
		case isTimeout(err) && time.Now().After(end):
			t.Errorf("after %v it is still open, want its end after %v", took, after)
			return
		case isTimeout(err):
			drip() // the gateway may just have ended it
			continue
		case took < after-time.Second:
			t.Errorf("it ended after %v, want %v", took, after)
		}
		if _, reset := errors.AsType[*net.OpError](err); !reset && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("reading ended with %v, want the end of the stream", err)
		}
		return
	}
}
