package blackbox_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// A message has ten seconds from its first byte to its last, in whatever pieces it comes; one that needs less is heard.
func TestAMessageThatDrips(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	whole := text(`{"type":"ping","id":1}`).bytes()
	var fragments []byte
	fragments = append(fragments, frame{opcode: opText, payload: []byte("{")}.bytes()...)
	for range 100 {
		fragments = append(fragments, frame{opcode: opContinue, payload: []byte(" ")}.bytes()...)
	}
	tests := []struct {
		name  string
		bytes []byte
		first int
		step  int
	}{
		{"half a header", whole, 1, 0},
		{"a header alone", whole, 6, 0},
		{"a byte a second", whole, 1, 1},
		{"a fragment a second", fragments, 7, 7},
		{"a large one in small pieces", text(string(make([]byte, 60_000))).bytes(), 100, 100},
	}
	for _, secured := range []bool{false, true} {
		g := start(t, options{tls: secured})
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, TLS %v", tt.name, secured), func(t *testing.T) {
				t.Parallel()
				c := g.dial(t, acme.token("ana"))
				begun := time.Now()
				sent := tt.first
				c.Write(tt.bytes[:sent])
				bye := make(chan error, 1)
				go func() {
					_, err := c.message(2 * patience)
					bye <- err
				}()
				for tick := time.NewTicker(time.Second); ; {
					select {
					case <-tick.C:
						next := min(sent+tt.step, len(tt.bytes)-1) // never the last byte
						c.Write(tt.bytes[sent:next])
						sent = next
						continue
					case got := <-bye:
						if want := (closed{4102, `{"code":"ping_timeout"}`}); got != want {
							t.Errorf("got %v, want %v", got, want)
						}
					}
					tick.Stop()
					break
				}
				if took := time.Since(begun); took < 9*time.Second || took > 13*time.Second {
					t.Errorf("it ended after %v, want 10s", took)
				}
				c.Close()
			})
		}
		t.Run(fmt.Sprintf("within its time, TLS %v", secured), func(t *testing.T) {
			t.Parallel()
			c := g.dial(t, acme.token("ana"))
			for _, b := range [][]byte{whole[:2], whole[2:10], whole[10:]} {
				c.Write(b)
				time.Sleep(3 * time.Second)
			}
			if e := c.hear(); e["type"] != "ok" {
				t.Errorf("got %v, want the answer", e)
			}
		})
	}
}

// A client that answers no ping is taken for dead after at most 38 seconds; one that does nothing but answer them stays.
func TestAClientThatAnswersNoPings(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	for _, headers := range [][]string{nil, {mirror}} {
		t.Run(fmt.Sprint(headers), func(t *testing.T) {
			t.Parallel()
			g := start(t, options{})
			token := acme.token("ana", roles("prober"))
			dead, alive := g.dial(t, token, headers...), g.dial(t, token, headers...)
			closes := g.closes(t, "server", "ping_timeout")
			begun := time.Now()
			answering := make(chan error, 1)
			go func() {
				_, err := alive.message(40 * time.Second) // answers pings meanwhile
				answering <- err
			}()
			f, err := dead.take(40 * time.Second)
			if took := time.Since(begun); err != nil || f.opcode != opPing || took < 22*time.Second || took > 29*time.Second {
				t.Fatalf("after %v: got opcode %X, %v, want a ping after 25s give or take a tenth", took, f.opcode, err)
			}
			// What is no answer to that ping does not count as one.
			dead.put(frame{fin: true, opcode: opPong}, frame{fin: true, opcode: opPong, payload: []byte("x")}, frame{fin: true, opcode: opPing})
			if f, err := dead.take(patience); err != nil || f.opcode != opPong {
				t.Fatalf("got %v, %v, want the pong to our ping", f, err)
			}
			_, err = dead.message(2 * patience)
			if want := (closed{4102, `{"code":"ping_timeout"}`}); err != want {
				t.Errorf("got %v, want %v", err, want)
			}
			if took := time.Since(begun); took > 39*time.Second {
				t.Errorf("it was ended after %v, want at most 38s", took)
			}
			dead.Close()
			closes.moved(t, 1)
			if err := <-answering; !isTimeout(err) {
				t.Errorf("the client that answers pings: got %v, want silence", err)
			}
			if rtt := g.metric(t, "portcullis_ping_rtt_seconds_count"); rtt < 1 {
				t.Errorf("%v round trips of pings were counted, want 1", rtt)
			}
		})
	}
}

// A client that never pauses has no message unfinished for long, though whenever the gateway looks there is one: it stays.
func TestAClientThatNeverPauses(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: noRates}})
	c := g.dial(t, acme.token("ana"))
	// The odd first frame puts every later one across the ends of the gateway's reads, which are powers of two like the frames.
	many := bytes.Repeat(text(`{"type":"ping"}           `).bytes(), 4096)
	stream := append(text(`{"type":"ping"}  `).bytes(), many...)
	for begun := time.Now(); time.Since(begun) < 12*time.Second; stream = many {
		c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write(stream); err != nil {
			code, reason := c.ended()
			t.Fatalf("after %v it was ended with %d %s", time.Since(begun), code, reason)
		}
	}
	c.does(`{"type":"ping","id":1}`)
}
