package story

import (
	"context"
	"errors"
	"net"
	"sync"
)

var errDown = errors.New("the line is down")

// line is a client's way to the gateway.
type line struct {
	mu   sync.Mutex
	down bool
	conn net.Conn // the last one
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errDown
	}
	var err error
	l.conn, err = new(net.Dialer).DialContext(ctx, network, address)
	return l.conn, err
}

// cut breaks the connection without a word. There is no other until the line is mended.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	l.conn.Close()
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
