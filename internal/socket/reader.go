package socket

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

const (
	// MessageBy bounds the time from a message's first byte to its last.
	MessageBy = 10 * time.Second

	// A client may send so many control frames and empty fragments in a second, and twice that after a pause. Neither costs the client
	// anything, and the message limits see neither.
	idleFramesPerSecond = 10
	// The same for fragments that carry something but end no message.
	fragmentsPerSecond = 1000

	// calm is how long each read waits while a goodbye is under way. What comes now is thrown away, so it must cost little; but closing the socket
	// with bytes unread would reset the connection, and take back the close frame that says why.
	calm = 5 * time.Millisecond
)

var (
	// ErrFlood ends a connection that sends frames of the kinds that say nothing, faster than anybody needs.
	ErrFlood = errors.New("too many control frames, empty fragments or fragments")
	// ErrUnfinished ends a connection that stopped in the middle of a frame or message.
	ErrUnfinished = errors.New("a message was not finished in time")
)

// reader follows the frame boundaries of what the client sends, below the library, which has no word about floods
// and no clock for a message. It is owned by the reading goroutine.
type reader struct {
	carry []byte // what net/http had read behind the handshake: it comes first

	header  [14]byte
	have    uint8 // bytes of header that are there
	payload uint64
	open    bool // a fragmented message has begun and not ended

	timed             bool // the read deadline stands for the unfinished message
	idleFrames, parts bucket
	received          atomic.Uint64
}

// Read serves the library. Between two messages it waits for ever: the pings are the clock there.
func (p *pipe) Read(b []byte) (int, error) {
	r := &p.reader
	if len(r.carry) > 0 {
		n := copy(b, r.carry)
		if r.carry = r.carry[n:]; len(r.carry) == 0 {
			r.carry = nil
		}
		return p.followed(b, n, nil)
	}
	if p.leaving.Load() {
		if p.failure() == nil {
			time.Sleep(calm)
		}
		return p.Conn.Read(b)
	}
	if unfinished := r.unfinished(); unfinished != r.timed {
		if r.timed = unfinished; unfinished {
			p.Conn.SetReadDeadline(time.Now().Add(MessageBy))
		} else {
			p.Conn.SetReadDeadline(time.Time{})
		}
	}
	n, err := p.Conn.Read(b)
	if err != nil && r.timed && errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrUnfinished
	}
	return p.followed(b, n, err)
}

// followed is what was read, or the flood that it was part of.
func (p *pipe) followed(b []byte, n int, err error) (int, error) {
	if flood := p.reader.follow(b[:n]); flood != nil {
		p.leaving.Store(true)
		return 0, flood
	}
	return n, err
}

func (r *reader) unfinished() bool { return r.open || r.have > 0 || r.payload > 0 }

// follow steps over what was read, frame by frame. It leaves every judgement about a frame's form to the library.
func (r *reader) follow(b []byte) error {
	r.received.Add(uint64(len(b)))
	for len(b) > 0 {
		if r.payload > 0 {
			n := min(r.payload, uint64(len(b)))
			r.payload -= n
			b = b[n:]
			continue
		}
		n := copy(r.header[r.have:r.size()], b)
		b = b[n:]
		if r.have += uint8(n); r.have < 2 || int(r.have) < r.size() {
			continue
		}
		r.have = 0
		if err := r.frame(); err != nil {
			return err
		}
	}
	return nil
}

// size is how long the header is, as far as its first two bytes say.
func (r *reader) size() int {
	if r.have < 2 {
		return 2
	}
	n := 2
	switch r.header[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if r.header[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// frame takes in one whole header.
func (r *reader) frame() error {
	switch n := r.header[1] & 0x7f; n {
	case 126:
		r.payload = uint64(r.header[2])<<8 | uint64(r.header[3])
	case 127:
		r.payload = 0
		for _, c := range r.header[2:10] {
			r.payload = r.payload<<8 | uint64(c)
		}
	default:
		r.payload = uint64(n)
	}
	final, control := r.header[0]&0x80 != 0, r.header[0]&0x08 != 0
	if !control {
		r.open = !final
	}
	switch {
	case control, !final && r.payload == 0:
		return r.idleFrames.take(idleFramesPerSecond)
	case !final:
		return r.parts.take(fragmentsPerSecond)
	}
	return nil
}

// bucket is a rate with a burst of twice itself.
type bucket struct {
	used float32
	at   time.Duration // since born
}

var born = time.Now()

func (b *bucket) take(perSecond float32) error {
	now := time.Since(born)
	b.used = max(0, b.used-perSecond*float32(max(0, now-b.at).Seconds())) + 1
	b.at = now
	if b.used > 2*perSecond {
		return ErrFlood
	}
	return nil
}
