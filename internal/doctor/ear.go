package doctor

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"portcullis/internal/hub"
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

// Await implements [hub.Subscriber]: an ear has room.
func (e *ear) Await(time.Time) {}

// Deliver implements [hub.Subscriber].
func (e *ear) Deliver(p *wire.Parcel, _ wire.Lane) hub.Outcome {
	e.mu.Lock()
	e.messages += p.Messages
	if len(e.text) < mostHeard {
		e.text = append(e.text, p.Frames...)
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

// markers are all texts in what was heard that may be one, each once.
func (e *ear) markers() (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for text := e.text; ; text = text[len(mark):] {
		i := bytes.Index(text, []byte(mark))
		if i < 0 {
			return all
		}
		text = text[i:]
		if m := string(text[:min(len(text), markerLen)]); !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
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
