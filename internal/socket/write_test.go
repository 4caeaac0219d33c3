package socket_test

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/socket"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
)

// reading keeps the library reading, so that it answers close frames, until the connection ends.
func reading(c *socket.Conn) (ended <-chan error) {
	done := make(chan error, 1)
	go func() {
		for {
			if _, _, err := next(c, 0); err != nil {
				done <- err
				return
			}
		}
	}()
	return done
}

// stuck connects a client that does not read, over TCP, and fills its socket until a frame is cut.
func stuck(t *testing.T) (*peer, *socket.Conn, int) {
	t.Helper()
	p, c := overTCP(t).connect(t)
	sent := 0
	for {
		fate, err := c.Send(numbered(sent, 1000), 1)
		if err != nil {
			t.Fatal(err)
		}
		if sent++; fate >= socket.Queued {
			return p, c, sent
		}
	}
}

func TestASlowClientGetsEverythingInOrderOnceItReads(t *testing.T) {
	p, c, sent := stuck(t)
	ended := reading(c)
	for range 500 {
		if _, err := c.Send(numbered(sent, 1000), 1); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	for want := range sent {
		op, payload, err := p.frame()
		if err != nil || op != 1 || number(payload) != want {
			t.Fatalf("got opcode %d, message %d, %v; want message %d", op, number(payload), err, want)
		}
	}
	c.CloseNow()
	p.Close()
	<-ended
}

// A pong must not land inside a frame that is cut.
func TestAControlFrameWaitsBehindACutFrame(t *testing.T) {
	p, c, sent := stuck(t)
	ended := reading(c)
	for range 3 {
		p.Write(masked(0x80, 9, "ping"))
	}
	time.Sleep(50 * time.Millisecond) // the pongs are due now, and cannot be sent
	for want := 0; want < sent; {
		op, payload, err := p.frame()
		if err != nil {
			t.Fatal(err)
		}
		if op == 10 {
			continue
		}
		if op != 1 || number(payload) != want {
			t.Fatalf("got opcode %d, message %d; want message %d", op, number(payload), want)
		}
		want++
	}
	c.CloseNow()
	p.Close()
	<-ended
}

func TestAFullOutboxIsAnErrorAndTakesNothing(t *testing.T) {
	p, c, _ := stuck(t)
	defer p.Close()
	ended := reading(c)
	frames := numbered(0, 10_000)
	queued := 0
	for {
		if _, err := c.Send(frames, 1); err != nil {
			if !errors.Is(err, socket.ErrFull) {
				t.Fatal(err)
			}
			break
		}
		if queued += len(frames); queued > 2*socket.MaxQueuedBytes {
			t.Fatalf("the outbox took %d bytes", queued)
		}
	}
	if queued < socket.MaxQueuedBytes/2 {
		t.Errorf("the outbox was full after %d bytes", queued)
	}
	start := time.Now()
	c.Close(wire.SlowConsumer, 0)
	if took := time.Since(start); took > 10*time.Second { // it is given one
		t.Errorf("the goodbye to a client that does not read took %v", took)
	}
	<-ended
}

func TestManySmallMessagesFillAnOutboxToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		ended := reading(c)
		if _, err := c.Send(numbered(0, 2*testnet.Buffer), 1); err != nil { // the flush goroutine is stuck with it
			t.Fatal(err)
		}
		synctest.Wait()
		var err error
		sent := 0
		for ; err == nil; sent++ {
			_, err = c.Send(wire.AppendFrame(nil, wire.Text, []byte("x")), 1)
		}
		if !errors.Is(err, socket.ErrFull) || sent != socket.MaxQueuedMessages+1 {
			t.Errorf("got %v for message %d, want %v for message %d", err, sent, socket.ErrFull, socket.MaxQueuedMessages+1)
		}
		c.CloseNow()
		p.Close()
		<-ended
	})
}

// A slow client that still reads a little is told why it is closed, ahead of its backlog.
func TestASlowClientThatReadsIsToldThatItWasSlow(t *testing.T) {
	p, c, _ := stuck(t)
	ended := reading(c)
	for {
		if _, err := c.Send(numbered(0, 10_000), 1); err != nil {
			break
		}
	}
	closed := make(chan struct{})
	go func() {
		c.Close(wire.SlowConsumer, 0)
		close(closed)
	}()
	code, reason := p.closed(t)
	if code != 4101 || reason != `{"code":"slow_consumer"}` {
		t.Errorf("got %d %s, want 4101 slow_consumer", code, reason)
	}
	<-closed
	<-ended
	p.Close()
}

func TestDataSentBeforeAGoodbyeArrivesBeforeIt(t *testing.T) {
	p, c := overMemory(t).connect(t)
	ended := reading(c)
	for i := range 10 {
		if _, err := c.Send(numbered(i, 10), 1); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan struct{})
	go func() {
		c.Close(wire.Draining, 1500*time.Millisecond)
		close(closed)
	}()
	for want := range 10 {
		if _, payload, err := p.frame(); err != nil || number(payload) != want {
			t.Fatalf("got message %d, %v; want %d", number(payload), err, want)
		}
	}
	if code, reason := p.closed(t); code != 4000 || reason != `{"code":"draining","retry_ms":1500}` {
		t.Errorf("got %d %s, want 4000 draining", code, reason)
	}
	<-closed
	if err := <-ended; !errors.Is(err, socket.ErrClosed) && !errors.Is(err, socket.ErrGone) {
		t.Errorf("reading ended with %v", err)
	}
	if _, err := c.Send(numbered(0, 1), 1); err == nil {
		t.Error("data was taken after the close frame")
	}
}

func TestAGoodbyeToADeadPeerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		defer p.Close()
		ended := reading(c)
		start := time.Now()
		c.Close(wire.Draining, 0)
		if took := time.Since(start); took > 12*time.Second {
			t.Errorf("it took %v, want 12s at most", took)
		}
		<-ended
	})
}

// While Close waits for an answer, a process that has no more time closes the socket under it.
func TestCloseNowEndsAWaitingClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		defer p.Close()
		ended := reading(c)
		start := time.Now()
		closed := make(chan struct{})
		go func() { c.Close(wire.Draining, 0); close(closed) }()
		time.Sleep(time.Second)
		c.CloseNow()
		<-closed
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close returned after %v, want 1s", took)
		}
		<-ended
	})
}

func TestAWriteThatSucceededLeavesNoDeadlineBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		ended := reading(c)
		for i := range 3 {
			if _, err := c.Send(numbered(i, 10), 1); err != nil {
				t.Fatal(err)
			}
			if _, payload, err := p.frame(); err != nil || number(payload) != i {
				t.Fatalf("got message %d, %v; want %d", number(payload), err, i)
			}
			time.Sleep(time.Minute)
		}
		p.Close()
		<-ended
		c.CloseNow()
	})
}

// Part of a frame is out when the write gives up: whatever followed would be read as the rest of it.
func TestACutFrameEndsTheConnectionForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testnet.Listen()
		l.Buffer = 1 << 10
		s := serve(t, l, func() net.Conn {
			c, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return c
		})
		p, c := s.connect(t)
		ended := reading(c)
		if _, err := c.Send(numbered(0, 100_000), 1); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, socket.ErrStuck) {
			t.Errorf("reading ended with %v, want %v", err, socket.ErrStuck)
		}
		if _, err := c.Send(numbered(1, 10), 1); !errors.Is(err, socket.ErrStuck) {
			t.Errorf("a later send: got %v, want %v", err, socket.ErrStuck)
		}
		c.Close(wire.Draining, 0)
		if code, _ := p.closed(t); code != 0 {
			t.Errorf("a close frame with code %d was sent behind half a frame", code)
		}
		p.Close()
	})
}

// Whoever waits for room goes on when the client reads, and when the connection ends.
func TestAwaitEndsWithRoomOrWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(*peer, *socket.Conn){
		"the client reads": func(p *peer, _ *socket.Conn) {
			for _, _, err := p.frame(); err == nil; _, _, err = p.frame() {
			}
		},
		"the connection ends": func(_ *peer, c *socket.Conn) { c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c := overMemory(t).connect(t)
				ended := reading(c)
				c.Await() // there is room
				for i := range 3 {
					c.Send(numbered(i, 300_000), 1)
				}
				synctest.Wait()
				awaited := make(chan struct{})
				go func() { c.Await(); close(awaited) }()
				synctest.Wait()
				select {
				case <-awaited:
					t.Error("nobody waited while the outbox was more than half full")
				default:
				}
				go end(p, c)
				<-awaited
				c.CloseNow()
				p.Close()
				<-ended
			})
		})
	}
}

func TestPingsMeasureTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := overMemory(t).connect(t)
		ended := reading(c)
		rtts := make(chan time.Duration, 1)
		c.OnPong(func(rtt time.Duration) { rtts <- rtt })
		if err := c.Ping(); err != nil {
			t.Fatal(err)
		}
		op, payload, err := p.frame()
		if op != 9 || err != nil {
			t.Fatalf("got opcode %d, %v; want a ping", op, err)
		}
		p.Write(masked(0x80, 10, strings.Repeat("\x00", 8))) // answers nothing
		time.Sleep(300 * time.Millisecond)
		p.Write(masked(0x80, 10, string(payload)))
		p.Write(masked(0x80, 10, string(payload)))
		if rtt := <-rtts; rtt != 300*time.Millisecond {
			t.Errorf("got %v, want 300ms", rtt)
		}
		synctest.Wait()
		if len(rtts) > 0 {
			t.Error("one ping was answered twice")
		}
		p.Close()
		<-ended
		c.CloseNow()
	})
}

// Whatever sizes are sent by however many, and however the client reads: what arrives is what was sent, whole, and each sender's in order.
func FuzzWritesArriveWholeAndInOrder(f *testing.F) {
	f.Add([]byte{1, 200, 3, 255, 0, 7}, uint8(1), uint16(100))
	f.Add(bytes.Repeat([]byte{255}, 200), uint8(4), uint16(1))
	f.Add(bytes.Repeat([]byte{0, 255}, 100), uint8(2), uint16(4096))
	f.Fuzz(func(t *testing.T, sizes []byte, senders uint8, chunk uint16) {
		if len(sizes) > 300 {
			return
		}
		p, c := overTCP(t).connect(t)
		ended := reading(c)
		crowd := int(senders%4) + 1
		var all sync.WaitGroup
		for who := range crowd {
			all.Go(func() {
				for i, size := range sizes {
					payload := []byte{byte(who), byte(i >> 8), byte(i)}
					payload = append(payload, bytes.Repeat([]byte{byte(who*31 + i)}, int(size)*40)...)
					for {
						_, err := c.Send(wire.AppendFrame(nil, wire.Binary, payload), 1)
						if err == nil {
							break
						}
						if !errors.Is(err, socket.ErrFull) {
							t.Error(err)
							return
						}
						time.Sleep(time.Millisecond) // refused whole: it may be sent again
					}
				}
			})
		}
		var next [4]int
		for range crowd * len(sizes) {
			op, payload, err := p.frame()
			if err != nil {
				t.Fatal(err)
			}
			who, i := payload[0], int(payload[1])<<8|int(payload[2])
			if op != 2 || i != next[who] || len(payload) != 3+int(sizes[i])*40 {
				t.Fatalf("got opcode %d, sender %d, message %d of %d bytes; want message %d", op, who, i, len(payload), next[who])
			}
			if rest := payload[3:]; !bytes.Equal(rest, bytes.Repeat([]byte{who*31 + byte(i)}, len(rest))) {
				t.Fatalf("message %d of sender %d holds other bytes than were sent", i, who)
			}
			next[who]++
			if i%16 == 0 && chunk%3 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		all.Wait()
		c.CloseNow()
		p.Close()
		<-ended
	})
}
