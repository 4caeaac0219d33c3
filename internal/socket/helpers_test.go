package socket_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"portcullis/internal/limit"
	"portcullis/internal/socket"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
)

// long says that the long forms of tests are asked for. It is asked in a test, not before, so that the cache of go test knows of it.
func long() bool { return os.Getenv("PORTCULLIS_LONG") != "" }

// server accepts every handshake and hands the connection to the test.
type server struct {
	conns chan *socket.Conn
	dial  func() net.Conn
}

// freePlace is a place of a tenant without limits.
func freePlace() *limit.Place {
	place, _ := limit.NewTenant(limit.Limits{}).Enter("ana")
	return place
}

func serve(t *testing.T, l net.Listener, dial func() net.Conn) *server {
	t.Helper()
	return serveAt(t, freePlace(), l, dial)
}

// serveAt counts what waits for the clients at place.
func serveAt(t *testing.T, place *limit.Place, l net.Listener, dial func() net.Conn) *server {
	t.Helper()
	s := &server{conns: make(chan *socket.Conn, 16), dial: dial}
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := socket.Accept(w, r, "", place)
		if err != nil {
			t.Error(err)
			return
		}
		s.conns <- c
	})}
	done := make(chan struct{})
	go func() {
		hs.Serve(l)
		close(done)
	}()
	t.Cleanup(func() {
		hs.Close()
		<-done
	})
	return s
}

func overMemory(t *testing.T) *server { return overMemoryOf(t, limit.NewTenant(limit.Limits{})) }

func overMemoryOf(t *testing.T, account *limit.Tenant) *server {
	place, _ := account.Enter("ana")
	l := testnet.Listen()
	return serveAt(t, place, l, func() net.Conn {
		c, err := l.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

func overTCP(t *testing.T) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

const handshake = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// peer is a client that writes every byte by hand.
type peer struct {
	net.Conn
	in *bufio.Reader
}

// connect shakes hands, with first right behind the handshake in the same write.
func (s *server) connect(t *testing.T, first ...byte) (*peer, *socket.Conn) {
	t.Helper()
	c := s.dial()
	if _, err := c.Write(append([]byte(handshake), first...)); err != nil {
		t.Fatal(err)
	}
	p := &peer{c, bufio.NewReader(c)}
	answer, err := http.ReadResponse(p.in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v; want 101", answer, err)
	}
	return p, <-s.conns
}

// masked is one client frame (RFC 6455, section 5.2). final is 0x80 for the last frame of a message.
func masked(final, op byte, payload string) []byte {
	b := []byte{final | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := []byte{1, 2, 3, 4}
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

func text(payload string) []byte { return masked(0x80, 1, payload) }

// frame reads one frame of the server's.
func (p *peer) frame() (op byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(p.in, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1])
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(p.in, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(p.in, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if h[0]&0xf0 != 0x80 || h[1]&0x80 != 0 || n > 1<<24 {
		return 0, nil, fmt.Errorf("header %x of %d bytes is no whole frame of a server", h, n)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(p.in, payload)
	return h[0] & 0x0f, payload, err
}

// closed reads until the server's close frame and returns its code and reason; code 0 is an end without one.
func (p *peer) closed(t *testing.T) (code int, reason string) {
	t.Helper()
	for {
		op, payload, err := p.frame()
		if err != nil {
			return 0, err.Error()
		}
		if op == 8 && len(payload) >= 2 {
			p.Write(masked(0x80, 8, string(payload)))
			return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
	}
}

// next reads one message with the connection's own words for its end.
func next(c *socket.Conn, limit int) (wire.Opcode, string, error) {
	op, err := c.Next()
	if err != nil {
		return 0, "", err
	}
	b, err := c.Payload(nil, limit)
	return op, string(b), err
}

// numbered is the frame of message i, of about size bytes.
func numbered(i, size int) []byte {
	payload := fmt.Sprintf("%d %s", i, strings.Repeat("x", size))
	return wire.AppendFrame(nil, wire.Text, []byte(payload))
}

// number reads what numbered wrote.
func number(payload []byte) (i int) {
	digits, _, _ := bytes.Cut(payload, []byte(" "))
	fmt.Sscan(string(digits), &i)
	return i
}
