package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
)

// A text frame that is not UTF-8 would make every browser that hears it close its connection (RFC 6455, section 8.1): it may reach nobody.
func TestInvalidUTF8ReachesNobody(t *testing.T) {
	around := func(bad string) string {
		return fmt.Sprintf(`{"type":"publish","id":1,"channel":"room:utf8","data":"%s"}`, bad)
	}
	whole := func(bad string) []frame { return []frame{text(around(bad))} }
	cut := func(bad string, at int) []frame {
		s := around(bad)
		at += strings.Index(s, bad)
		return []frame{
			{opcode: opText, payload: []byte(s[:at])},
			{fin: true, opcode: opPing, payload: []byte("a control frame may stand between")},
			{fin: true, opcode: opContinue, payload: []byte(s[at:])},
		}
	}
	tests := []struct {
		name   string
		frames []frame
	}{
		{"a byte that never stands in UTF-8", whole("\xff")},
		{"a continuation without a beginning", whole("\x80")},
		{"a beginning without its continuation", whole("\xc3(")},
		{"a longer form than needed", whole("\xc0\xaf")},
		{"a surrogate", whole("\xed\xa0\x80")},
		{"beyond the last code point", whole("\xf4\x90\x80\x80")},
		{"cut in the middle, the second half is wrong", cut("\xe2\x82(", 2)},
		{"cut in the middle, the first half is wrong", cut("\xe2(\xac", 1)},
		{"cut into single bytes", cut("\xf0\x9f\x98(", 1)},
		{"it ends in the middle of a character", []frame{{opcode: opText, payload: []byte(`"`)}, {fin: true, opcode: opContinue, payload: []byte("\xe2\x82")}}},
	}
	for _, g := range []*gateway{unbounded(t), unboundedTLS(t)} {
		token := acme.token("ana", roles("member"))
		listeners := g.subscribers(t, 10, token, "room:utf8")
		talker := g.dial(t, token)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				closes, sent := g.closes(t, "server", "invalid_utf8"), g.mark(t, "portcullis_messages_sent_total", "type", "message")
				offender := g.dial(t, token)
				if err := offender.put(tt.frames...); err != nil {
					t.Fatal(err)
				}
				offender.ends(t, 1007, `{"code":"invalid_utf8"}`)
				closes.moved(t, 1)
				sent.moved(t, 0)
				talker.does(`{"type":"publish","id":1,"channel":"room:utf8","data":"after %s"}`, tt.name)
				listeners.hearNext(t, "after "+tt.name)
			})
		}
	}
}

// What is UTF-8 only when its fragments are put together is UTF-8.
func TestUTF8CutAcrossFragmentsIsHeard(t *testing.T) {
	g := plain(t)
	token := acme.token("ana", roles("member"))
	listeners := g.subscribers(t, 1, token, "room:utf8")
	request := `{"type":"publish","channel":"room:utf8","data":"Grüße, 世界 🌐"}`
	var frames []frame
	for i := range len(request) {
		frames = append(frames, frame{opcode: opContinue, payload: []byte{request[i]}})
	}
	frames[0].opcode, frames[len(frames)-1].fin = opText, true
	if err := g.dial(t, token).put(frames...); err != nil {
		t.Fatal(err)
	}
	listeners.hearNext(t, "Grüße, 世界 🌐")
}

func TestAMessageOneByteTooLarge(t *testing.T) {
	g := plain(t)
	const limit = 64 << 10
	token := acme.token("ana", roles("member"))
	if got := g.dial(t, token).welcome["limits"].(map[string]any)["message_size"]; got != float64(limit) {
		t.Fatalf("the welcome says message_size %v, want %d", got, limit)
	}
	const begin, end = `{"type":"echo","id":1,"channel":"lab:rtt","data":"`, `"}`
	sized := func(size int) []byte {
		return []byte(begin + strings.Repeat("x", size-len(begin)-len(end)) + end)
	}
	whole := func(size int) []frame { return []frame{{fin: true, opcode: opText, payload: sized(size)}} }
	halves := func(size int) []frame {
		p := sized(size)
		return []frame{{opcode: opText, payload: p[:size/2]}, {fin: true, opcode: opContinue, payload: p[size/2:]}}
	}
	lastByte := func(size int) []frame {
		p := sized(size)
		return []frame{{opcode: opText, payload: p[:size-1]}, {opcode: opContinue}, {fin: true, opcode: opContinue, payload: p[size-1:]}}
	}
	tests := []struct {
		name   string
		frames []frame
		passes bool
	}{
		{"at the limit", whole(limit), true},
		{"at the limit, in two fragments", halves(limit), true},
		{"at the limit, the last byte alone", lastByte(limit), true},
		{"one byte more", whole(limit + 1), false},
		{"one byte more, in two fragments", halves(limit + 1), false},
		{"one byte more, the last byte alone", lastByte(limit + 1), false},
		{"four million bytes", whole(4_000_000), false},
	}
	bystander := g.dial(t, token)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			closes := g.closes(t, "server", "message_too_big")
			c := g.dial(t, token)
			go c.put(tt.frames...) // the gateway need not take all of it: it ends with the connection
			if tt.passes {
				if got := c.hear(); got["type"] != "ok" || got["data"] != strings.Repeat("x", limit-len(begin)-len(end)) {
					t.Errorf("got %.200v, want ok with the same data", got)
				}
				closes.moved(t, 0)
			} else {
				c.ends(t, 1009, `{"code":"message_too_big"}`)
				closes.moved(t, 1)
			}
			bystander.does(`{"type":"ping","id":1}`)
		})
	}
}

func TestABinaryMessageOnASubprotocolOfText(t *testing.T) {
	g := plain(t)
	token := acme.token("ana", roles("member"))
	for name, frames := range map[string][]frame{
		"whole":        {{fin: true, opcode: opBinary, payload: []byte(`{"type":"ping","id":1}`)}},
		"in fragments": {{opcode: opBinary, payload: []byte(`{"type":"ping"`)}, {fin: true, opcode: opContinue, payload: []byte(`,"id":1}`)}},
		"empty":        {{fin: true, opcode: opBinary}},
	} {
		t.Run(name, func(t *testing.T) {
			closes := g.closes(t, "server", "unsupported_data")
			c := g.dial(t, token)
			if err := c.put(frames...); err != nil {
				t.Fatal(err)
			}
			c.ends(t, 1003, `{"code":"unsupported_data"}`)
			closes.moved(t, 1)
		})
	}
}

// None of these frames may stand in a client's stream (RFC 6455, sections 5.1 to 5.5 and 7.4). Whoever sends one is ended, and nobody else notices.
func TestFramesThatBreakTheProtocol(t *testing.T) {
	ping := text(`{"type":"ping","id":1}`)
	unmasked := append([]byte{0x81, byte(len(ping.payload))}, ping.payload...)
	tests := []struct {
		name string
		raw  []byte
	}{
		{"a frame without a mask", unmasked},
		{"an unmasked frame behind a good one", append(ping.bytes(), unmasked...)},
		{"a continuation of nothing", frame{fin: true, opcode: opContinue, payload: []byte("x")}.bytes()},
		{"a message inside another", append(frame{opcode: opText, payload: []byte("{")}.bytes(), ping.bytes()...)},
		{"a ping in fragments", frame{opcode: opPing, payload: []byte("x")}.bytes()},
		{"a ping of 126 bytes", frame{fin: true, opcode: opPing, payload: make([]byte, 126)}.bytes()},
		{"a close of 126 bytes", frame{fin: true, opcode: opClose, payload: append([]byte{3, 232}, make([]byte, 124)...)}.bytes()},
		{"a close with half a code", frame{fin: true, opcode: opClose, payload: []byte{3}}.bytes()},
		{"a close with a code that never travels", frame{fin: true, opcode: opClose, payload: []byte{3, 238}}.bytes()}, // 1006
		{"a close with code 0", frame{fin: true, opcode: opClose, payload: []byte{0, 0}}.bytes()},
		{"a length with the highest bit set", []byte{0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}},
	}
	for bits := byte(1); bits < 8; bits++ {
		f := ping
		f.reserved = bits
		tests = append(tests, struct {
			name string
			raw  []byte
		}{fmt.Sprintf("reserved bits %03b", bits), f.bytes()})
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		tests = append(tests, struct {
			name string
			raw  []byte
		}{fmt.Sprintf("opcode %X", opcode), frame{fin: true, opcode: opcode, payload: []byte("x")}.bytes()})
	}
	g := unbounded(t)
	token := acme.token("ana", roles("member"))
	listeners := g.subscribers(t, 2, token, "room:frames")
	talker := g.dial(t, token)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			closes := g.closes(t, "server", "protocol_error")
			c := g.dial(t, token)
			if _, err := c.Write(tt.raw); err != nil {
				t.Fatal(err)
			}
			c.ends(t, 1002, `{"code":"protocol_error"}`)
			closes.moved(t, 1)
			talker.does(`{"type":"publish","id":1,"channel":"room:frames","data":%q}`, tt.name)
			listeners.hearNext(t, tt.name)
		})
	}
}
