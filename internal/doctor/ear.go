package doctor

import (
	"bytes"
	"context"
	"sync"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// ear hears what a client would hear, as it stands on the wire.
type ear struct {
	dialect wire.Dialect
	news    chan struct{} // holds one while there is something that nobody looked at

	// Guarded by mu.
	mu       sync.Mutex
	text     []byte
	messages int
}

// mostHeard bounds what is kept. The names are nobody's: what comes is the doctor's own.
const mostHeard = 1 << 20

func newEar(d wire.Dialect) *ear { return &ear{dialect: d, news: make(chan struct{}, 1)} }

// Dialect implements [hub.Subscriber].
func (e *ear) Dialect() wire.Dialect { return e.dialect }

// Deliver implements [hub.Subscriber].
func (e *ear) Deliver(frames []byte, messages int, _ *limit.Shared) hub.Outcome {
	e.mu.Lock()
	e.messages += messages
	if len(e.text) < mostHeard {
		e.text = append(e.text, frames...)
	}
	e.mu.Unlock()
	select {
	case e.news <- struct{}{}:
	default:
	}
	return hub.Taken
}

func (e *ear) heard(marker string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Contains(e.text, []byte(marker))
}

// hears waits for a marker.
func (e *ear) hears(ctx context.Context, marker string, by time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, by)
	defer cancel()
	for !e.heard(marker) {
		select {
		case <-e.news:
		case <-ctx.Done():
			return e.heard(marker)
		}
	}
	return true
}

// count is how many messages were heard so far.
func (e *ear) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.messages
}
