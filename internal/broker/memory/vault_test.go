package memory_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/ring"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

// What a tenant's channels keep has a bound, and the oldest go first, of whatever channel; another tenant's do not.
func TestATenantsOldestMessagesGoFirst(t *testing.T) {
	b, _ := run(t)
	keep := broker.Keep{Messages: 1000, Total: 100*(ring.Overhead+100) + 7*ring.Channel}
	say := func(ref channel.Ref) message.Position {
		r, err := b.Publish(t.Context(), message.Message{Channel: ref, Data: make([]byte, 100)}, keep)
		if err != nil {
			t.Fatal(err)
		}
		return r.Position
	}
	theirs := channel.Ref{Tenant: tenant.MustParse("globex"), Name: channel.MustParse("room:1")}
	say(theirs)
	quiet := say(on("quiet"))
	var last message.Position
	for i := range 5000 { // more than a queue holds of what is gone
		last = say(on(fmt.Sprint("room:", i%7)))
		if i == 50 {
			if page, _, _ := b.Since(t.Context(), on("quiet"), message.Position{}, 9); len(page) != 1 {
				t.Fatal("a message went before there was too much")
			}
		}
	}
	stored := 0
	for i := range 7 {
		page, _, err := b.Since(t.Context(), on(fmt.Sprint("room:", i)), message.Position{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			if m.Position.Offset+100 <= last.Offset {
				t.Errorf("the message of offset %d is there, and 100 newer ones", m.Position.Offset)
			}
		}
		stored += len(page)
	}
	if page, complete, _ := b.Since(t.Context(), on("quiet"), quiet, 9); stored != 100 || len(page) != 0 || !complete {
		t.Errorf("%d messages are stored, want the newest 100; the quiet channel has %d, complete %v", stored, len(page), complete)
	}
	if _, complete, _ := b.Since(t.Context(), on("quiet"), message.Position{Epoch: quiet.Epoch}, 9); complete {
		t.Error("what went on the quiet channel is not told")
	}
	if page, _, _ := b.Since(t.Context(), theirs, message.Position{}, 9); len(page) != 1 {
		t.Error("another tenant's message went")
	}
	keep.Total = ring.Overhead // less than one message
	at := say(on("room:1"))
	if page, complete, _ := b.Since(t.Context(), on("room:1"), message.Position{Offset: at.Offset - 1, Epoch: at.Epoch}, 9); len(page) != 0 || complete {
		t.Errorf("a message that is too large for all of it: got %d, complete %v; want none, and that it is missing", len(page), complete)
	}
}

// A key is known for five minutes, and no longer.
func TestAnIDIsForgottenAfterItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		keep := broker.Keep{Messages: 10, ID: broker.ID{7}}
		publish := func(data string) (broker.Receipt, error) {
			return b.Publish(t.Context(), message.Message{Channel: on("room:1"), Data: []byte(data)}, keep)
		}
		first, _ := publish("1")
		time.Sleep(broker.Window)
		if again, err := publish("1"); !again.Duplicate || again.Position != first.Position || err != nil {
			t.Errorf("within the window: got %+v, %v; want a duplicate of %v", again, err, first.Position)
		}
		time.Sleep(time.Nanosecond)
		if again, err := publish("2"); again.Duplicate || err != nil {
			t.Errorf("after it: got %+v, %v; want a new message", again, err)
		}
		time.Sleep(broker.Window + 2*time.Minute)
		if n := b.IDs(); n != 0 {
			t.Errorf("%d ids are left", n)
		}
	})
}

// Channels that nobody hears and that keep nothing any more leave nothing behind, however many names there were.
func TestAMillionNamesLeaveNothingBehind(t *testing.T) {
	names := 50_000
	if os.Getenv("PORTCULLIS_LONG") != "" {
		names = 1_000_000
	}
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		keep := broker.Keep{Messages: 1, Age: time.Second, Total: 1 << 30}
		before := heap()
		for i := range names {
			ref := on(fmt.Sprint("room:", i))
			_ = b.Interest([]channel.Ref{ref}, nil)
			_, _ = b.Publish(t.Context(), message.Message{Channel: ref, Data: []byte("1")}, keep)
			_ = b.Interest(nil, []channel.Ref{ref})
		}
		time.Sleep(3 * time.Minute)
		if grown := int64(heap()) - int64(before); grown > 8<<20 || b.Histories() != 0 {
			t.Errorf("%d histories and %d bytes are left", b.Histories(), grown)
		}
	})
}

// A channel that has been silent for long is not taken for one that lost something, because another one did.
func TestASilentChannelIsContinued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		keep := broker.Keep{Messages: 10, Age: time.Minute}
		publish := func(name string) message.Position {
			r, _ := b.Publish(t.Context(), message.Message{Channel: on(name), Data: []byte("1")}, keep)
			return r.Position
		}
		at := publish("silent")
		for i := range 1000 {
			publish(fmt.Sprint("room:", i))
		}
		time.Sleep(5 * time.Minute)
		if _, complete, _ := b.Since(t.Context(), on("silent"), at, 9); !complete {
			t.Error("the channel's last message is known, and something is said to be missing behind it")
		}
	})
}

// BenchmarkStored says what a message takes that is stored.
func BenchmarkStored(b *testing.B) {
	for _, size := range []int{16, 128, 1024} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			engine, _ := run(b)
			before := heap()
			n := 0
			for b.Loop() {
				_, _ = engine.Publish(b.Context(), message.Message{Channel: on(fmt.Sprint("room:", n%1000)), From: message.Sender{User: "ana", Connection: "c_1"}, Data: make([]byte, size)}, broker.Keep{Messages: 1 << 30, Total: 1 << 40})
				n++
			}
			b.ReportMetric(float64(heap()-before)/float64(n), "B/message")
		})
	}
}
