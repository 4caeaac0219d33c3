package blackbox_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Frames that carry nothing cost their sender nothing and slip past every limit on messages. Whoever sends a stream of them is ended soon, and while
// many do it at once the gateway has work for others.
func TestFloodsOfFramesThatSayNothing(t *testing.T) {
	repeat := func(f frame, n int) (b []byte) {
		for range n {
			b = append(b, f.bytes()...)
		}
		return b
	}
	open := frame{opcode: opText, payload: []byte("{")}.bytes()
	tests := []struct {
		name  string
		first []byte
		flood []byte
	}{
		{"pings", nil, repeat(frame{fin: true, opcode: opPing}, 1000)},
		{"pings of 125 bytes", nil, repeat(frame{fin: true, opcode: opPing, payload: make([]byte, 125)}, 200)},
		{"pongs that nobody asked for", nil, repeat(frame{fin: true, opcode: opPong, payload: []byte("x")}, 1000)},
		{"empty fragments", open, repeat(frame{opcode: opContinue}, 1000)},
		{"fragments of one byte", open, repeat(frame{opcode: opContinue, payload: []byte(" ")}, 1000)},
		{"pings between the fragments of a message", open, repeat(frame{fin: true, opcode: opPing}, 1000)},
	}
	attackers := 8
	if raced {
		attackers = 2
	}
	for _, g := range []*gateway{unbounded(t), unboundedTLS(t)} {
		token := acme.token("ana", roles("member"))
		closes := g.closes(t, "server", "protocol_violation")
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				lines := make([]*conn, attackers)
				for i := range lines {
					lines[i] = g.dial(t, token)
				}
				bystander := g.measure(t, token)
				before := g.cpu(t)
				start := time.Now()
				err := parallel(attackers, attackers, func(i int) error {
					return lines[i].flood(append(tt.first, tt.flood...), tt.flood, start.Add(2*time.Second))
				})
				if err != nil {
					t.Error(err)
				}
				used := g.cpu(t) - before
				bystander.calm(t, 250*time.Millisecond)
				if most := bound(time.Duration(attackers) * 100 * time.Millisecond); used > most {
					t.Errorf("%d attackers made the gateway compute for %v, want at most %v", attackers, used, most)
				}
			})
		}
		closes.moved(t, float64(attackers*len(tests)))
	}
}

// A client that was told to go, and goes on sending as fast as it can, may keep nobody busy for the time that the gateway waits for its answer.
func TestAClientThatDoesNotHearItsCloseCostsLittle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		first  []byte
		code   int
		reason string
	}{
		{"a broken frame", frame{fin: true, opcode: 3}.bytes(), 1002, "protocol_error"},
		{"a binary message on a subprotocol of text", frame{fin: true, opcode: opBinary}.bytes(), 1003, "unsupported_data"},
		{"not UTF-8", text("\xff").bytes(), 1007, "invalid_utf8"},
		{"too large", text(strings.Repeat(" ", 64<<10+1)).bytes(), 1009, "message_too_big"},
		{"over its rate", text(strings.Repeat(`{"type":"ping"}`+"\n", 1000)).bytes(), 4103, "rate_limited"},
		{"a flood of pings", bytes.Repeat(frame{fin: true, opcode: opPing}.bytes(), 30), 4500, "protocol_violation"},
	}
	request := `{"type":"publish","channel":"room:deaf","data":"` + strings.Repeat("x", 1000) + `"}`
	more := bytes.Repeat(text(request).bytes(), 100)
	limited := options{acme: tenantOptions{limits: "messages_per_second_per_connection: 20"}, globex: tenantOptions{limits: noRates}}
	limitedTLS := limited
	limitedTLS.tls = true
	gateways := map[string]*gateway{"plain": start(t, limited), "TLS": start(t, limitedTLS)}
	for name, g := range gateways {
		token := acme.token("ana", roles("member"))
		for _, tt := range tests {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				c := g.dial(t, token)
				c.Write(tt.first)
				_, err := c.message(patience)
				for err == nil {
					_, err = c.message(patience)
				}
				if bye, ok := err.(closed); !ok || bye.code != tt.code {
					t.Fatalf("it ended with %v, want %d", err, tt.code)
				}
				bystander := g.measure(t, globex.token("ana"))
				before := g.cpu(t)
				c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
				for err = nil; err == nil; {
					_, err = c.Write(more)
				}
				used := g.cpu(t) - before
				bystander.calm(t, 250*time.Millisecond)
				if err := c.reset(); err != nil {
					t.Error(err)
				}
				if most := bound(150 * time.Millisecond); used > most {
					t.Errorf("the gateway computed for %v in the half second after its goodbye, want at most %v", used, most)
				}
			})
		}
	}
	for _, g := range gateways { // behind all, for the gateway waits a while for each client's goodbye
		for _, tt := range tests {
			g.until(t, 1, "portcullis_connections_closed_total", "initiator", "server", "reason", tt.reason)
		}
	}
}

// bound is a bound on what the gateway computes, wider where it is built with the race detector.
func bound(d time.Duration) time.Duration {
	if raced {
		return 10 * d
	}
	return d
}

// flood writes first, and then again and again until the gateway has said goodbye, with 4500 and before end.
func (l *line) flood(first, again []byte, end time.Time) error {
	said := make(chan error, 1)
	go func() { // flood waits for it
		_, err := l.message(time.Until(end))
		said <- err
		l.SetWriteDeadline(time.Now()) // what is being written need not go out any more
	}()
	_, err := l.Write(first)
	for err == nil {
		_, err = l.Write(again)
	}
	if got := <-said; got != (closed{4500, `{"code":"protocol_violation"}`}) {
		return fmt.Errorf("got %v (writing: %v), want 4500", got, err)
	}
	return l.reset() // or else the gateway waits for a goodbye
}

// Keepalives are no flood.
func TestAFewPingsAreAnswered(t *testing.T) {
	g := plain(t)
	c := g.dial(t, acme.token("ana"))
	for i := range 10 {
		payload := strings.Repeat("p", i*13)
		if err := c.put(frame{fin: true, opcode: opPing, payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
		f, err := c.take(patience)
		if err != nil || f.opcode != opPong || string(f.payload) != payload {
			t.Fatalf("ping %d was answered with opcode %X %q, %v; want a pong with the ping's payload", i, f.opcode, f.payload, err)
		}
	}
	c.does(`{"type":"ping","id":1}`)
}
