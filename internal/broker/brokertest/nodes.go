package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

// nodes tests what several nodes of one engine have in common, and what each has for itself.
func nodes(t *testing.T, open func(t *testing.T, nodes int) []broker.Broker) {
	cluster := func(t *testing.T) []*node {
		all := open(t, 3)
		if len(all) != 3 {
			t.Fatalf("got %d nodes, want 3", len(all))
		}
		running := make([]*node, len(all))
		for i, b := range all {
			running[i] = start(t, b)
		}
		return running
	}
	t.Run("a command reaches every node, in the order given", func(t *testing.T) { commanded(t, cluster(t)) })
	t.Run("a message reaches every node that wants its channel", func(t *testing.T) {
		for name, keep := range map[string]broker.Keep{"without history": {}, "with history": {Messages: 100}} {
			t.Run(name, func(t *testing.T) { spread(t, cluster(t), keep) })
		}
	})
	t.Run("one history", func(t *testing.T) { sharedHistory(t, cluster(t)) })
	t.Run("one state", func(t *testing.T) { sharedState(t, cluster(t)) })
	t.Run("exactly one node takes, exactly one adds", func(t *testing.T) { contended(t, cluster(t)) })
	t.Run("the end of a node is not the end of the others", func(t *testing.T) { survived(t, cluster(t)) })
	t.Run("a node that is not running hears nothing", func(t *testing.T) {
		all := open(t, 2)
		n := start(t, all[0])
		if err := all[1].Interest(refs(room), nil); err != nil {
			t.Fatal(err)
		}
		n.publish(t, room, `"too early"`, broker.Keep{})
		if err := n.Control(t.Context(), broker.Command{Kind: "test.early"}); err != nil {
			t.Fatal(err)
		}
		late := start(t, all[1])
		n.publish(t, room, `"in time"`, broker.Keep{})
		late.expect(t, room, `"in time"`)
		late.stop()
		late.expect(t, room, `"in time"`)
		if late.obeyed() != 0 || late.early {
			t.Errorf("got %d commands, early %v; want none of what was before Up", late.obeyed(), late.early)
		}
	})
}

func commanded(t *testing.T, all []*node) {
	const each = 50
	var callers sync.WaitGroup
	for from, n := range all {
		callers.Go(func() {
			for i := range each {
				if err := n.Control(t.Context(), broker.Command{Kind: fmt.Sprint("test.", from), Data: fmt.Append(nil, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	for i, n := range all {
		eventually(t, fmt.Sprintf("all commands are with node %d", i), func() bool { return n.obeyed() >= each*len(all) })
	}
	for i, n := range all {
		n.stop()
		next := make(map[string]int)
		for _, c := range n.commands {
			if string(c.Data) != fmt.Sprint(next[c.Kind]) {
				t.Fatalf("node %d: got %s of %s, want %d", i, c.Data, c.Kind, next[c.Kind])
			}
			next[c.Kind]++
		}
		if len(n.commands) != each*len(all) || len(next) != len(all) {
			t.Errorf("node %d: got %d commands of %d nodes, want %d of %d", i, len(n.commands), len(next), each*len(all), len(all))
		}
	}
}

func spread(t *testing.T, all []*node, keep broker.Keep) {
	publisher, one, both := all[0], all[1], all[2]
	one.want(t, refs(room), nil)
	both.want(t, refs(room, hall), nil)
	var rooms, halls []string
	for i := range 100 {
		publisher.publish(t, room, fmt.Sprint(i), keep)
		rooms = append(rooms, fmt.Sprint(i))
	}
	for i := range 100 {
		publisher.publish(t, hall, fmt.Sprint(i), keep)
		halls = append(halls, fmt.Sprint(i))
	}
	one.expect(t, room, rooms...)
	both.expect(t, room, rooms...)
	both.expect(t, hall, halls...)
	one.want(t, nil, refs(room))
	publisher.want(t, refs(hall), refs(room)) // which it never wanted: the others still do
	publisher.publish(t, room, `"of one no more"`, keep)
	publisher.publish(t, hall, `"mine too"`, keep)
	both.expect(t, room, append(rooms, `"of one no more"`)...)
	both.expect(t, hall, append(halls, `"mine too"`)...)
	publisher.expect(t, hall, `"mine too"`)
	for _, n := range all {
		n.stop()
	}
	one.expect(t, room, rooms...)
	if got := len(one.heard(hall)) + len(publisher.heard(room)); got != 0 {
		t.Errorf("got %d messages of channels that the nodes do not want, want none", got)
	}
}

// sharedHistory has publishers on all nodes: there is one order, the same on every node and in the history.
func sharedHistory(t *testing.T, all []*node) {
	const each = 30
	keep := broker.Keep{Messages: 1000}
	var publishers sync.WaitGroup
	for _, n := range all {
		n.want(t, refs(room), nil)
	}
	before := all[0].heads(t, room)[0]
	for from, n := range all {
		publishers.Go(func() {
			for i := range each {
				if _, err := n.Publish(t.Context(), message.Message{Channel: room, Data: fmt.Appendf(nil, "[%d,%d]", from, i)}, keep); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishers.Wait()
	page, complete, err := all[1].Since(t.Context(), room, before, 1000)
	if err != nil || !complete || len(page) != each*len(all) {
		t.Fatalf("got %d messages, complete %v, %v; want %d", len(page), complete, err, each*len(all))
	}
	for i, n := range all {
		heard := n.expect(t, room, payloads(page)...)
		for k := range min(len(heard), len(page)) {
			if heard[k].Position != page[k].Position || heard[k].Previous != page[k].Previous {
				t.Fatalf("node %d, message %d: got %v behind %d, want %v behind %d", i, k,
					heard[k].Position, heard[k].Previous, page[k].Position, page[k].Previous)
			}
		}
		if head := n.heads(t, room)[0]; head != page[len(page)-1].Position {
			t.Errorf("node %d: got head %v, want %v", i, head, page[len(page)-1].Position)
		}
	}
}

func sharedState(t *testing.T, all []*node) {
	here, there := keys{all[0].State()}, keys{all[1].State()}
	here.put(t, "node/1", "before", 0)
	ctx, cancel := context.WithCancel(t.Context())
	seen := &view{values: make(map[string]string), removed: make(map[string]bool)}
	ended := make(chan error)
	go func() { ended <- there.Watch(ctx, "node/", seen.changed, func() {}) }()
	seen.expect(t, "node/1", "before", false)
	here.put(t, "node/2", "after", 0)
	seen.expect(t, "node/2", "after", false)
	if there.add(t, "node/2", "mine", 0) {
		t.Error("a key that another node put was added")
	}
	there.take(t, "node/2", "after")
	here.absent(t, "node/2")
	seen.expect(t, "node/2", "", true)
	here.put(t, "node/3", "short", 300*time.Millisecond)
	seen.expect(t, "node/3", "short", false)
	all[0].stop() // what it put is not its own
	seen.expect(t, "node/3", "", true)
	there.take(t, "node/1", "before")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch returned %v, want nil", err)
	}
}

func contended(t *testing.T, all []*node) {
	for i := range 20 {
		key := fmt.Sprint("ticket/", i)
		var adders, takers atomic.Int32
		var calls sync.WaitGroup
		for _, n := range all {
			s := keys{n.State()}
			for range 15 {
				calls.Go(func() {
					if s.add(t, key, "ana", time.Minute) {
						adders.Add(1)
					}
				})
			}
		}
		calls.Wait()
		for _, n := range all {
			for range 15 {
				calls.Go(func() {
					if _, ok, err := n.State().Take(t.Context(), key); ok || err != nil {
						takers.Add(1)
					}
				})
			}
		}
		calls.Wait()
		if adders.Load() != 1 || takers.Load() != 1 {
			t.Fatalf("%d added it and %d took it, want 1 and 1", adders.Load(), takers.Load())
		}
	}
}

func survived(t *testing.T, all []*node) {
	gone, stays := all[0], all[1]
	for _, n := range all {
		n.want(t, refs(room), nil)
	}
	at := gone.publish(t, room, "1", broker.Keep{Messages: 10})
	keys{gone.State()}.put(t, "node/1", "stays", 0)
	gone.stop()
	if _, err := gone.Publish(context.Background(), message.Message{Channel: room}, broker.Keep{}); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("publish on a node that ended: got %v, want ErrClosed", err)
	}
	stays.publish(t, room, "2", broker.Keep{Messages: 10})
	stays.expect(t, room, "1", "2")
	all[2].expect(t, room, "1", "2")
	stays.since(t, "what the node published that ended", room, at, 9, true, "2")
	keys{stays.State()}.take(t, "node/1", "stays")
	if err := stays.Control(t.Context(), broker.Command{Kind: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command is with both", func() bool { return stays.obeyed() == 1 && all[2].obeyed() == 1 })
	if got := len(gone.heard(room)); got != 1 || gone.obeyed() != 0 {
		t.Errorf("the node that ended heard %d messages and %d commands, want 1 and 0", got, gone.obeyed())
	}
}
