package testnet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/testnet"
)

func TestPeersThatBothWriteFirstDoNotWait(t *testing.T) {
	a, b := testnet.Pipe(testnet.Buffer)
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []net.Conn{a, b} {
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			t.Fatalf("got %q, %v; want hello", got, err)
		}
	}
}

func TestAWriteThatDoesNotFitEndsAtItsDeadlineWithWhatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testnet.Pipe(4)
		start := time.Now()
		a.SetWriteDeadline(start.Add(5 * time.Second))
		n, err := a.Write([]byte("123456"))
		if n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("got %d bytes, %v after %v; want 4, a timeout after 5s", n, err, time.Since(start))
		}
		a.Close()
		got, err := io.ReadAll(b)
		if string(got) != "1234" || err != nil {
			t.Errorf("the peer read %q, %v; want 1234 and the end", got, err)
		}
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("a write to a closed peer succeeded")
		}
	})
}

func TestAReadEndsAtItsDeadlineAndWorksAgainAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testnet.Pipe(testnet.Buffer)
		defer a.Close()
		b.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v, want a timeout", err)
		}
		b.SetReadDeadline(time.Time{})
		go a.Write([]byte("x"))
		if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("got %d, %v; want 1 byte", n, err)
		}
	})
}

func TestAListenerHandsOutWhatWasDialledUntilItIsClosed(t *testing.T) {
	l := testnet.Listen()
	go func() {
		c, err := l.Dial(t.Context())
		if err == nil {
			c.Write([]byte("x"))
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("got %d, %v; want 1 byte", n, err)
	}
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
	if _, err := l.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}
