package socket_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/socket"
	"portcullis/internal/testnet"
	"portcullis/internal/wire"
)

// crowd queues small frames behind a large one that waits for the peer, until more than half of the outbox is taken.
func crowd(t *testing.T, c *socket.Conn, first int) (sent int) {
	t.Helper()
	if _, err := c.Send(numbered(0, first), 1); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	for sent = 1; ; sent++ {
		switch fate, err := c.Send(wire.AppendFrame(nil, wire.Text, []byte("x")), 1); {
		case err != nil:
			t.Fatal(err)
		case fate == socket.Crowded:
			return sent + 1
		}
	}
}

// A peer that takes nothing holds nobody, but for a moment when it stops; one that takes what it is given is waited for until there is room, and no longer than it was asked.
func TestWhoeverTakesNothingIsNotWaitedFor(t *testing.T) {
	const most = 250 * time.Millisecond
	tests := []struct {
		name  string
		after time.Duration // since the peer stopped
		reads time.Duration // the peer reads a buffer's worth so often; 0 is never
		least time.Duration
		most  time.Duration
	}{
		{"it has just stopped", 0, 0, 10 * time.Millisecond, 14 * time.Millisecond},
		{"it has stopped for a while", 50 * time.Millisecond, 0, 0, 0},
		{"it reads", 0, time.Millisecond, time.Millisecond, 9 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c := overMemory(t).connect(t)
				ended := reading(c)
				sent := crowd(t, c, 2*testnet.Buffer)
				if sent != socket.MaxQueuedMessages/2+2 {
					t.Errorf("it was crowded after %d messages, want a half of %d", sent, socket.MaxQueuedMessages)
				}
				var hears sync.WaitGroup
				time.Sleep(tt.after)
				if tt.reads > 0 {
					hears.Go(func() {
						for range sent {
							time.Sleep(tt.reads)
							if _, _, err := p.frame(); err != nil {
								return
							}
						}
					})
				}
				begun := time.Now()
				c.AwaitOurs(begun.Add(most))
				if took := time.Since(begun); took < tt.least || took > tt.most {
					t.Errorf("it was waited for %v, want %v to %v", took, tt.least, tt.most)
				}
				c.CloseNow()
				p.Close()
				hears.Wait()
				<-ended
			})
		})
	}
}

// Where the kernel would take more it is this machine that is late. Asked in time, it is waited for; the time is over at last.
func TestWhatThisMachineHasNotWrittenIsWaitedFor(t *testing.T) {
	p, c := overTCP(t).connect(t)
	defer p.Close()
	defer c.CloseNow()
	if !socket.Writable(c) {
		t.Error("the kernel has room, and is not asked")
	}
	for fate := socket.Written; fate == socket.Written; { // until the kernel is full
		var err error
		if fate, err = c.Send(numbered(0, 100_000), 1); err != nil {
			t.Fatal(err)
		}
	}
	if socket.Writable(c) {
		t.Error("the kernel has no room, and it is not known")
	}
}
