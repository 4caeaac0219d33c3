package socket_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/socket"
	"portcullis/internal/wire"
)

// A client may send its first messages in one segment with its handshake. net/http has them in its own buffer by then.
func TestBytesRightBehindTheHandshakeAreNotLost(t *testing.T) {
	tests := []struct {
		name              string
		server            func(*testing.T) *server
		ordinary, longRun int
	}{
		{"memory", overMemory, 2_000, 100_000},
		{"tcp", overTCP, 500, 5_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			count := tt.ordinary
			if long() {
				count = tt.longRun
			}
			s := tt.server(t)
			first := append(text("hello"), text(strings.Repeat("y", 700))...)
			for i := range count {
				p, c := s.connect(t, first...)
				for _, want := range []string{"hello", strings.Repeat("y", 700)} {
					if _, got, err := next(c, 0); got != want || err != nil {
						t.Fatalf("connection %d: got %.20q, %v; want %.20q", i, got, err, want)
					}
				}
				c.CloseNow()
				p.Close()
			}
		})
	}
}

func TestTextMustBeUTF8(t *testing.T) {
	tests := []struct {
		name   string
		frames []byte
	}{
		{"whole", text("a\xff")},
		{"a surrogate", text("\xed\xa0\x80")},
		{"cut across fragments", append(masked(0, 1, "a\xc3"), masked(0x80, 0, "\x28")...)},
		{"unfinished at the end", append(masked(0, 1, "a"), masked(0x80, 0, "\xe2\x82")...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, c := overMemory(t).connect(t, tt.frames...)
			defer p.Close()
			if _, got, err := next(c, 0); !errors.Is(err, socket.ErrUTF8) {
				t.Errorf("got %q, %v; want %v", got, err, socket.ErrUTF8)
			}
			c.CloseNow()
		})
	}
}

func TestUTF8CutAcrossFragmentsIsWhole(t *testing.T) {
	p, c := overMemory(t).connect(t, append(masked(0, 1, "\xc3"), masked(0x80, 0, "\xa9")...)...)
	defer p.Close()
	defer c.CloseNow()
	if _, got, err := next(c, 0); got != "é" || err != nil {
		t.Errorf("got %q, %v; want é", got, err)
	}
}

func TestAMessageOneByteTooLargeIsRefused(t *testing.T) {
	p, c := overMemory(t).connect(t, append(text("12345678"), append(masked(0, 1, "12345"), masked(0x80, 0, "6789")...)...)...)
	defer p.Close()
	defer c.CloseNow()
	if op, got, err := next(c, 8); op != wire.Text || got != "12345678" || err != nil {
		t.Fatalf("a message at the limit: got %q, %v", got, err)
	}
	if _, _, err := next(c, 8); !errors.Is(err, socket.ErrTooBig) {
		t.Errorf("a message over the limit, in fragments: got %v, want %v", err, socket.ErrTooBig)
	}
}

func TestFloodsOfFramesThatSayNothingEnd(t *testing.T) {
	tests := []struct {
		name  string
		frame []byte
		most  int // frames that are surely too many
	}{
		{"pings", masked(0x80, 9, ""), 30},
		{"pongs that nobody asked for", masked(0x80, 10, "x"), 30},
		{"empty continuations", masked(0, 0, ""), 30},
		{"one-byte fragments", masked(0, 0, "x"), 2100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c := overMemory(t).connect(t, masked(0, 1, "")...)
				var drain sync.WaitGroup
				drain.Go(func() {
					for _, _, err := p.frame(); err == nil; _, _, err = p.frame() {
					}
				})
				drain.Go(func() {
					for range tt.most {
						if _, err := p.Write(tt.frame); err != nil {
							return
						}
					}
				})
				if _, _, err := next(c, 0); !errors.Is(err, socket.ErrFlood) {
					t.Errorf("got %v, want %v", err, socket.ErrFlood)
				}
				c.CloseNow()
				p.Close()
				drain.Wait()
			})
		})
	}
}

func TestPingsAtAPeaceablePaceAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		var reading sync.WaitGroup
		reading.Go(func() { next(c, 0) })
		for i := range 100 {
			time.Sleep(110 * time.Millisecond)
			p.Write(masked(0x80, 9, "are you there"))
			if op, got, err := p.frame(); op != 10 || string(got) != "are you there" || err != nil {
				t.Fatalf("ping %d: got opcode %d, %q, %v; want a pong", i, op, got, err)
			}
		}
		c.CloseNow()
		p.Close()
		reading.Wait()
	})
}

// A client that drips a message byte by byte holds a buffer for as long as it likes, unless there is a clock.
func TestAMessageMustEndTenSecondsAfterItBegan(t *testing.T) {
	tests := []struct {
		name  string
		begin []byte
	}{
		{"stopped in a header", []byte{0x81}},
		{"stopped in a payload", text("hello")[:8]},
		{"stopped between two fragments", masked(0, 1, "hello")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c := overMemory(t).connect(t)
				defer p.Close()
				defer c.CloseNow()
				go func() {
					time.Sleep(time.Minute) // a quiet connection has all the time in the world
					p.Write(tt.begin)
				}()
				start := time.Now()
				_, _, err := next(c, 0)
				if took := time.Since(start); !errors.Is(err, socket.ErrUnfinished) || took != time.Minute+socket.MessageBy {
					t.Errorf("got %v after %v, want %v after 1m10s", err, took, socket.ErrUnfinished)
				}
			})
		})
	}
}

func TestAMessageThatDripsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		var drip sync.WaitGroup
		drip.Go(func() {
			for _, b := range text(strings.Repeat("x", 100)) {
				if _, err := p.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		start := time.Now()
		_, _, err := next(c, 0)
		if took := time.Since(start); !errors.Is(err, socket.ErrUnfinished) || took != socket.MessageBy {
			t.Errorf("got %v after %v, want %v after 10s", err, took, socket.ErrUnfinished)
		}
		c.CloseNow()
		drip.Wait()
	})
}

func TestTheEndOfAConnectionHasAName(t *testing.T) {
	tests := []struct {
		name string
		last []byte
		want error
	}{
		{"a close frame", masked(0x80, 8, "\x03\xe8bye"), socket.ErrClosed},
		{"nothing", nil, socket.ErrGone},
		{"half a frame", text("hello")[:5], socket.ErrGone},
		{"a frame without a mask", []byte{0x81, 1, 'x'}, socket.ErrFrames},
		{"a reserved bit", masked(0xc0, 1, "x"), socket.ErrFrames},
		{"an unknown opcode", masked(0x80, 5, "x"), socket.ErrFrames},
		{"a continuation of nothing", masked(0x80, 0, "x"), socket.ErrFrames},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, c := overMemory(t).connect(t, tt.last...)
			go func() {
				for _, _, err := p.frame(); err == nil; _, _, err = p.frame() {
				}
			}()
			if tt.want == socket.ErrGone {
				p.Close()
			}
			_, _, err := next(c, 0)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == socket.ErrClosed && socket.ClientClosed(err) != 1000 {
				t.Errorf("got code %d, want 1000", socket.ClientClosed(err))
			}
			c.CloseNow()
			p.Close()
		})
	}
}

// The library closes broken frames by itself; the client hears our words all the same.
func TestBrokenFramesEndWithOurReason(t *testing.T) {
	for name, frame := range map[string][]byte{
		"a reserved bit": masked(0xc0, 1, "x"), "an unknown opcode": masked(0x80, 5, "x"), "a long ping": masked(0x80, 9, strings.Repeat("x", 126)),
		"no mask": {0x81, 1, 'x'},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := overMemory(t).connect(t, frame...)
			defer p.Close()
			go func() {
				if _, _, err := next(c, 0); errors.Is(err, socket.ErrFrames) {
					c.Close(wire.ProtocolError, 0)
				}
			}()
			if code, reason := p.closed(t); code != 1002 || reason != `{"code":"protocol_error"}` {
				t.Errorf("got %d %s, want 1002 in our words", code, reason)
			}
		})
	}
}

// A client that sends without a pause has a message under way at every read; the clock is each message's own.
func TestAClientThatNeverPausesIsNotUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		var writing sync.WaitGroup
		writing.Go(func() {
			frame := text("hello")
			p.Write(frame[:3])
			for range 200 {
				time.Sleep(100 * time.Millisecond)
				if _, err := p.Write(append(append([]byte(nil), frame[3:]...), frame[:3]...)); err != nil {
					return
				}
			}
		})
		for i := range 200 {
			if _, got, err := next(c, 0); got != "hello" || err != nil {
				t.Fatalf("message %d: got %q, %v", i, got, err)
			}
		}
		c.CloseNow()
		p.Close()
		writing.Wait()
	})
}

// The gateway may be busy in the middle of a client's next message: that time is not the client's.
func TestTheGatewaysOwnDelayIsNotTheClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frame := text(strings.Repeat("x", 600))
		p, c := overMemory(t).connect(t, append(text("first"), frame[:300]...)...)
		defer p.Close()
		defer c.CloseNow()
		if _, got, err := next(c, 0); got != "first" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		time.Sleep(time.Minute)
		go func() {
			time.Sleep(time.Second)
			p.Write(frame[300:])
		}()
		if _, got, err := next(c, 0); len(got) != 600 || err != nil {
			t.Errorf("got %d bytes, %v; want 600", len(got), err)
		}
	})
}
