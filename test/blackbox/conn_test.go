package blackbox_test

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// The opcodes (RFC 6455, section 5.2).
const (
	opContinue byte = 0x0
	opText     byte = 0x1
	opBinary   byte = 0x2
	opClose    byte = 0x8
	opPing     byte = 0x9
	opPong     byte = 0xA
)

// mirror is the header line that asks for the raw mirror.
const mirror = "Sec-WebSocket-Protocol: portcullis.echo.v1"

// conn is a WebSocket whose client is the test, frame by frame.
type conn struct {
	*line
	t       *testing.T
	welcome entry   // empty with the mirror
	pending []entry // heard while something else was waited for
	queue   []frame // to be put at once
}

// dial connects with a token in the Authorization header, and these header lines more, and hears the welcome.
func (g *gateway) dial(t *testing.T, token string, headers ...string) *conn {
	t.Helper()
	return accepted(t, g.handshake(t, append([]string{bearer(token)}, headers...)...))
}

// dialOver is dial with a TLS configuration of the client; an empty token is none.
func (g *gateway) dialOver(t *testing.T, security *tls.Config, token string, headers ...string) *conn {
	t.Helper()
	if token != "" {
		headers = append(headers, bearer(token))
	}
	return accepted(t, g.handshakeOver(t, security, headers...))
}

// accepted takes over the line of a handshake that must have been answered 101.
func accepted(t *testing.T, a *answer) *conn {
	t.Helper()
	if a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake was answered %d %s, want 101", a.status, a.body)
	}
	c := &conn{line: a.line, t: t}
	if a.header.Get("Sec-WebSocket-Protocol") != "portcullis.echo.v1" {
		if c.welcome = c.hear(); c.welcome["type"] != "welcome" {
			t.Fatalf("got %v, want a welcome", c.welcome)
		}
	}
	return c
}

// frame is one WebSocket frame.
type frame struct {
	fin, masked bool
	reserved    byte // the three bits behind fin
	opcode      byte
	payload     []byte
}

// text is a whole text message.
func text(s string) frame { return frame{fin: true, opcode: opText, payload: []byte(s)} }

// bytes encodes a frame as a client must: masked.
func (f frame) bytes() []byte {
	b := []byte{f.reserved<<4 | f.opcode}
	if f.fin {
		b[0] |= 0x80
	}
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], rand.Uint32())
	b = append(b, mask[:]...)
	for i, c := range f.payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// put writes frames in one write. It may be used outside the test's goroutine.
func (l *line) put(frames ...frame) error {
	var b []byte
	for _, f := range frames {
		b = append(b, f.bytes()...)
		l.dialogue.asked(f)
	}
	l.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.Write(b)
	return err
}

// take reads the next frame, whatever it is, and waits for it until limit has passed. It may be used outside the test's goroutine.
func (l *line) take(limit time.Duration) (f frame, err error) {
	l.SetReadDeadline(time.Now().Add(limit))
	var h [2]byte
	if _, err = io.ReadFull(l.r, h[:]); err != nil {
		return f, err
	}
	f = frame{fin: h[0]&0x80 != 0, reserved: h[0] >> 4 & 7, opcode: h[0] & 0xF, masked: h[1]&0x80 != 0}
	if f.masked || f.reserved != 0 {
		return f, fmt.Errorf("the server sent a frame that begins with %x: masked, or with reserved bits", h)
	}
	size := uint64(h[1] & 0x7F)
	var long [8]byte
	switch size {
	case 126:
		_, err = io.ReadFull(l.r, long[6:])
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(l.r, long[:])
		size = binary.BigEndian.Uint64(long[:])
	}
	if err != nil {
		return f, err
	}
	if size > 4<<20 {
		return f, fmt.Errorf("the server sent a frame of %d bytes: the stream is out of step", size)
	}
	f.payload = make([]byte, size)
	if _, err = io.ReadFull(l.r, f.payload); err != nil {
		return f, err
	}
	return f, l.dialogue.told(f)
}

// message reads the next data message. Pings are answered on the way, pongs passed over. A close frame is an error of type [closed].
func (l *line) message(limit time.Duration) (f frame, err error) {
	for end := time.Now().Add(limit); ; {
		if f, err = l.take(time.Until(end)); err != nil {
			return f, err
		}
		switch f.opcode {
		case opPing:
			err = l.put(frame{fin: true, opcode: opPong, payload: f.payload})
		case opPong:
		case opClose:
			return f, closedBy(f.payload)
		default:
			return f, nil
		}
		if err != nil {
			return f, err
		}
	}
}

// closed is a close frame of the server's.
type closed struct {
	code   int
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("the server closed with %d %s", c.code, c.reason) }

func closedBy(payload []byte) error {
	if len(payload) < 2 {
		return closed{code: 1005}
	}
	return closed{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
}

// say sends one text message.
func (c *conn) say(format string, args ...any) {
	c.t.Helper()
	if err := c.put(text(fmt.Sprintf(format, args...))); err != nil {
		c.t.Fatal(err)
	}
}

// hear returns the next JSON message.
func (c *conn) hear() entry {
	c.t.Helper()
	if len(c.pending) > 0 {
		e := c.pending[0]
		c.pending = c.pending[1:]
		return e
	}
	return c.read()
}

func (c *conn) read() (e entry) {
	c.t.Helper()
	f, err := c.message(patience)
	if err != nil {
		c.t.Fatalf("hear: %v", err)
	}
	if f.opcode != opText || !f.fin {
		c.t.Fatalf("got a frame of opcode %d, fin %v, want a whole text", f.opcode, f.fin)
	}
	if err := json.Unmarshal(f.payload, &e); err != nil {
		c.t.Fatalf("hear %.200q: %v", f.payload, err)
	}
	return e
}

// ask sends a request, which needs an id, and returns its ok or error. What else comes meanwhile is kept for hear.
func (c *conn) ask(format string, args ...any) entry {
	c.t.Helper()
	request := fmt.Sprintf(format, args...)
	var want struct{ ID float64 }
	if err := json.Unmarshal([]byte(request), &want); err != nil || want.ID == 0 {
		c.t.Fatalf("%s: a request has an id (%v)", request, err)
	}
	c.say("%s", request)
	for {
		e := c.read()
		if (e["type"] == "ok" || e["type"] == "error") && e["id"] == want.ID {
			return e
		}
		c.pending = append(c.pending, e)
	}
}

// does asks and wants an ok; mayNot asks and wants an error of this code.
func (c *conn) does(format string, args ...any) entry {
	c.t.Helper()
	e := c.ask(format, args...)
	if e["type"] != "ok" {
		c.t.Fatalf("%s: got %v, want ok", fmt.Sprintf(format, args...), e)
	}
	return e
}

func (c *conn) mayNot(code, format string, args ...any) entry {
	c.t.Helper()
	e := c.ask(format, args...)
	if e["type"] != "error" || e["code"] != code {
		c.t.Fatalf("%s: got %v, want the error %s", fmt.Sprintf(format, args...), e, code)
	}
	return e
}

// silent fails the test when a message comes within d, or did before.
func (c *conn) silent(d time.Duration) {
	c.t.Helper()
	if len(c.pending) > 0 {
		c.t.Fatalf("got %v, want silence", c.pending)
	}
	f, err := c.message(d)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("got %.200q, %v, want silence", f.payload, err)
	}
}

// ended waits for the server's end of the connection, passes over messages on the way, and answers the close frame. The code is
// 1006 when there was none.
func (c *conn) ended() (code int, reason string) {
	c.t.Helper()
	bye, err := c.end(patience)
	if err != nil {
		c.t.Fatal(err)
	}
	return bye.code, bye.reason
}

// end is ended outside the test's goroutine.
func (l *line) end(limit time.Duration) (bye closed, err error) {
	for deadline := time.Now().Add(limit); ; {
		f, err := l.message(time.Until(deadline))
		if bye, ok := errors.AsType[closed](err); ok {
			l.put(frame{fin: true, opcode: opClose, payload: f.payload}) // it may be gone already
			l.SetReadDeadline(deadline)
			if n, err := l.r.Read(make([]byte, 1)); n > 0 || isTimeout(err) {
				return bye, fmt.Errorf("behind the close frame there were %d bytes, %v, want the end of the stream", n, err)
			}
			return bye, nil
		}
		if isTimeout(err) {
			return closed{}, fmt.Errorf("wait for the end: %w", err)
		}
		if err != nil {
			return closed{code: 1006}, nil
		}
	}
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}
