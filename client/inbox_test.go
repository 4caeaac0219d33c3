package client

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// Two callers may have found the inbox empty, and be on their way to waiting, while two messages come: there is one signal for both,
// so that the first caller must pass it on. So it is with the end.
func TestOneSignalWakesAllWhoHaveSomethingToTake(t *testing.T) {
	b := inbox{ready: make(chan struct{}, 1)}
	b.put(Message{})
	b.put(Message{})
	for range 2 {
		<-b.ready
		if _, found, err := b.take(); !found || err != nil {
			t.Fatalf("got %v, %v; want a message", found, err)
		}
	}
	end := errors.New("end")
	b.end(end)
	for range 3 {
		select {
		case <-b.ready:
		case <-time.After(time.Second):
			t.Fatal("nobody was woken for the end")
		}
		if _, _, err := b.take(); !errors.Is(err, end) {
			t.Fatalf("got %v, want the end", err)
		}
	}
}

func TestAQuietInboxHoldsNothing(t *testing.T) {
	b := inbox{ready: make(chan struct{}, 1)}
	for range 10 {
		b.put(Message{Data: []byte("1")})
	}
	for range 10 {
		b.take()
	}
	if b.messages != nil || b.bytes != 0 {
		t.Errorf("got room for %d messages and %d bytes, want none", cap(b.messages), b.bytes)
	}
}

// The answer came, and the connection ended, before the caller could look: it is an answer, every time.
func TestAnAnswerBeforeTheEndIsAnAnswer(t *testing.T) {
	c := newConn(0)
	c.fail(ErrClosed)
	for range 100 {
		p := &call{1, make(chan frame, 1), nil}
		p.answer <- frame{Type: "ok"}
		if _, answered := c.wait(t.Context(), p); !answered {
			t.Fatal("the answer was lost")
		}
	}
}

// A gateway tells of users whose infos are large, to a caller that is slow.
func TestJoinsDoNotFillTheMemoryOfWhoIsSlow(t *testing.T) {
	q := queue{ready: make(chan struct{}, 1)}
	info := bytes.Repeat([]byte("1"), 1<<20)
	for range 100 {
		q.put(event{presence: &PresenceEvent{Kind: Joined, Member: Member{User: "ben", Info: info}}})
	}
	if got, want := len(q.events), inboxBytes>>20; got > want || q.stale == nil {
		t.Errorf("%d events of 1 MiB are kept, want at most %d, and a word that some were not", got, want)
	}
}
