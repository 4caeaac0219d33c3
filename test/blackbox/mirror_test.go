package blackbox_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// What goes into portcullis.echo.v1 comes out of it, byte for byte and of the same kind, however it was cut into frames.
func TestTheMirrorChangesNothing(t *testing.T) {
	for name, g := range map[string]*gateway{"plain": unbounded(t), "TLS": unboundedTLS(t)} {
		t.Run(name, func(t *testing.T) {
			token := acme.token("ana", roles("prober"))
			for _, s := range []string{"", " ", "\x00", "{", `{"type":"ping","id":1}`, "Grüße, 世界 🌐", "\ufeff", "\u2028\n\r\n"} {
				c := g.dial(t, token, mirror)
				c.reflects(t, opText, []byte(s))
				c.reflects(t, opBinary, []byte(s))
			}
			for _, size := range []int{1, 125, 126, 127, 255, 256, 65535, 65536} {
				c := g.dial(t, token, mirror)
				b := make([]byte, size)
				for i := range b {
					b[i] = byte(rand.Uint32())
				}
				c.reflects(t, opBinary, b)
				c.reflects(t, opText, bytes.Repeat([]byte("x"), size))
			}
		})
	}
}

// reflects sends a message whole, and cut into pieces with empty ones and a ping among them, and wants it back as it was.
func (c *conn) reflects(t *testing.T, opcode byte, payload []byte) {
	t.Helper()
	pieces := []frame{{opcode: opcode}}
	for rest := payload; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(1+len(payload)/3))
		pieces = append(pieces, frame{opcode: opContinue, payload: rest[:n]})
		rest = rest[n:]
	}
	pieces = append(pieces, frame{fin: true, opcode: opPing, payload: []byte("between")}, frame{fin: true, opcode: opContinue})
	for _, frames := range [][]frame{{{fin: true, opcode: opcode, payload: payload}}, pieces} {
		if err := c.put(frames...); err != nil {
			t.Fatal(err)
		}
		f, err := c.message(patience)
		if err != nil {
			t.Fatal(err)
		}
		if !f.fin || f.opcode != opcode || !bytes.Equal(f.payload, payload) {
			t.Errorf("in %d frames: sent opcode %X and %d bytes, got opcode %X, fin %v and %d bytes: %.100q",
				len(frames), opcode, len(payload), f.opcode, f.fin, len(f.payload), f.payload)
		}
	}
}

// The mirror has no word for an error: whatever it cannot reflect ends it.
func TestWhatTheMirrorDoesNotReflect(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_connection: 10"}})
	token := acme.token("ana", roles("prober"))
	tests := []struct {
		name   string
		frames []frame
		code   int
		close  string
	}{
		{"text that is not UTF-8", []frame{text("\xff")}, 1007, "invalid_utf8"},
		{"text that is not UTF-8, cut", []frame{{opcode: opText, payload: []byte("\xe2")}, {fin: true, opcode: opContinue, payload: []byte("\x82")}}, 1007, "invalid_utf8"},
		{"a byte too much", []frame{{fin: true, opcode: opBinary, payload: make([]byte, 64<<10+1)}}, 1009, "message_too_big"},
	}
	for _, tt := range tests {
		closes := g.closes(t, "server", tt.close)
		c := g.dial(t, token, mirror)
		if err := c.put(tt.frames...); err != nil {
			t.Fatal(err)
		}
		c.ends(t, tt.code, fmt.Sprintf(`{"code":%q}`, tt.close))
		closes.moved(t, 1)
	}

	// Over its rate it ends at the first message: there is no way to tell that one is missing.
	closes := g.closes(t, "server", "rate_limited")
	c := g.dial(t, token, mirror)
	for range 30 {
		if err := c.put(text("again")); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; ; n++ {
		f, err := c.message(patience)
		if bye, ok := err.(closed); ok {
			if bye.code != 4103 || n < 20 {
				t.Errorf("behind %d messages it ended with %v, want 4103 behind the burst of 20", n, bye)
			}
			break
		}
		if err != nil || string(f.payload) != "again" {
			t.Fatalf("message %d: got %q, %v", n, f.payload, err)
		}
	}
	c.Close()
	closes.moved(t, 1)
}

// A mirror hears nothing of any channel, and nothing of its own is heard by anybody.
func TestTheMirrorIsNoChannel(t *testing.T) {
	g := unbounded(t)
	token := acme.token("ana", roles("prober", "member"))
	c := g.dial(t, token, mirror)
	listeners := g.subscribers(t, 1, token, "room:mirror")
	c.reflects(t, opText, []byte(`{"type":"publish","channel":"room:mirror","data":1}`))
	c.reflects(t, opText, []byte(`{"type":"subscribe","id":1,"channel":"room:mirror"}`))
	g.dial(t, token).does(`{"type":"publish","id":1,"channel":"room:mirror","data":"to subscribers"}`)
	listeners.hearNext(t, "to subscribers")
	c.silent(50 * time.Millisecond)
}
