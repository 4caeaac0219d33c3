package blackbox_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// hearAll reads count messages, whose data are numbers in order, and returns the frames as they came. It calls a function of at when it has
// heard so many.
func (l *line) hearAll(count int, at map[int]context.CancelFunc) (stream []byte, err error) {
	for i := range count {
		f, err := l.message(patience)
		if err != nil {
			return stream, fmt.Errorf("message %d: %w", i, err)
		}
		if want := fmt.Sprintf(`"data":"%07d `, i); !bytes.Contains(f.payload, []byte(want)) {
			return stream, fmt.Errorf("message %d is %.300s", i, f.payload)
		}
		stream = append(stream, f.unmasked()...)
		if reached := at[i+1]; reached != nil {
			reached()
		}
	}
	return stream, nil
}

// unmasked encodes a whole frame as a server must.
func (f frame) unmasked() []byte {
	b := []byte{0x80 | f.opcode}
	if n := len(f.payload); n < 126 {
		b = append(b, byte(n))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return append(b, f.payload...)
}

// talk publishes count messages of 128 bytes, a few every few milliseconds.
func (l *line) talk(channel string, count, perSecond int) error {
	start := time.Now()
	for sent := 0; sent < count; {
		due := min(count, int(time.Since(start).Seconds()*float64(perSecond))+1)
		var frames []frame
		for ; sent < due; sent++ {
			data := fmt.Sprintf("%07d ", sent)
			data += strings.Repeat("x", 128-len(data))
			frames = append(frames, text(fmt.Sprintf(`{"type":"publish","channel":%q,"data":%q}`, channel, data)))
		}
		if err := l.put(frames...); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// readOn reads everything until the end of the stream, however that comes about. It answers a close frame.
func (l *line) readOn() (all []byte) {
	l.SetReadDeadline(time.Now().Add(patience))
	for b := make([]byte, 4096); ; {
		n, err := l.r.Read(b)
		if all = append(all, b[:n]...); err != nil {
			return all
		}
		l.answerGoodbye(all)
	}
}

// readSlowly is readOn at so many bytes a millisecond. steady says that it never paused for long.
func (l *line) readSlowly(perMillisecond int) (all []byte, steady bool) {
	start := time.Now()
	l.SetReadDeadline(start.Add(patience))
	b := make([]byte, perMillisecond)
	var longest time.Duration
	for last := start; ; {
		longest, last = max(longest, time.Since(last)), time.Now()
		due := int(time.Since(start).Milliseconds()) * perMillisecond
		for len(all) < due {
			n, err := l.r.Read(b)
			if all = append(all, b[:n]...); err != nil {
				return all, longest < 300*time.Millisecond
			}
			l.answerGoodbye(all)
		}
		time.Sleep(time.Millisecond)
	}
}

// pingUntil sends a ping at once, and then a few every second.
func (l *line) pingUntil(over <-chan struct{}) {
	for wait := time.Duration(0); ; wait = 100 * time.Millisecond {
		select {
		case <-over:
			return
		case <-time.After(wait):
			l.put(frame{fin: true, opcode: opPing, payload: []byte("still here")}) // it may be gone already
		}
	}
}

// withoutPongs takes the pongs out that lie between frames, and counts them.
func withoutPongs(stream []byte) (rest []byte, pongs int) {
	for len(stream) > 3 {
		n := frameSize(stream)
		if n > len(stream) {
			break
		}
		if stream[0] == 0x80|opPong {
			pongs++
		} else {
			rest = append(rest, stream[:n]...)
		}
		stream = stream[n:]
	}
	return append(rest, stream...), pongs
}

// frameSize is how many bytes the frame at the beginning of a stream has, up to 64 KiB.
func frameSize(stream []byte) int {
	if n := int(stream[1]); n < 126 {
		return 2 + n
	}
	return 4 + int(binary.BigEndian.Uint16(stream[2:]))
}

// tooSlow is the close frame that a slow consumer gets.
var tooSlow = frame{opcode: opClose, payload: append([]byte{4101 >> 8, 4101 & 0xFF}, `{"code":"slow_consumer"}`...)}.unmasked()

func (l *line) answerGoodbye(heard []byte) {
	if bytes.HasSuffix(heard, tooSlow) {
		l.put(frame{fin: true, opcode: opClose, payload: tooSlow[2:4]}) // it may be gone already
	}
}

// wholeUntilTheEnd wants got to be a part of stream from its beginning, and behind it nothing or, between two frames, the close frame of a slow consumer.
func wholeUntilTheEnd(t *testing.T, who string, stream, got []byte, told bool) {
	t.Helper()
	heard, hasBye := bytes.CutSuffix(got, tooSlow)
	switch {
	case len(heard) >= len(stream):
		t.Errorf("%s read everything: it was not too slow", who)
	case len(heard) == 0:
		t.Errorf("%s read nothing", who)
	case !bytes.HasPrefix(stream, heard):
		at := firstDifference(stream, heard)
		t.Errorf("%s read, from byte %d of %d, %q, where the others read %q", who, at, len(heard), clip(heard, at), clip(stream, at))
	case hasBye && !slices.Contains(boundaries(stream), len(heard)):
		t.Errorf("%s was closed in the middle of a frame, behind %q", who, heard[max(0, len(heard)-300):])
	case told && !hasBye:
		t.Errorf("%s was not told that it was too slow: after %d bytes its stream ended", who, len(got))
	}
}

// boundaries are where frames of a stream begin.
func boundaries(stream []byte) (at []int) {
	for i := 0; i < len(stream); i += frameSize(stream[i:]) {
		at = append(at, i)
	}
	return at
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func clip(b []byte, at int) []byte { return b[max(0, at-20):min(len(b), at+200)] }
