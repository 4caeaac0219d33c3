package testnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Pipe returns both ends of one connection whose directions hold buffer bytes each.
func Pipe(buffer int) (client, server net.Conn) {
	up, down := newStream(buffer), newStream(buffer)
	return &conn{in: down, out: up}, &conn{in: up, out: down}
}

type conn struct {
	in, out *stream
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions: the peer reads what is buffered and then EOF, and its writes fail.
func (c *conn) Close() error {
	c.in.closeReader()
	c.out.closeWriter()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return addr{} }
func (c *conn) RemoteAddr() net.Addr { return addr{} }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

// stream is one direction. Its mutex is never held while anybody waits: a waiting goroutine is in cond.Wait, which
// testing/synctest knows to be durably blocked.
type stream struct {
	limit int

	// Guarded by mu.
	mu              sync.Mutex
	cond            sync.Cond
	data            []byte
	readBy, writeBy deadline
	noReader        bool
	noWriter        bool
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newStream(limit int) *stream {
	s := &stream{limit: limit}
	s.cond.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.noReader:
			return 0, net.ErrClosed
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0:
			n := copy(p, s.data)
			if s.data = s.data[n:]; len(s.data) == 0 {
				s.data = nil // an idle connection keeps no buffer
			}
			s.cond.Broadcast()
			return n, nil
		case s.noWriter:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

// write returns how much went into the buffer before its deadline or the end of the connection, as TCP does.
func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := 0
	for {
		switch {
		case s.noWriter:
			return done, net.ErrClosed
		case s.noReader:
			return done, io.ErrClosedPipe
		case s.writeBy.passed():
			return done, os.ErrDeadlineExceeded
		}
		n := min(len(p)-done, s.limit-len(s.data))
		s.data = append(s.data, p[done:done+n]...)
		if done += n; n > 0 {
			s.cond.Broadcast()
		}
		if done == len(p) {
			return done, nil
		}
		s.cond.Wait()
	}
}

func (s *stream) setDeadline(d *deadline, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, s.wake)
	}
	s.cond.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond.Broadcast()
}

func (s *stream) closeReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noReader = true
	s.stopTimers()
	s.cond.Broadcast()
}

func (s *stream) closeWriter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noWriter = true
	s.stopTimers()
	s.cond.Broadcast()
}

func (s *stream) stopTimers() {
	for _, d := range []*deadline{&s.readBy, &s.writeBy} {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
	}
}
