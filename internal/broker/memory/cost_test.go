package memory_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// What a tenant's channels keep is bounded by what is counted, so what is counted must be what they take of the heap, however the messages came to be there. An eighth more is allowed: maps and queues grow
// by steps.
func TestWhatIsStoredTakesWhatIsCounted(t *testing.T) {
	for _, tt := range []struct {
		name     string
		channels int
		keep     int // messages of each
		say      int // on each
		left     int // of each, at the end
		length   int // of a channel's name
		user     int // of a user's
	}{
		{"one channel that fills", 1, 100_000, 100_000, 100_000, 30, 3},
		{"one channel that has turned over", 1, 50_000, 180_000, 50_000, 30, 3},
		{"channels of 100 that have turned over", 500, 100, 370, 100, 30, 3},
		{"channels of 10 that have turned over", 5000, 10, 37, 10, 30, 3},
		{"channels of one message", 50_000, 1, 1, 1, 30, 3},
		{"channels of one message, and many before", 20_000, 1, 10, 1, 30, 3},
		{"names as long as they may be", 500, 100, 100, 100, 125, 3},
		{"An attacker fills channels and lets them run dry", 500, 100, 100, 1, 30, 3},
		{"channels that are two thirds full", 500, 100, 100, 67, 30, 3},
		{"An attacker's name is as long as it may be", 500, 100, 100, 100, 30, 1020},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := run(t)
			say := func(i, keep int) { // each with a name of its own, as a request has it
				m := message.Message{Channel: on(fmt.Sprintf("room:%0*d", tt.length-5, i)), From: message.Sender{User: strings.Repeat("a", tt.user), Connection: "c_1"}, Data: make([]byte, 16)}
				if _, err := b.Publish(t.Context(), m, broker.Keep{Messages: keep, Total: 1 << 40}); err != nil {
					t.Fatal(err)
				}
			}
			before := heap()
			for range tt.say {
				for i := range tt.channels {
					say(i, tt.keep)
				}
			}
			if tt.left < tt.keep {
				for i := range tt.channels {
					say(i, tt.left)
				}
			}
			taken, counted := int64(heap()-before), b.Stored(on("room").Tenant)
			many := int64(tt.channels * tt.left)
			t.Logf("%d bytes of each message beside its payload, %d are counted", taken/many-16, counted/many-16)
			if taken > counted+counted/8 || taken < counted/2 {
				t.Errorf("%d messages take %d bytes, and %d are counted", many, taken, counted)
			}
			runtime.KeepAlive(b)
		})
	}
}

// BenchmarkIDs says what the key of a publication takes beside that, while it is known.
func BenchmarkIDs(b *testing.B) {
	engine, _ := run(b)
	before := heap()
	n := 0
	for b.Loop() {
		n++
		id := broker.ID{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
		_, _ = engine.Publish(b.Context(), message.Message{Channel: on("room:1")}, broker.Keep{Messages: 1, ID: id})
	}
	b.ReportMetric(float64(heap()-before)/float64(n), "B/key")
}
