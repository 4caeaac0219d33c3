// Package socket speaks WebSocket (RFC 6455) with one client: it accepts the handshake, reads messages within bounds, and writes
// frames without ever waiting for the client.
//
// The library reads and shakes hands at the end. Our frames pass it by: they are made once for all
// subscribers and go straight to the socket, through the same wrapper as the library's, one at a time and whole.
package socket

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

const (
	readerSize = 256 // what is read ahead, most messages whole; a larger payload is read past the buffer
	writerSize = 128 // a control frame has 127 bytes at most, and leaves in one write

	// settleBy bounds how long a goodbye waits behind what the client has not read yet.
	settleBy = 2 * time.Second
	// answerBy bounds the goodbye itself: 5 s to write it, and 5 s for the client's.
	answerBy = 10 * time.Second
	// tellSlowBy bounds how long a slow client's goodbye waits for the write in progress.
	tellSlowBy = time.Second
)

// Errors of reading, besides [ErrFlood], [ErrUnfinished] and [ErrStuck].
var (
	ErrTooBig = errors.New("a message is larger than its limit")
	ErrUTF8   = errors.New("a text message is not UTF-8")
	ErrClosed = errors.New("the client closed the connection") // after its close frame
	ErrGone   = errors.New("the client is gone")               // without one
	ErrFrames = errors.New("the client broke the WebSocket protocol")
)

// Conn is one client's connection. Next and Payload are for one goroutine; everything else may be called by any.
type Conn struct {
	ws   *websocket.Conn
	pipe *pipe

	// Owned by the reading goroutine.
	message io.Reader
	opcode  wire.Opcode

	ping atomic.Pointer[ping] // nil when none is out
	pong atomic.Pointer[func(rtt time.Duration)]
	sent atomic.Uint64 // bytes of our frames that were taken
}

// Accept answers the handshake in r with 101 and takes the connection over from net/http; the handler may then return.
// What waits for a client that reads slowly is counted at place. The request must have been found to be a proper handshake: on an error the library has answered.
func Accept(w http.ResponseWriter, r *http.Request, subprotocol string, place *limit.Place) (*Conn, error) {
	c := new(Conn)
	options := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the gateway has checked Origin, exactly and before
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     c.gotPing,
		OnPongReceived:     c.gotPong,
	}
	if subprotocol != "" {
		options.Subprotocols = []string{subprotocol}
	}
	ws, err := websocket.Accept(&upgrade{w, c, place}, r, options)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1) // Read counts by itself: the close reason is ours
	c.ws = ws
	return c, nil
}

// upgrade is the ResponseWriter that the library hijacks: it keeps the connection and hands out small buffers.
type upgrade struct {
	http.ResponseWriter
	conn  *Conn
	place *limit.Place
}

func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// A client may send right behind its handshake, and net/http reads one byte ahead even where it does not.
	ahead, _ := brw.Reader.Peek(brw.Reader.Buffered())
	p := newPipe(conn, u.place, append([]byte(nil), ahead...))
	u.conn.pipe = p
	return p, bufio.NewReadWriter(bufio.NewReaderSize(p, readerSize), bufio.NewWriterSize(p, writerSize)), nil
}

// Next waits for the next data message. Its payload must be taken by Payload before Next is called again. After an error of
// either nothing more can be read and the caller must call Close or CloseNow: the library leaves the socket open.
func (c *Conn) Next() (wire.Opcode, error) {
	typ, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return 0, c.ended(err)
	}
	c.message = r
	if typ == websocket.MessageText {
		c.opcode = wire.Text
	} else {
		c.opcode = wire.Binary
	}
	return c.opcode, nil
}

// Payload reads the rest of the message that Next found into buf, which it grows as needed: at most limit bytes, 0 for any number.
func (c *Conn) Payload(buf []byte, limit int) ([]byte, error) {
	buf, err := readAll(c.message, buf[:0], limit)
	c.message = nil
	if err != nil {
		return nil, c.ended(err)
	}
	if c.opcode == wire.Text && !utf8.Valid(buf) {
		return nil, ErrUTF8
	}
	return buf, nil
}

// readAll reads r into buf, and doubles it as the message grows: a client must send half of what it wants the gateway to hold.
func readAll(r io.Reader, buf []byte, limit int) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, max(512, 2*cap(buf))), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if limit > 0 && len(buf) > limit {
			return nil, ErrTooBig
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// ended says in this package's words why reading ended.
func (c *Conn) ended(err error) error {
	for _, known := range []error{ErrTooBig, ErrFlood, ErrUnfinished} {
		if errors.Is(err, known) {
			return known
		}
	}
	if failure := c.pipe.failure(); failure != nil {
		return errors.Join(ErrGone, failure)
	}
	if websocket.CloseStatus(err) != -1 {
		return errors.Join(ErrClosed, err)
	}
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return errors.Join(ErrGone, err)
	}
	return errors.Join(ErrFrames, err)
}

// ClientClosed returns the code of the close frame that made reading end with [ErrClosed].
func ClientClosed(err error) int { return int(websocket.CloseStatus(err)) }

// Send takes whole frames of the connection's own that hold so many messages and never waits. Frames that were queued must never
// change. It fails with [ErrFull] when the client reads too slowly; any other error means that the connection has ended or is ending.
func (c *Conn) Send(frames []byte, messages int) (Fate, error) {
	return c.send(entry{frames: frames, messages: messages})
}

// Deliver is Send for what a channel says, to the subscription that is lane, nil for none. Where the client reads too slowly and the channel drops messages for that, it does not fail.
func (c *Conn) Deliver(p *wire.Parcel, lane wire.Lane) (Fate, error) {
	return c.send(entry{frames: p.Frames, messages: p.Messages, parcel: p, lane: lane})
}

func (c *Conn) send(e entry) (fate Fate, err error) {
	if fate, err = c.pipe.send(e); err == nil {
		c.sent.Add(uint64(len(e.frames)))
	}
	return fate, err
}

// Shed drops what waits for the client of channels that drop messages, and leaves gaps in its place.
func (c *Conn) Shed() { c.pipe.shed() }

// Await waits until the client has read so much that there is room for an answer, or the connection ends. A client that asks faster than it reads the
// answers is slowed down by it, instead of being closed for what it could not know.
func (c *Conn) Await() { c.pipe.await() }

// AwaitOurs is Await until a time, and only while it is this machine that has not written yet what the client would take. It never waits for the client.
func (c *Conn) AwaitOurs(until time.Time) { c.pipe.awaitOurs(until) }

// Ping sends a ping frame that nobody can answer without having read it. Its pong calls what OnPong set, with the time that it took.
func (c *Conn) Ping() error {
	p := &ping{at: time.Now()}
	rand.Read(p.payload[:])
	c.ping.Store(p)
	_, err := c.pipe.send(entry{frames: append([]byte{0x89, byte(len(p.payload))}, p.payload[:]...)})
	return err
}

// ping is a ping that is out.
type ping struct {
	payload [8]byte
	at      time.Time
}

// gotPing answers a ping without the library: an answer that had to wait for the client would keep us from reading, and its road is long enough
// to double the stack of a goroutine that only waits. A client whose outbox is full has other troubles than a missing pong.
func (c *Conn) gotPing(_ context.Context, payload []byte) bool {
	frame := make([]byte, 0, 2+len(payload))
	frame = append(append(frame, 0x8a, byte(len(payload))), payload...)
	_, _ = c.pipe.send(entry{frames: frame})
	return false
}

// OnPong sets what is called, on the reading goroutine, for each answer to a ping.
func (c *Conn) OnPong(f func(rtt time.Duration)) { c.pong.Store(&f) }

// gotPong takes the answer to the ping that is out, and no other: a client that reads nothing could send pongs all the same, and live for ever.
func (c *Conn) gotPong(_ context.Context, payload []byte) {
	f, p := c.pong.Load(), c.ping.Load()
	if f == nil || p == nil || string(payload) != string(p.payload[:]) || !c.ping.CompareAndSwap(p, nil) {
		return
	}
	(*f)(time.Since(p.at))
}

// Close says goodbye, waits for the client's goodbye and closes the socket: up to 12 s against a client that does not answer. Data that was sent
// before goes out first, but not to a slow consumer, who has a backlog: its goodbye comes next after the write in progress, or never.
func (c *Conn) Close(reason wire.Close, retry time.Duration) {
	c.pipe.leaving.Store(true)
	if reason == wire.SlowConsumer {
		c.pipe.seal()
		cut := time.AfterFunc(tellSlowBy, c.pipe.cutUnlessTold)
		defer cut.Stop()
	} else {
		c.pipe.settle(settleBy)
	}
	// The library bounds every wait of the goodbye but one: for the rest of a message that will not be taken.
	cut := time.AfterFunc(answerBy, c.pipe.abandon)
	defer cut.Stop()
	c.ws.Close(websocket.StatusCode(reason.Status), reason.Reason(retry))
	c.pipe.finish()
}

// Forget gives up all that waits for the client and takes nothing more for it. Close follows.
func (c *Conn) Forget() { c.pipe.forget() }

// CloseNow closes the socket without a word, also under a Close that still waits for the client.
func (c *Conn) CloseNow() {
	c.pipe.abandon()
	c.ws.CloseNow()
	c.pipe.finish()
}

// Traffic returns the bytes that came in and those of our frames that went out, headers included.
func (c *Conn) Traffic() (in, out uint64) { return c.pipe.reader.received.Load(), c.sent.Load() }
