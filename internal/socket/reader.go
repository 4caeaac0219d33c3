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

	began bool          // a frame began between two messages since the clock was last looked at
	timed bool          // a read deadline is set
	spent time.Duration // waiting for the rest of the current message

	idleFrames, parts bucket
	flood, due        bool   // there was a flood; and the library may be told at its next read
	noise             int    // bytes that came after a goodbye was due
	gulp              []byte // what such bytes are read into; nil until there are many
	received          atomic.Uint64
}

// Read serves the library. Between two messages it waits for ever: the pings are the clock there.
func (p *pipe) Read(b []byte) (int, error) {
	r := &p.reader
	if r.due {
		r.due = false
		p.leaving.Store(true)
		return 0, ErrFlood
	}
	if p.leaving.Load() {
		return p.throwaway(b)
	}
	n := r.carried(b)
	var err error
	if n == 0 {
		n, err = p.timely(b)
		r.received.Add(uint64(n))
		if p.leaving.Load() { // since it began to wait
			r.noise += n
			return n, err
		}
	}
	// A flood is told between two frames, and instead of nothing that came: the library must stay in step, or it would take the goodbye's answer
	// for garbage and reset the connection.
	whole := r.follow(b[:n])
	if whole < n {
		r.carry = append(append([]byte(nil), b[whole:n]...), r.carry...)
	}
	if whole == 0 && r.due {
		return p.Read(b)
	}
	return whole, err
}

// carried takes what was read before.
func (r *reader) carried(b []byte) int {
	n := copy(b, r.carry)
	if r.carry = r.carry[n:]; len(r.carry) == 0 {
		r.carry = nil
	}
	return n
}

// timely reads, and bounds the time that the client takes over one message. The time that the gateway takes between two reads is not the client's.
func (p *pipe) timely(b []byte) (int, error) {
	r := &p.reader
	if !r.unfinished() {
		if r.timed {
			r.timed = false
			_ = p.Conn.SetReadDeadline(time.Time{})
		}
		return p.Conn.Read(b)
	}
	if r.began {
		r.began, r.spent = false, 0
	}
	start := time.Now()
	r.timed = true
	_ = p.Conn.SetReadDeadline(start.Add(MessageBy - r.spent))
	n, err := p.Conn.Read(b)
	r.spent += time.Since(start)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrUnfinished
	}
	return n, err
}

func (r *reader) unfinished() bool { return r.open || r.have > 0 || r.payload > 0 }

// follow steps over what was read, frame by frame, and returns how much of it the library may have: all, or what ends at the first frame's end after
// a flood. It leaves every judgement about a frame's form to the library.
func (r *reader) follow(b []byte) (whole int) {
	all := len(b)
	for len(b) > 0 {
		if r.flood && r.have == 0 && r.payload == 0 {
			break
		}
		if r.payload > 0 {
			n := min(r.payload, uint64(len(b)))
			r.payload -= n
			b = b[n:]
			continue
		}
		if !r.unfinished() {
			r.began = true
		}
		n := copy(r.header[r.have:r.size()], b)
		b = b[n:]
		if r.have += uint8(n); r.have < 2 || int(r.have) < r.size() {
			continue
		}
		r.have = 0
		r.frame()
	}
	r.due = r.flood && r.have == 0 && r.payload == 0
	return all - len(b)
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
func (r *reader) frame() {
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
		r.flood = r.flood || r.idleFrames.over(idleFramesPerSecond)
	case !final:
		r.flood = r.flood || r.parts.over(fragmentsPerSecond)
	}
}

// bucket is a rate with a burst of twice itself.
type bucket struct {
	used float32
	at   time.Duration // since born
}

var born = time.Now()

// over takes one and reports whether that was more than there was.
func (b *bucket) over(perSecond float32) bool {
	now := time.Since(born)
	b.used = max(0, b.used-perSecond*float32(max(0, now-b.at).Seconds())) + 1
	b.at = now
	return b.used > 2*perSecond
}
