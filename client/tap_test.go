package client_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"portcullis/internal/contract"
)

// wire is api/asyncapi.yaml.
var wire = sync.OnceValues(contract.NewWire)

// taps collect what was wrong with what a gateway said, on any line.
type taps struct {
	mu     sync.Mutex
	frames int
	wrong  []string
}

func (a *taps) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// tap reads along what a gateway says on one connection, as it stands on the line. A client drops what comes twice, and asks again for what it misses: here nobody forgives. Within a connection each message of a channel comes
// behind the one before, and names it, unless a gap or another ok stands between the two.
type tap struct {
	all   *taps
	buf   []byte
	open  bool // the answer to the handshake has passed
	heard int
	at    map[string]uint64 // by channel, the last that was said; 0 where that is not known
	whole map[string]bool   // nothing may be missing behind that
}

func newTap(all *taps) *tap {
	return &tap{all: all, at: make(map[string]uint64), whole: make(map[string]bool)}
}

// Write takes some of it, and never fails.
func (t *tap) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if !t.open {
		_, rest, found := bytes.Cut(t.buf, []byte("\r\n\r\n"))
		if !found {
			return len(p), nil
		}
		t.open, t.buf = true, slices.Clone(rest)
	}
	for {
		text, size := serverFrame(t.buf)
		if size == 0 {
			return len(p), nil
		}
		if t.buf[0] == 0x81 { // a whole text
			t.hear(text)
		}
		t.buf = t.buf[size:]
	}
}

// serverFrame returns the payload of the frame that b begins with, and how long all of it is; 0 where it is not whole.
func serverFrame(b []byte) (payload []byte, size int) {
	if len(b) < 2 {
		return nil, 0
	}
	head, n := 2, int(b[1])
	switch n {
	case 126:
		if head = 4; len(b) >= head {
			n = int(binary.BigEndian.Uint16(b[2:]))
		}
	case 127:
		if head = 10; len(b) >= head {
			n = int(binary.BigEndian.Uint64(b[2:]))
		}
	}
	if len(b) < head+n {
		return nil, 0
	}
	return b[head : head+n], head + n
}

func (t *tap) hear(text []byte) {
	var f struct {
		Type, Channel            string
		Offset, Previous, Before uint64
	}
	err := json.Unmarshal(text, &f)
	if t.heard++; err == nil && (t.heard < 100 || t.heard%50 == 0) { // as the black-box tests do: who compares everything is slow
		var w *contract.Wire
		if w, err = wire(); err == nil {
			err = w.Frame(text)
		}
	}
	if err != nil {
		t.all.note("%v", err)
		return
	}
	switch f.Type {
	case "ok", "subscribed", "unsubscribed": // another beginning
		t.at[f.Channel], t.whole[f.Channel] = 0, false
	case "gap":
		if f.Before > 0 && f.Before <= t.at[f.Channel] {
			t.all.note("behind offset %d of %s came %s", t.at[f.Channel], f.Channel, text)
		}
		t.at[f.Channel], t.whole[f.Channel] = max(f.Before, 1)-1, false
	case "message":
		at := t.at[f.Channel]
		if f.Offset > 0 && f.Offset <= at || t.whole[f.Channel] && f.Previous != 0 && f.Previous != at {
			t.all.note("behind offset %d of %s came offset %d, previous %d, and nothing in between", at, f.Channel, f.Offset, f.Previous)
		}
		t.at[f.Channel], t.whole[f.Channel] = f.Offset, f.Offset > 0
	}
	t.all.mu.Lock()
	t.all.frames++
	t.all.mu.Unlock()
}
