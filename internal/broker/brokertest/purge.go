package brokertest

import (
	"testing"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

func purge(t *testing.T, open func(*testing.T) broker.Broker) {
	keep := broker.Keep{Messages: 10}
	t.Run("forgets, and counts on", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		at, other := n.fill(t, room, 3, keep), n.fill(t, hall, 1, keep)
		behind, err := n.Purge(t.Context(), room)
		if err != nil || behind.Epoch != at[2].Epoch || behind.Offset < at[2].Offset {
			t.Fatalf("got %v, %v; want a position of the same epoch that is not before %v", behind, err, at[2])
		}
		n.since(t, "nothing is left", room, message.Position{}, 9, false)
		n.since(t, "who has everything misses nothing", room, at[2], 9, true)
		n.since(t, "who had not misses something", room, at[1], 9, false)
		n.since(t, "another channel", hall, message.Position{}, 9, false, "1")
		next := n.publish(t, room, "4", keep)
		if next.Offset <= behind.Offset || next.Epoch != behind.Epoch {
			t.Errorf("the next message has %v, want more than %v", next, behind)
		}
		n.since(t, "from behind the purge", room, behind, 9, true, "4")
		n.since(t, "from before it", room, at[1], 9, false, "4")
		if got := n.expect(t, room, "1", "2", "3", "4")[3]; got.Previous != 0 {
			t.Errorf("got previous %d, want 0: nothing before is stored", got.Previous)
		}
		n.since(t, "the other channel is as it was", hall, other[0], 9, true)
	})
	t.Run("a channel that keeps nothing", func(t *testing.T) {
		n := start(t, open(t))
		behind, err := n.Purge(t.Context(), room)
		if err != nil || behind.Epoch == "" {
			t.Errorf("got %v, %v; want a position", behind, err)
		}
		n.since(t, "from behind it", room, behind, 9, true)
	})
}
