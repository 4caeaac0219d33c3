package socket_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/wire"
)

// counted counts how often its connection is asked for what came.
type counted struct {
	net.Listener
	reads atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedConn{c.(*net.TCPConn), l}, nil
}

type countedConn struct {
	*net.TCPConn
	of *counted
}

func (c *countedConn) Read(b []byte) (int, error) {
	c.of.reads.Add(1)
	return c.TCPConn.Read(b)
}

// A client that does not hear its goodbye and speaks on, a little now and then, costs some reads in a second and not one for each of its messages; and when it has heard, it is not kept waiting.
func TestWhoSpeaksOnAfterAGoodbyeIsReadSeldom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counts := &counted{Listener: l}
	s := serve(t, counts, func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	p, c := s.connect(t)
	ended := reading(c)
	over := make(chan struct{})
	go func() {
		c.Close(wire.ClosedRateLimited, 0)
		close(over)
	}()
	if op, _, err := p.frame(); op != 8 || err != nil {
		t.Fatalf("got a frame of opcode %d, %v; want the goodbye", op, err)
	}
	before := counts.reads.Load()
	const messages = 1500
	for range messages {
		if _, err := p.Write(text(strings.Repeat("x", 100))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	reads := counts.reads.Load() - before
	if reads > messages/5 {
		t.Errorf("%d messages after the goodbye were read by %d reads, want at most %d", messages, reads, messages/5)
	}
	if _, err := p.Write(masked(0x80, 8, "\x10\x07")); err != nil {
		t.Fatal(err)
	}
	heard := time.Now()
	<-over
	<-ended
	if took := time.Since(heard); took > 2*time.Second {
		t.Errorf("the goodbye ended %v after it was answered, want at once", took)
	}
}
