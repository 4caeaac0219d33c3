package client_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"portcullis/client"
)

// raw is a connection on which the server writes bytes instead of messages.
func raw(t *testing.T, say func(net.Conn, *bufio.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		defer conn.Close()
		key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: portcullis.v1.json\r\n\r\n", base64.StdEncoding.EncodeToString(key[:]))
		say(conn, both.Reader)
	}
}

// frames writes texts as one message: the first as a text frame, the others as its continuations.
func frames(texts ...string) (b []byte) {
	for i, text := range texts {
		first := byte(0)
		if i == 0 {
			first = 1
		}
		if i == len(texts)-1 {
			first |= 0x80
		}
		b = append(b, first)
		if n := len(text); n < 126 {
			b = append(b, byte(n))
		} else {
			b = append(b, 126, byte(n>>8), byte(n))
		}
		b = append(b, text...)
	}
	return b
}

// Wherever a message is cut, it is a connection that was lost, and never one whose server says what no gateway says.
func TestAMessageThatIsCutIsALostConnection(t *testing.T) {
	text := at("room:1", 41)
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"in one frame", frames(text)},
		{"in fragments", frames(text[:20], text[20:50], "", text[50:])},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := range len(c.bytes) {
				cut(t, c.bytes[:n])
			}
		})
	}
}

func cut(t *testing.T, part []byte) {
	t.Helper()
	l := listen(t, raw(t, func(conn net.Conn, r *bufio.Reader) {
		conn.Write(frames(hello))
		r.ReadByte() // the client is there, and asks something
		conn.Write(part)
	}))
	c, err := client.Dial(t.Context(), options(l))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Ping(t.Context())
	if lost, ok := errors.AsType[*client.CloseError](err); !ok || lost.Code != 1006 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes of a message: got %v, want a lost connection", len(part), err)
	}
}

func TestAWelcomeThatIsCutIsALostConnection(t *testing.T) {
	l := listen(t, raw(t, func(conn net.Conn, _ *bufio.Reader) { conn.Write(frames(hello)[:100]) }))
	_, err := client.Dial(t.Context(), options(l))
	if lost, ok := errors.AsType[*client.CloseError](err); !ok || lost.Code != 1006 {
		t.Errorf("got %v, want a lost connection", err)
	}
}

// What is cut is asked for again: the feed has it from the next connection.
func TestAClientComesBackForTheMessageThatWasCut(t *testing.T) {
	plays := func(t *testing.T) []http.HandlerFunc {
		return []http.HandlerFunc{
			raw(t, func(conn net.Conn, r *bufio.Reader) {
				conn.Write(frames(hello))
				r.ReadByte()
				conn.Write(frames(`{"type":"ok","id":1,"channel":"room:1","offset":40,"epoch":"x7"}`))
				torn := frames(at("room:1", 41))
				conn.Write(torn[:len(torn)/2])
			}),
			greets(t, func(p *peer) {
				p.agree(p.expect("subscribe", "room:1"), `,"offset":41,"epoch":"x7","recovered":true,"replayed":1`)
				p.say(at("room:1", 41))
				p.serve()
			}),
		}
	}
	inBubble(t, plays, nil, func(t *testing.T, c *client.Client, _ *script) {
		got := collect(t, c, "room:1", client.FeedOptions{})
		time.Sleep(time.Second)
		if got, want := got(), "+41"; got != want || c.Err() != nil {
			t.Errorf("got %q and %v, want %q and a client that lives", got, c.Err(), want)
		}
	})
}
