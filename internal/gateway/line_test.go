package gateway_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// sized is n, or long where the tests run at their full length.
func sized(n, long int) int {
	if os.Getenv("PORTCULLIS_LONG") != "" {
		return long
	}
	return n
}

// line is a client of few bytes, for tests of very many or very fast ones.
type line struct {
	net.Conn
	in *bufio.Reader
	id string // the connection's
}

// heard is what is read of a frame.
type heard struct {
	Type, Code, Channel, Connection string
	ID                              int
	Data                            json.RawMessage
}

// closed is the end of a line by a close frame.
type closed int

func (c closed) Error() string { return fmt.Sprintf("closed with %d", int(c)) }

func (d *edge) token(sub string, roles ...string) string {
	return d.issuer.Token(sub, map[string]any{"roles": roles})
}

// enter comes in over conn and returns once the welcome is there.
func (d *edge) enter(conn net.Conn, token string) (*line, error) {
	l := &line{Conn: conn, in: newReader(conn)}
	request := strings.Join([]string{
		"GET /v1/ws HTTP/1.1", "Host: edge", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Authorization: Bearer " + token,
	}, "\r\n") + "\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	if err := l.skipHeaders(); err != nil {
		return nil, err
	}
	welcome, err := l.next()
	l.id = welcome.Connection
	return l, err
}

func newReader(conn net.Conn) *bufio.Reader { return bufio.NewReaderSize(conn, 256) }

// skipHeaders reads the answer to the handshake, which must be 101.
func (l *line) skipHeaders() error {
	status, err := l.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 101") {
		rest, _ := io.ReadAll(l.in)
		return fmt.Errorf("the handshake: %q %s, %v", status, rest, err)
	}
	for header := status; header != "\r\n"; {
		if header, err = l.in.ReadString('\n'); err != nil {
			return err
		}
	}
	return nil
}

// comes is enter over the network in memory.
func (d *edge) comes(t testing.TB, token string) *line {
	t.Helper()
	conn, err := d.net.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l, err := d.enter(conn, token)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// say sends each text as a message, all in one write. They are masked with zeros, which leaves them as they are.
func (l *line) say(texts ...string) error {
	var all []byte
	for _, text := range texts {
		all = append(all, 0x81)
		if len(text) < 126 {
			all = append(all, 0x80|byte(len(text)))
		} else {
			all = binary.BigEndian.AppendUint16(append(all, 0x80|126), uint16(len(text)))
		}
		all = append(append(all, 0, 0, 0, 0), text...)
	}
	_, err := l.Write(all)
	return err
}

// frame reads the payload of the next text frame; a close frame is an error.
func (l *line) frame() ([]byte, error) {
	for {
		var header [2]byte
		if _, err := io.ReadFull(l.in, header[:]); err != nil {
			return nil, err
		}
		size := int(header[1])
		if size == 126 {
			var long [2]byte
			if _, err := io.ReadFull(l.in, long[:]); err != nil {
				return nil, err
			}
			size = int(binary.BigEndian.Uint16(long[:]))
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(l.in, payload); err != nil {
			return nil, err
		}
		switch header[0] & 0x0f {
		case 0x1:
			return payload, nil
		case 0x9: // a test may take longer than the gateway waits for a pong
			if _, err := l.Write(append([]byte{0x8a, 0x80 | byte(size), 0, 0, 0, 0}, payload...)); err != nil {
				return nil, err
			}
		case 0x8:
			if size < 2 {
				return nil, closed(1005)
			}
			return nil, closed(binary.BigEndian.Uint16(payload))
		}
	}
}

func (l *line) next() (h heard, err error) {
	payload, err := l.frame()
	if err == nil {
		err = json.Unmarshal(payload, &h)
	}
	return h, err
}

// until reads until the answer to a request, and returns what came before it and the answer.
func (l *line) until(id int) (before []heard, answer heard, err error) {
	for {
		h, err := l.next()
		if err != nil {
			return before, h, err
		}
		if h.ID == id {
			return before, h, nil
		}
		before = append(before, h)
	}
}

// end reads until the close frame.
func (l *line) end() (code int, err error) {
	for {
		if _, err := l.next(); err != nil {
			if c, ok := errors.AsType[closed](err); ok {
				return int(c), nil
			}
			return 0, err
		}
	}
}
