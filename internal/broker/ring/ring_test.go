package ring_test

import (
	"slices"
	"testing"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/ring"
	"portcullis/internal/message"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(offset uint64) message.Message {
	return message.Message{Position: message.Position{Offset: offset, Epoch: "x7"}}
}

func offsets(page []message.Message) (all []uint64) {
	for _, m := range page {
		all = append(all, m.Position.Offset)
	}
	return all
}

func TestSince(t *testing.T) {
	r := ring.New(5)
	for i, offset := range []uint64{10, 20, 30, 40} {
		r.Add(at(offset), noon.Add(time.Duration(i)*time.Minute))
	}
	r.Trim(broker.Keep{Messages: 3}, noon) // 10 is gone
	tests := []struct {
		name     string
		offset   uint64
		limit    int
		want     []uint64
		complete bool
	}{
		{"from the newest", 40, 9, nil, true},
		{"from a stored message", 20, 9, []uint64{30, 40}, true},
		{"from between two", 25, 9, []uint64{30, 40}, true},
		{"from the last that is gone", 10, 9, []uint64{20, 30, 40}, true},
		{"from before one that is gone", 9, 9, []uint64{20, 30, 40}, false},
		{"from the beginning", 0, 9, []uint64{20, 30, 40}, false},
		{"a full page", 10, 2, []uint64{20, 30}, true},
		{"no room for any", 10, 0, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, complete := r.Since(tt.offset, tt.limit)
			if got := offsets(page); !slices.Equal(got, tt.want) || complete != tt.complete {
				t.Errorf("got %v, complete %v; want %v, %v", got, complete, tt.want, tt.complete)
			}
		})
	}
}

func TestMessagesGrowOld(t *testing.T) {
	r := ring.New(0)
	r.Add(at(1), noon)
	r.Add(at(2), noon.Add(time.Minute))
	keep := broker.Keep{Messages: 9, Age: time.Minute}
	r.Trim(keep, noon.Add(time.Minute))
	if r.Len() != 2 {
		t.Errorf("exactly as old as allowed: got %d stored, want 2", r.Len())
	}
	r.Trim(keep, noon.Add(time.Minute+1))
	if r.Len() != 1 || r.Newest() != 2 || r.Lost() != 1 {
		t.Errorf("got %d stored, newest %d, lost %d; want 1, 2, 1", r.Len(), r.Newest(), r.Lost())
	}
	r.Trim(keep, noon.Add(time.Hour))
	if r.Len() != 0 || r.Newest() != 0 || r.Lost() != 2 {
		t.Errorf("got %d stored, newest %d, lost %d; want 0, 0, 2", r.Len(), r.Newest(), r.Lost())
	}
}

// A page is the caller's own: later additions and removals do not reach into it.
func TestAPageDoesNotChange(t *testing.T) {
	r := ring.New(0)
	for offset := uint64(1); offset <= 4; offset++ {
		r.Add(at(offset), noon)
	}
	page, _ := r.Since(0, 4)
	for offset := uint64(5); offset <= 100; offset++ {
		r.Add(at(offset), noon)
		r.Trim(broker.Keep{Messages: 2}, noon)
	}
	if got := offsets(page); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Errorf("got %v, want 1 to 4", got)
	}
}

// Adding for ever to a bounded ring needs bounded memory.
func TestSpaceIsUsedAgain(t *testing.T) {
	r, offset := ring.New(0), uint64(0)
	add := func() {
		offset++
		r.Add(at(offset), noon)
		r.Trim(broker.Keep{Messages: 100}, noon)
	}
	for range 1000 {
		add()
	}
	if got := testing.AllocsPerRun(10_000, add); got != 0 {
		t.Errorf("got %v allocations for a message, want 0", got)
	}
}

// FuzzRing lets two bytes at a time say what happens: messages come, time goes by, limits change. After each, every answer is that of a list of
// everything that ever came and a note of what the limits have taken from it.
func FuzzRing(f *testing.F) {
	f.Add([]byte{0, 1, 0, 1, 0, 3, 1, 200, 0, 1, 2, 2})
	f.Add([]byte{2, 1, 0, 1, 0, 1, 0, 1, 2, 9, 0, 1, 1, 255, 1, 255, 0, 1})
	f.Add([]byte{3, 10, 0, 1, 1, 11, 0, 1, 2, 0, 0, 1, 3, 0, 0, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		r, model, now := ring.New(3), []fact{}, noon
		keep, offset := broker.Keep{Messages: 4, Age: 10 * time.Second}, uint64(3)
		for i := 0; i+1 < min(len(steps), 100); i += 2 {
			switch by := steps[i+1]; steps[i] % 4 {
			case 0:
				offset += uint64(by%5) + 1
				r.Add(at(offset), now)
				model = append(model, fact{offset, now, false})
			case 1:
				now = now.Add(time.Duration(by) * 100 * time.Millisecond)
			case 2:
				keep.Messages = int(by % 8)
			case 3:
				keep.Age = time.Duration(by%20) * time.Second
			}
			r.Trim(keep, now)
			trim(model, keep, now)
			for from := uint64(0); from <= offset+1; from++ {
				compare(t, r, model, from, int(from%4)+1)
			}
		}
	})
}

// fact is one message of the model.
type fact struct {
	offset uint64
	added  time.Time
	gone   bool
}

func trim(model []fact, keep broker.Keep, now time.Time) {
	for i := range model {
		tooMany := len(model)-i > keep.Messages
		tooOld := keep.Age > 0 && now.Sub(model[i].added) > keep.Age
		model[i].gone = model[i].gone || tooMany || tooOld
	}
}

func compare(t *testing.T, r *ring.Ring, model []fact, from uint64, limit int) {
	t.Helper()
	var want []uint64
	whole := from >= 3
	for _, f := range model {
		if f.gone && f.offset > from {
			whole = false
		}
		if !f.gone && f.offset > from && len(want) < limit {
			want = append(want, f.offset)
		}
	}
	page, complete := r.Since(from, limit)
	if got := offsets(page); !slices.Equal(got, want) || complete != whole {
		t.Fatalf("since %d, limit %d: got %v, complete %v; want %v, %v", from, limit, got, complete, want, whole)
	}
}
