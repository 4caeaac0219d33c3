package blackbox_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"testing"
)

// However clients leave, and wherever they were: nothing of them stays.
func TestTwoThousandConnectionsLeaveNothing(t *testing.T) {
	t.Parallel()
	leave := []func(l *line) error{
		func(l *line) error { // with a goodbye, and an answer to it
			if err := l.put(frame{fin: true, opcode: opClose, payload: []byte{1000 >> 8, 1000 & 0xFF}}); err != nil {
				return err
			}
			bye, err := l.end(patience)
			if bye.code != 1000 {
				return fmt.Errorf("it ended with %v, %v, want 1000", bye, err)
			}
			return err
		},
		func(l *line) error { return nil }, // without a word
		func(l *line) error { return l.put(text(`{"type":"ping","id":2}`)) },
		func(l *line) error { // in the middle of a frame
			_, err := l.Write(text(`{"type":"ping","id":1}`).bytes()[:9])
			return err
		},
		func(l *line) error { // in the middle of a message
			return l.put(frame{opcode: opText, payload: []byte("{")})
		},
		(*line).reset,
		func(l *line) error { // by a mistake
			return l.put(frame{fin: true, opcode: opBinary})
		},
	}
	for name, secured := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			count := 2000
			switch {
			case full():
			case secured:
				count = 200 // most of the time would be TLS handshakes
			default:
				count = 800
			}
			g := start(t, options{tls: secured, acme: tenantOptions{limits: noRates}})
			token := acme.token("ana", roles("member"))
			g.dial(t, token).Close()
			g.until(t, 0, "portcullis_connections")
			files := g.descriptors(t)
			err := parallel(count, 32, func(i int) error { return g.visit(token, i, leave[i%len(leave)]) })
			if err != nil {
				t.Fatal(err)
			}
			for _, gauge := range []string{"portcullis_connections", "portcullis_subscriptions", "portcullis_channels"} {
				g.until(t, 0, gauge)
			}
			g.until(t, float64(count+1), "portcullis_connections_closed_total")
			g.hasDescriptors(t, files)
			if err := g.settled(); err != nil {
				t.Error(err)
			}
		})
	}
}

// visit connects, subscribes to a channel that it shares with a few, and leaves.
func (g *gateway) visit(token string, i int, leave func(*line) error) error {
	l, err := g.open()
	if err != nil {
		return err
	}
	defer l.Close()
	a, err := l.request(g.upgrade(bearer(token)))
	if err != nil {
		return err
	}
	if a.status != 101 {
		return fmt.Errorf("the handshake was answered %d %s", a.status, a.body)
	}
	if err := l.put(text(fmt.Sprintf(`{"type":"subscribe","id":1,"channel":"room:%d"}`, i/5))); err != nil {
		return err
	}
	if err := l.hearsEach([]string{`{"type":"welcome",`, `{"type":"ok","id":1,`}); err != nil {
		return err
	}
	return leave(l)
}

// reset ends the connection as a machine does that was switched off and on again.
func (l *line) reset() error {
	conn := l.Conn
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return conn.Close()
}
