package brokertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
)

func delivery(t *testing.T, open func(*testing.T) broker.Broker) {
	t.Run("each channel in the order of its publications", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room, hall), nil)
		var want []string
		for i := range 300 {
			data := fmt.Sprint(i)
			n.publish(t, room, data, broker.Keep{})
			n.publish(t, hall, data, broker.Keep{})
			want = append(want, data)
		}
		n.expect(t, room, want...)
		n.expect(t, hall, want...)
	})
	t.Run("concurrent publishers each in their order, nothing lost, nothing twice", func(t *testing.T) {
		for name, keep := range map[string]broker.Keep{"without history": {}, "with history": {Messages: 10}} {
			t.Run(name, func(t *testing.T) { concurrent(t, start(t, open(t)), keep) })
		}
	})
	t.Run("the same name in two tenants is two channels", func(t *testing.T) {
		n := start(t, open(t))
		ours, theirs := ref(acme, "room:1"), ref(globe, "room:1")
		n.want(t, refs(ours), nil)
		n.publish(t, theirs, `"theirs, unheard"`, broker.Keep{})
		n.publish(t, ours, `"ours"`, broker.Keep{})
		n.expect(t, ours, `"ours"`)
		n.want(t, refs(theirs), refs(ours))
		n.publish(t, ours, `"ours, unheard"`, broker.Keep{})
		n.publish(t, theirs, `"theirs"`, broker.Keep{})
		n.expect(t, theirs, `"theirs"`)
		n.stop()
		n.expect(t, ours, `"ours"`)
		n.expect(t, theirs, `"theirs"`)
	})
	t.Run("names that look alike are different channels", func(t *testing.T) {
		n := start(t, open(t))
		alike := refs(ref(acme, "a"), ref(acme, "a:b"), ref(acme, "a:b:c"), ref(acme, "A"), ref(acme, "a.b"), ref(acme, "acme:a"), ref(acme, "a%2A"),
			ref(acme, "a%20b"), ref(acme, strings.Repeat("z", 128)), ref(acme, strings.Repeat("z", 127)))
		for i := range alike {
			n.want(t, alike[i:i+1], alike)
			for _, other := range alike {
				n.publish(t, other, fmt.Sprintf("%q", other.Name.String()), broker.Keep{})
			}
			n.expect(t, alike[i], fmt.Sprintf("%q", alike[i].Name.String()))
		}
		n.stop()
		for _, each := range alike {
			n.expect(t, each, fmt.Sprintf("%q", each.Name.String()))
		}
	})
	t.Run("interest", func(t *testing.T) { interest(t, start(t, open(t))) })
	t.Run("a message arrives as it was", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		for name, keep := range map[string]broker.Keep{"without history": {}, "with history": {Messages: 10}} {
			whole(t, n, name, keep)
		}
	})
}

func concurrent(t *testing.T, n *node, keep broker.Keep) {
	const publishers, each = 8, 50
	n.want(t, refs(room), nil)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				_, err := n.Publish(t.Context(), message.Message{Channel: room, From: message.Sender{User: fmt.Sprint(p)}, Data: fmt.Append(nil, i)}, keep)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "all messages", func() bool { return len(n.heard(room)) >= publishers*each })
	n.stop()
	next := make(map[string]int)
	var last message.Position
	for _, m := range n.heard(room) {
		if got, want := string(m.Data), fmt.Sprint(next[m.From.User]); got != want {
			t.Fatalf("publisher %s: got %s, want %s", m.From.User, got, want)
		}
		next[m.From.User]++
		if keep.Messages > 0 && (m.Position.Offset <= last.Offset || m.Previous != last.Offset) {
			t.Fatalf("got offset %d with previous %d behind offset %d", m.Position.Offset, m.Previous, last.Offset)
		}
		last = m.Position
	}
	if len(next) != publishers {
		t.Errorf("heard %d publishers, want %d", len(next), publishers)
	}
}

func interest(t *testing.T, n *node) {
	step := func(name string, add, remove []channel.Ref, heard bool) {
		t.Helper()
		n.want(t, add, remove)
		before := len(n.heard(room))
		data := fmt.Sprintf("%q", name)
		n.publish(t, room, data, broker.Keep{})
		// An engine that needs time gets it by a message on a channel that is heard for certain.
		n.want(t, refs(hall), nil)
		n.publish(t, hall, data, broker.Keep{})
		eventually(t, name, func() bool {
			all := n.heard(hall)
			return len(all) > 0 && string(all[len(all)-1].Data) == data && (!heard || len(n.heard(room)) > before)
		})
		if got := len(n.heard(room)) - before; (got == 1) != heard || got > 1 {
			t.Errorf("%s: got %d messages, want heard %v", name, got, heard)
		}
	}
	step("nobody asked", nil, nil, false)
	step("added", refs(room), nil, true)
	step("unchanged", nil, nil, true)
	step("added again", refs(room), nil, true)
	step("in both lists", refs(room), refs(room), true)
	step("another removed", nil, refs(ref(acme, "room:2"), ref(globe, "room:1")), true)
	step("removed", nil, refs(room), false)
	step("removed again", nil, refs(room), false)
	step("in both lists, not there before", refs(room), refs(room), true)
	step("removed with others", nil, refs(ref(acme, "room:2"), room, hall), false)
}

func whole(t *testing.T, n *node, name string, keep broker.Keep) {
	for i, data := range []string{`{"text":"hi <b> \u2028 ☃ \ud83d\ude00"}`, `""`, ` [ 1 , 2 ] `, `"` + strings.Repeat("x", 64<<10) + `"`} {
		sent := message.Message{
			Channel: room, Data: []byte(data), Time: time.Now(),
			From: message.Sender{User: "partner|ana", Connection: fmt.Sprint(name, i)},
		}
		if _, err := n.Publish(t.Context(), sent, keep); err != nil {
			t.Fatal(err)
		}
		var got message.Message
		eventually(t, "the message", func() bool {
			all := n.heard(room)
			if len(all) > 0 {
				got = all[len(all)-1]
			}
			return got.From == sent.From
		})
		if string(got.Data) != data || got.Channel != room || got.Time.UnixMilli() != sent.Time.UnixMilli() {
			t.Errorf("%s: got %.40s on %s at %v, want %.40s on %s at %v", name, got.Data, got.Channel.Name, got.Time, data, room.Name, sent.Time)
		}
		if none := (message.Position{}); keep.Messages == 0 && (got.Position != none || got.Previous != 0) {
			t.Errorf("%s: got position %v and previous %d, want none", name, got.Position, got.Previous)
		}
	}
}
