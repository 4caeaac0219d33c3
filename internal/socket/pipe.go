package socket

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

const (
	// writeBy bounds one write that waits for the peer to read. A peer that takes longer is gone or stuck.
	writeBy = 10 * time.Second
	// flushBatch is about how much one waiting write carries.
	flushBatch = 64 << 10
)

// Fate is what became of frames that were sent.
type Fate int

// The fates.
const (
	Refused Fate = iota // there is an error
	Written             // on its way
	Queued              // the connection still refers to them: they must not change any more
	Crowded             // queued, and more than half of the outbox is taken
)

// ErrStuck is kept by a connection whose peer did not read for so long that a frame had to be cut.
var ErrStuck = errors.New("the peer did not read in time")

// pipe is the one way to the client's socket, for our frames and for the library's. Every write on it is whole frames, in order.
//
// Our frames go out by send, which never waits: one non-blocking write while the socket is free, else the outbox and a flush goroutine, which
// ends when the outbox is empty. The library's control frames go out by Write, which waits its turn behind a cut frame.
type pipe struct {
	net.Conn // for the library's and our reading

	// Set by newPipe, then read-only.
	raw syscall.RawConn // nil where a write cannot be tried without waiting: TLS, memory

	leaving atomic.Bool // a goodbye is due or under way: what the client sends is no more than noise

	// turn is held by whoever writes to the socket. A channel, not a mutex: testing/synctest sees it wait, and a wait for it can end.
	turn chan struct{}
	// Owned by the holder of turn.
	rest []byte // what is unsent of a cut frame; it goes first, whoever writes next

	// Guarded by mu, which nobody holds while writing.
	mu       sync.Mutex
	out      outbox
	written  []entry       // what is being written, and counted until it is
	since    time.Time     // when the write began that goes on; zero when none does
	over     bool          // nothing is counted any more
	flushing bool          // a flush goroutine runs; everything queues behind it
	sealed   bool          // a close frame passes or has passed: no more data (RFC 6455, section 5.5.1)
	told     bool          // the close frame has passed
	idle     chan struct{} // closed when the flush goroutine ends; made by whoever waits for that
	eased    chan struct{} // closed when less than half of out is taken; made by whoever waits for that
	err      error         // the first write error, for ever: a frame may have been cut

	reader reader
}

func newPipe(conn net.Conn, place *limit.Place, carry []byte) *pipe {
	p := &pipe{Conn: conn, turn: make(chan struct{}, 1), out: outbox{place: place}}
	p.reader.carry = carry
	p.reader.received.Store(uint64(len(carry)))
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			p.raw = raw
		}
	}
	return p
}

// send takes an entry, whole frames, without waiting. It fails with ErrFull when the outbox has no room; nothing was then taken.
func (p *pipe) send(e entry) (fate Fate, err error) {
	if fate, err = p.put(e); fate >= Queued {
		p.out.place.MakeRoom()
	}
	return fate, err
}

func (p *pipe) put(e entry) (fate Fate, err error) {
	p.mu.Lock()
	if err := p.refuses(); err != nil {
		p.mu.Unlock()
		return Refused, err
	}
	if p.flushing || p.raw == nil || !p.tryTurn() {
		defer p.mu.Unlock()
		return p.queue(e)
	}
	p.mu.Unlock()

	n, err := writeNow(p.raw, e.frames)
	fate = Written
	switch {
	case err != nil:
		p.fail(err)
		fate = Refused
	case n < len(e.frames):
		p.rest = e.frames[n:]
		p.mu.Lock()
		if !p.over {
			p.out.hold(&e)
			p.written = append(p.written, e)
		}
		if !p.sealed { // else the close frame, which waits for its turn, takes the rest with it
			p.flush()
		}
		p.mu.Unlock()
		fate = Queued
	}
	<-p.turn
	return fate, err
}

// refuses returns why no data may be sent. The caller holds mu.
func (p *pipe) refuses() error {
	if p.err != nil {
		return p.err
	}
	if p.sealed {
		return net.ErrClosed
	}
	return nil
}

// queue puts frames into the outbox. The caller holds mu.
func (p *pipe) queue(e entry) (Fate, error) {
	if !p.out.add(e, p.behind) {
		return Refused, ErrFull
	}
	p.ease() // something may have been dropped
	p.flush()
	if p.out.half() {
		return Crowded, nil
	}
	return Queued, nil
}

// flush starts the flush goroutine where there is none. The caller holds mu.
func (p *pipe) flush() {
	if !p.flushing {
		p.flushing = true
		go p.runFlush() // finish waits for it
	}
}

// runFlush writes what is cut and then the outbox, batch by batch, until nothing is left. It gives up its turn between two batches, so that a
// control frame waits for one batch at most.
func (p *pipe) runFlush() {
	for {
		p.turn <- struct{}{}
		p.mu.Lock()
		batch := p.out.take(flushBatch)
		p.written = append(p.written, batch...)
		p.ease()
		done := p.err != nil || len(batch) == 0 && len(p.rest) == 0
		if done {
			p.flushing = false
			if p.idle != nil {
				close(p.idle)
				p.idle = nil
			}
		}
		p.mu.Unlock()
		if !done {
			_ = p.writeAll(framesOf(batch)...) // the first error is kept: it ends the loop
		}
		<-p.turn
		if done {
			return
		}
	}
}

func framesOf(batch []entry) [][]byte {
	bufs := make([][]byte, len(batch))
	for i, e := range batch {
		bufs[i] = e.frames
	}
	return bufs
}

// Write sends one of the library's control frames. It waits for its turn and for the socket, each at most writeBy.
func (p *pipe) Write(frame []byte) (int, error) {
	wait := time.NewTimer(writeBy)
	defer wait.Stop()
	select {
	case p.turn <- struct{}{}:
	case <-wait.C:
		return 0, ErrStuck
	}
	defer func() { <-p.turn }()
	if !isClose(frame) {
		return len(frame), p.writeAll(frame)
	}
	p.seal()
	err := p.writeAll(ourWords(frame))
	p.mu.Lock()
	p.told = err == nil
	p.mu.Unlock()
	return len(frame), err
}

// ourWords returns a close frame of the library's with a reason in our form. The library ends broken frames by itself, with 1002 and a sentence.
func ourWords(frame []byte) []byte {
	if len(frame) < 4 || binary.BigEndian.Uint16(frame[2:]) != uint16(wire.ProtocolError.Status) {
		return frame
	}
	reason := wire.ProtocolError.Reason(0)
	ours := append(make([]byte, 0, 4+len(reason)), frame[0], byte(2+len(reason)), frame[2], frame[3])
	return append(ours, reason...)
}

func isClose(frame []byte) bool { return len(frame) > 0 && frame[0]&0x0f == 0x8 }

// writeAll writes the rest of a cut frame and then bufs, waiting for the peer. The caller holds turn.
func (p *pipe) writeAll(bufs ...[]byte) error {
	now := time.Now()
	p.mu.Lock()
	err := p.err
	p.since = now
	p.mu.Unlock()
	defer p.wrote()
	if err != nil {
		return err
	}
	all := make(net.Buffers, 0, len(bufs)+1)
	if len(p.rest) > 0 {
		all = append(all, p.rest)
		p.rest = nil
	}
	all = append(all, bufs...)
	// A deadline that is left behind would fail the next non-blocking write.
	p.Conn.SetWriteDeadline(now.Add(writeBy))
	defer p.Conn.SetWriteDeadline(time.Time{})
	if _, err := all.WriteTo(p.Conn); err != nil {
		if isTimeout(err) {
			err = ErrStuck
		}
		p.fail(err)
		return err
	}
	return nil
}

// wrote ends the account of what was being written.
func (p *pipe) wrote() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.drop(p.written...)
	p.written, p.since = nil, time.Time{}
}

// shed drops what may be dropped.
func (p *pipe) shed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.shed(nil, func() bool { return false })
	p.ease()
}

// forget lets no more data in and ends the account of everything at once. What is being written stays in memory until the goodbye cuts it, for tellSlowBy.
func (p *pipe) forget() {
	p.seal()
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.wrote()
}

// fail keeps the first error and closes the socket, since part of a frame may be out: whatever followed would be read as its payload.
func (p *pipe) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.out.clear()
	p.ease()
	p.mu.Unlock()
	p.Conn.Close()
}

// seal lets no more data in and drops what has not begun. What is being written is finished first.
func (p *pipe) seal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sealed = true
	p.leaving.Store(true)
	p.out.clear()
	p.ease()
}

// cutUnlessTold closes the socket of a client that no close frame reaches: part of another frame is stuck in front of it.
func (p *pipe) cutUnlessTold() {
	p.mu.Lock()
	told := p.told
	p.mu.Unlock()
	if !told {
		p.fail(ErrStuck)
	}
}

// settle waits until everything that was taken is on its way, at most patience.
func (p *pipe) settle(patience time.Duration) {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-p.quiet():
	case <-wait.C:
	}
}

// finish lets nothing more in and waits for the flush goroutine, which ends soon since the socket is closed.
func (p *pipe) finish() {
	p.seal()
	<-p.quiet()
	p.forget()
}

// abandon closes the socket, whatever is under way on it.
func (p *pipe) abandon() { p.fail(net.ErrClosed) }

// quiet returns a channel that is closed once no flush goroutine runs.
func (p *pipe) quiet() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	if !p.flushing {
		close(p.idle)
		p.idle = nil
	}
	return idle
}

func (p *pipe) tryTurn() bool {
	select {
	case p.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// failure returns the first write error, nil when there was none.
func (p *pipe) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
