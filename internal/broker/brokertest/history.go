package brokertest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
)

func history(t *testing.T, open func(*testing.T) broker.Broker) {
	t.Run("offsets grow, previous is the one before, and what arrives is what was acknowledged", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		acked := n.fill(t, room, 5, broker.Keep{Messages: 10})
		n.publish(t, hall, `"in between"`, broker.Keep{Messages: 10})
		acked = append(acked, n.publish(t, room, "6", broker.Keep{Messages: 10}))
		last := message.Position{Epoch: acked[0].Epoch}
		for i, m := range n.expect(t, room, "1", "2", "3", "4", "5", "6") {
			if m.Position != acked[i] || m.Position.Epoch != last.Epoch || m.Position.Epoch == "" || m.Position.Offset <= last.Offset || m.Previous != last.Offset {
				t.Errorf("message %d: got %v with previous %d, acknowledged as %v, behind %v", i+1, m.Position, m.Previous, acked[i], last)
			}
			last = m.Position
		}
		n.since(t, "the stored ones are the same", room, acked[0], 9, true, "2", "3", "4", "5", "6")
		page, _, _ := n.Since(t.Context(), room, acked[4], 9)
		if len(page) != 1 || page[0].Position != acked[5] || page[0].Previous != acked[4].Offset || page[0].Channel != room {
			t.Errorf("got %+v, want the message at %v", page, acked[5])
		}
	})
	t.Run("nobody listens, and it is kept", func(t *testing.T) {
		n := start(t, open(t))
		n.fill(t, room, 2, broker.Keep{Messages: 10})
		n.since(t, "all", room, message.Position{}, 9, false, "1", "2")
	})
	t.Run("without history there is none", func(t *testing.T) {
		n := start(t, open(t))
		if at := n.publish(t, room, "1", broker.Keep{}); at != (message.Position{}) {
			t.Errorf("got %v, want no position", at)
		}
		if at := n.publish(t, room, "1", broker.Keep{Age: time.Hour}); at != (message.Position{}) {
			t.Errorf("with an age and no messages: got %v, want no position", at)
		}
		n.since(t, "nothing", room, message.Position{}, 9, false)
	})
	t.Run("recovery", func(t *testing.T) { recovery(t, start(t, open(t))) })
	t.Run("backwards", func(t *testing.T) { backwards(t, start(t, open(t))) })
	t.Run("what was heard is in what is read", func(t *testing.T) { heardIsRead(t, start(t, open(t))) })
	t.Run("bytes are told from text", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		m := message.Message{Channel: room, Data: []byte{0, '"', 0xff}, Binary: true}
		if _, err := n.Publish(t.Context(), m, broker.Keep{Messages: 1}); err != nil {
			t.Fatal(err)
		}
		page, _, _ := n.Since(t.Context(), room, message.Position{}, 1)
		if heard := n.expect(t, room, string(m.Data)); !heard[0].Binary || len(page) != 1 || !page[0].Binary || !bytes.Equal(page[0].Data, m.Data) {
			t.Errorf("heard %+v and read %+v, want both as they were published", heard, page)
		}
	})
	t.Run("what is sealed stays so", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		m := message.Message{Channel: room, Data: []byte(`"a..b.c.d"`), Sealed: true}
		if _, err := n.Publish(t.Context(), m, broker.Keep{Messages: 1}); err != nil {
			t.Fatal(err)
		}
		page, _, _ := n.Since(t.Context(), room, message.Position{}, 1)
		if heard := n.expect(t, room, string(m.Data)); !heard[0].Sealed || len(page) != 1 || !page[0].Sealed || !bytes.Equal(page[0].Data, m.Data) {
			t.Errorf("heard %+v and read %+v, want both as they were published", heard, page)
		}
	})
	t.Run("trimmed by age", func(t *testing.T) {
		n := start(t, open(t))
		keep := broker.Keep{Messages: 10, Age: 500 * time.Millisecond}
		n.want(t, refs(room, hall), nil)
		n.publish(t, hall, "1", keep)
		at := n.fill(t, room, 2, keep)
		n.since(t, "young", room, at[0], 9, true, "2")
		time.Sleep(keep.Age + 50*time.Millisecond)
		eventually(t, "both are too old", func() bool {
			page, complete, err := n.Since(t.Context(), room, at[0], 9)
			return err == nil && len(page) == 0 && !complete
		})
		n.publish(t, hall, "2", keep)
		again := n.publish(t, room, "3", keep)
		if got := n.expect(t, room, "1", "2", "3")[2]; got.Previous != 0 || again.Offset <= at[1].Offset {
			t.Errorf("got %v with previous %d, want an offset above %d with previous 0: nothing before it is stored", again, got.Previous, at[1].Offset)
		}
		if got := n.expect(t, hall, "1", "2")[1]; got.Previous != 0 {
			t.Errorf("nobody asked in between: got previous %d, want 0", got.Previous)
		}
		n.since(t, "the last that grew old is missing", room, at[0], 9, false, "3")
	})
	t.Run("two tenants have two histories", func(t *testing.T) {
		n := start(t, open(t))
		theirs := ref(globe, "room:1")
		at := n.fill(t, room, 2, broker.Keep{Messages: 10})
		n.since(t, "theirs is empty", theirs, message.Position{}, 9, false)
		n.publish(t, theirs, `"theirs"`, broker.Keep{Messages: 10})
		n.since(t, "ours", room, at[0], 9, true, "2")
		n.since(t, "theirs", theirs, message.Position{}, 9, false, `"theirs"`)
	})
	t.Run("what one tenant says moves no position of another's", func(t *testing.T) {
		n := start(t, open(t))
		first := n.fill(t, room, 1, broker.Keep{Messages: 10})[0]
		before := n.heads(t, room, hall)
		n.fill(t, ref(globe, "room:1"), 5, broker.Keep{Messages: 10})
		if got := n.heads(t, room, hall); !slices.Equal(got, before) {
			t.Errorf("after another tenant's five messages the newest positions are %v, want %v", got, before)
		}
		if got := n.fill(t, room, 1, broker.Keep{Messages: 10})[0]; got.Offset != first.Offset+1 {
			t.Errorf("the next offset is %d after %d: whoever counts knows how much others said", got.Offset, first.Offset)
		}
	})
	t.Run("heads", func(t *testing.T) {
		n := start(t, open(t))
		first := n.fill(t, room, 3, broker.Keep{Messages: 2})
		second := n.fill(t, hall, 2, broker.Keep{Messages: 2})
		heads := n.heads(t, hall, room, ref(globe, "room:1"))
		if heads[0] != second[1] || heads[1] != first[2] {
			t.Errorf("got %v, want %v and %v first", heads, second[1], first[2])
		}
		if got := n.heads(t); len(got) != 0 {
			t.Errorf("of no channel: got %v, want none", got)
		}
	})
	t.Run("a page is the caller's own", func(t *testing.T) {
		n := start(t, open(t))
		at := n.fill(t, room, 3, broker.Keep{Messages: 3})
		page, _, _ := n.Since(t.Context(), room, at[0], 9)
		n.fill(t, room, 20, broker.Keep{Messages: 3})
		if got := payloads(page); !equal(got, []string{"2", "3"}) {
			t.Errorf("got %s after later publications, want 2 and 3", got)
		}
	})
}

// backwards pages from the newest to the oldest.
func backwards(t *testing.T, n *node) {
	n.before(t, "of an empty channel", room, message.Position{}, 9, false)
	at := n.fill(t, room, 5, broker.Keep{Messages: 4})
	n.publish(t, hall, `"elsewhere"`, broker.Keep{Messages: 4})
	n.before(t, "from the end", room, message.Position{}, 2, false, "5", "4")
	n.before(t, "from a message", room, at[3], 2, true, "3", "2")
	n.before(t, "from the oldest that is stored", room, at[1], 2, true)
	n.before(t, "from one that is trimmed", room, at[0], 2, true)
	n.before(t, "all", room, n.heads(t, hall)[0], 9, true, "5", "4", "3", "2")
	n.before(t, "no page", room, at[3], 0, true)
	n.before(t, "from another epoch", room, message.Position{Offset: at[3].Offset, Epoch: "other"}, 1, false, "5")
	n.before(t, "from the future", room, message.Position{Offset: at[3].Offset + 1<<40, Epoch: at[3].Epoch}, 1, false, "5")
}

func (n *node) before(t *testing.T, name string, of channel.Ref, from message.Position, limit int, known bool, want ...string) {
	t.Helper()
	page, got, err := n.Before(t.Context(), of, from, limit)
	if err != nil || got != known || !equal(payloads(page), want) {
		t.Errorf("%s: got %s, known %v, %v; want %s, %v", name, payloads(page), got, err, want, known)
	}
}

// heardIsRead asks, while others publish, for what came after the newest message that was heard: it has none that was heard already and none is missing.
func heardIsRead(t *testing.T, n *node) {
	keep, done := broker.Keep{Messages: 10000}, make(chan struct{})
	n.want(t, refs(room), nil)
	n.publish(t, room, "0", keep)
	n.expect(t, room, "0")
	go func() {
		defer close(done)
		for i := range 500 {
			if _, err := n.Publish(t.Context(), message.Message{Channel: room, Data: fmt.Append(nil, i+1)}, keep); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := 0; i < 500; i++ {
		heard := n.heard(room)
		page, complete, err := n.Since(t.Context(), room, heard[0].Position, 10000)
		if err != nil || !complete || len(page) < len(heard)-1 {
			t.Fatalf("%d were heard, %d are read, complete %v, %v", len(heard), len(page)+1, complete, err)
		}
	}
	<-done
}

func recovery(t *testing.T, n *node) {
	keep := broker.Keep{Messages: 3}
	empty := n.heads(t, room)[0]
	n.since(t, "from an empty channel, still empty", room, empty, 9, true)
	at := n.fill(t, room, 3, keep)
	n.since(t, "from an empty channel", room, empty, 9, true, "1", "2", "3")
	at = append(at, n.publish(t, room, "4", keep), n.publish(t, room, "5", keep)) // 1 and 2 are trimmed
	n.since(t, "from an empty channel, trimmed since", room, empty, 9, false, "3", "4", "5")
	n.since(t, "from one before the last trimmed", room, at[0], 9, false, "3", "4", "5")
	n.since(t, "from the oldest that is stored", room, at[2], 9, true, "4", "5")
	n.since(t, "from the newest", room, at[4], 9, true)
	n.since(t, "a full page", room, at[2], 1, true, "4")
	n.since(t, "no page", room, at[2], 0, true)
	n.since(t, "from another epoch", room, message.Position{Offset: at[4].Offset, Epoch: "other"}, 9, false, "3", "4", "5")
	n.since(t, "from no epoch", room, message.Position{Offset: at[4].Offset}, 9, false, "3", "4", "5")
	n.since(t, "from the future", room, message.Position{Offset: at[4].Offset + 1<<40, Epoch: at[4].Epoch}, 9, false, "3", "4", "5")
	n.since(t, "from the beginning of time", room, message.Position{}, 2, false, "3", "4")
	heard := n.publish(t, room, "6", broker.Keep{Messages: 1})
	n.since(t, "a smaller history", room, at[4], 9, true, "6")
	n.since(t, "a smaller history, from before", room, at[3], 9, false, "6")
	n.publish(t, room, "7", broker.Keep{})
	n.since(t, "no history any more", room, heard, 9, false)
}

// fill publishes 1, 2 and so on.
func (n *node) fill(t *testing.T, on channel.Ref, count int, keep broker.Keep) (at []message.Position) {
	t.Helper()
	for i := range count {
		at = append(at, n.publish(t, on, fmt.Sprint(i+1), keep))
	}
	return at
}

func (n *node) since(t *testing.T, name string, of channel.Ref, from message.Position, limit int, complete bool, want ...string) {
	t.Helper()
	page, got, err := n.Since(t.Context(), of, from, limit)
	if err != nil || got != complete || !equal(payloads(page), want) {
		t.Errorf("%s: got %s, complete %v, %v; want %s, %v", name, payloads(page), got, err, want, complete)
	}
}

func (n *node) heads(t *testing.T, of ...channel.Ref) []message.Position {
	t.Helper()
	heads, err := n.Heads(t.Context(), of)
	if err != nil || len(heads) != len(of) {
		t.Fatalf("heads: got %v, %v; want %d", heads, err, len(of))
	}
	return heads
}
