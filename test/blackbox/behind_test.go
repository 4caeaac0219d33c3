package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// A client may send its first messages in one segment with its handshake, and an HTTP server may have read ahead: those bytes belong to the session.
// Lost, they leave a client waiting for an answer for ever; half lost, the stream is out of step.
func TestBytesRightBehindTheHandshake(t *testing.T) {
	tests := []struct {
		name           string
		g              *gateway
		ordinary, more int
	}{
		{"plain", unbounded(t), 400, 5000},
		{"TLS", unboundedTLS(t), 80, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			count := tt.ordinary
			if full() {
				count = tt.more
			}
			token := acme.token("ana")
			normal := tt.g.mark(t, "portcullis_connections_closed_total", "initiator", "client", "reason", "client_normal")
			err := parallel(count, 16, func(i int) error { return tt.g.sendBehind(token, i) })
			if err != nil {
				t.Fatal(err)
			}
			normal.moved(t, float64(count))
		})
	}
}

// Where connections cut what they send behind their handshake.
const (
	nowhere     = iota // all of it is one write with the handshake
	firstByte          // net/http reads one byte ahead by itself
	secondWrite        // the rest may arrive before, while or after the session takes over
	afterAnswer        // the rest comes when the handshake was answered
	cuts
)

// sendBehind sends three requests behind a handshake, the last one larger than any read-ahead, and wants the answer to each.
func (g *gateway) sendBehind(token string, i int) error {
	l, err := g.open()
	if err != nil {
		return err
	}
	defer l.Close()
	var behind []byte
	var want []string
	for id, size := range []int{1, 100, 5000} {
		request := fmt.Sprintf(`"id":%d,"channel":"lab:rtt","data":%q}`, id+1, strings.Repeat("x", size))
		behind = append(behind, text(`{"type":"echo",`+request).bytes()...)
		want = append(want, `{"type":"ok",`+request)
	}
	cut := rand.IntN(len(behind))
	switch i % cuts {
	case nowhere:
		cut = len(behind)
	case firstByte:
		cut = 1
	}
	raw := g.upgrade(bearer(token)) + string(behind[:cut])
	if i%cuts == secondWrite {
		if _, err := l.Write([]byte(raw)); err != nil {
			return err
		}
		raw, behind = string(behind[cut:]), nil
		cut = 0
	}
	a, err := l.request(raw)
	if err != nil {
		return err
	}
	if a.status != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake was answered %d %s", a.status, a.body)
	}
	if _, err := l.Write(behind[cut:]); err != nil {
		return err
	}
	if err := l.hearsEach(append([]string{`{"type":"welcome",`}, want...)); err != nil {
		return fmt.Errorf("cut %d at %d: %w", i%cuts, cut, err)
	}
	return l.put(frame{fin: true, opcode: opClose, payload: []byte{1000 >> 8, 1000 & 0xFF}})
}

// hearsEach wants messages that begin like this, in this order.
func (l *line) hearsEach(want []string) error {
	for n, w := range want {
		f, err := l.message(patience)
		if err != nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
		if !strings.HasPrefix(string(f.payload), w) {
			return fmt.Errorf("message %d: got %.200q, want %.200q", n, f.payload, w)
		}
	}
	return nil
}
