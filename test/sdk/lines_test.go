package sdk_test

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// lines is a proxy whose connections can be cut: both ends, at once, with whatever was on its way. They can also be down: none comes through.
type lines struct {
	listener net.Listener
	all      sync.WaitGroup

	// Guarded by mu.
	mu   sync.Mutex
	now  map[net.Conn]net.Conn
	down bool
}

// newLines listens until the test ends. to is where a new line leads.
func newLines(t *testing.T, to func() string) *lines {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lines{listener: listener, now: make(map[net.Conn]net.Conn)}
	l.all.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.all.Go(func() { l.serve(near, to()) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		l.cut(nil, 1)
		l.all.Wait()
	})
	return l
}

func (l *lines) serve(near net.Conn, address string) {
	defer near.Close()
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	cut := func() { near.Close(); far.Close() }
	l.mu.Lock()
	l.now[near] = far
	if l.down {
		cut()
	}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(far, near); cut() })
	both.Go(func() { io.Copy(near, far); cut() })
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.now, near)
}

// turn has the lines be down, or up again.
func (l *lines) turn(down bool) {
	l.mu.Lock()
	l.down = down
	l.mu.Unlock()
	if down {
		l.cut(nil, 1)
	}
}

// cut cuts each line with a chance of one in n.
func (l *lines) cut(dice *rand.Rand, n int) (cuts int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for near, far := range l.now {
		if n == 1 || dice.IntN(n) == 0 {
			near.Close()
			far.Close()
			cuts++
		}
	}
	return cuts
}
