package client

import "sync"

// An inbox holds at most so many messages, and of several so many bytes of data. When it is full the oldest is dropped, and the message
// behind it tells.
const (
	inboxMessages = 1024
	inboxBytes    = 4 << 20
)

// inbox is a queue between the reading goroutine, which never waits, and the callers of Next.
type inbox struct {
	ready chan struct{} // holds one when there may be something to take

	// Guarded by mu.
	mu       sync.Mutex
	messages []Message
	bytes    int
	lost     int   // messages that were dropped since the last one was taken
	ended    error // nothing is put any more
}

func (b *inbox) put(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended != nil {
		return
	}
	b.messages = append(b.messages, m)
	b.bytes += len(m.Data)
	for len(b.messages) > inboxMessages || b.bytes > inboxBytes && len(b.messages) > 1 {
		b.pop()
		b.lost++
	}
	b.signal()
}

// take returns the oldest message, or the end once there is none.
func (b *inbox) take() (m Message, found bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) == 0 {
		if b.ended != nil {
			b.signal() // for the others who wait
		}
		return m, false, b.ended
	}
	m = b.pop()
	m.Lost, b.lost = b.lost, 0
	if len(b.messages) > 0 || b.ended != nil {
		b.signal()
	}
	return m, true, nil
}

// end lets take return err behind the last message. The first end counts.
func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == nil {
		b.ended = err
	}
	b.signal()
}

func (b *inbox) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages, b.bytes = nil, 0
}

// pop removes the oldest of at least one message. The caller holds mu.
func (b *inbox) pop() Message {
	m := b.messages[0]
	b.messages[0] = Message{} // its data is the caller's alone
	if b.messages = b.messages[1:]; len(b.messages) == 0 {
		b.messages = nil // a quiet channel holds no memory
	}
	b.bytes -= len(m.Data)
	return m
}

func (b *inbox) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}
