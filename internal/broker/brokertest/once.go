package brokertest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// once is about publications that are repeated.
func once(t *testing.T, open func(*testing.T) broker.Broker) {
	keep := broker.Keep{Messages: 10, ID: broker.ID{1}}
	other := broker.Keep{Messages: 10, ID: broker.ID{2}}
	t.Run("a repeated publication is the first", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		first := n.receipt(t, room, `"a"`, keep)
		n.publish(t, room, `"b"`, other)
		again := n.receipt(t, room, `"a"`, keep)
		if first.Duplicate || !again.Duplicate || again.Position != first.Position {
			t.Errorf("got %+v and %+v, want the same position, the second a duplicate", first, again)
		}
		n.publish(t, room, `"c"`, broker.Keep{Messages: 10})
		n.expect(t, room, `"a"`, `"b"`, `"c"`)
		n.since(t, "it is stored once", room, first.Position, 9, true, `"b"`, `"c"`)
	})
	t.Run("another message with the same id", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		n.publish(t, room, `"a"`, keep)
		for name, m := range map[string]message.Message{"other data": {Data: []byte(`"b"`)}, "the same bytes, that are no text": {Data: []byte(`"a"`), Binary: true}, "the same text, that is sealed": {Data: []byte(`"a"`), Sealed: true}} {
			m.Channel = room
			if r, err := n.Publish(t.Context(), m, keep); !errors.Is(err, broker.ErrConflict) || r != (broker.Receipt{}) {
				t.Errorf("%s: got %+v, %v; want ErrConflict", name, r, err)
			}
		}
		n.publish(t, room, `"c"`, other)
		n.expect(t, room, `"a"`, `"c"`)
	})
	t.Run("a sealed publication that is repeated", func(t *testing.T) {
		n := start(t, open(t))
		for _, want := range []bool{false, true} {
			if r, err := n.Publish(t.Context(), message.Message{Channel: room, Data: []byte(`"a"`), Sealed: true}, keep); err != nil || r.Duplicate != want {
				t.Errorf("got %+v, %v; want duplicate %v", r, err, want)
			}
		}
		for name, m := range map[string]message.Message{"not sealed": {Data: []byte(`"a"`)}, "bytes": {Data: []byte(`"a"`), Binary: true}} {
			m.Channel = room
			if r, err := n.Publish(t.Context(), m, keep); !errors.Is(err, broker.ErrConflict) {
				t.Errorf("%s: got %+v, %v; want ErrConflict", name, r, err)
			}
		}
	})
	t.Run("after a purge it is known still", func(t *testing.T) {
		n := start(t, open(t))
		first := n.receipt(t, room, `"a"`, keep)
		if _, err := n.Purge(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		if again := n.receipt(t, room, `"a"`, keep); !again.Duplicate || again.Position != first.Position {
			t.Errorf("got %+v, want a duplicate of %v", again, first.Position)
		}
	})
	t.Run("of any number at once one is published", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		var firsts atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if !n.receipt(t, room, `"a"`, keep).Duplicate {
					firsts.Add(1)
				}
			})
		}
		all.Wait()
		n.publish(t, room, `"b"`, other)
		n.expect(t, room, `"a"`, `"b"`)
		if firsts.Load() != 1 {
			t.Errorf("%d are told that theirs was the first, want 1", firsts.Load())
		}
	})
}
