package brokertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/message"
)

func life(t *testing.T, open func(*testing.T) broker.Broker) {
	t.Run("before Run only interest works, and is remembered", func(t *testing.T) {
		b := open(t)
		for name, err := range calls(t.Context(), b) {
			if !errors.Is(err, broker.ErrUnavailable) {
				t.Errorf("%s before Run: got %v, want ErrUnavailable", name, err)
			}
		}
		if err := b.Interest(refs(room), nil); err != nil {
			t.Fatalf("interest before Run: %v", err)
		}
		n := start(t, b)
		n.publish(t, room, `"early bird"`, broker.Keep{})
		n.expect(t, room, `"early bird"`)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.early {
			t.Error("something came before Up")
		}
	})
	t.Run("everything serves whoever hears of Up", func(t *testing.T) {
		b := open(t)
		e := &eager{node: node{Broker: b}, tried: make(chan map[string]error)}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx, e) }()
		for name, err := range <-e.tried {
			if err != nil {
				t.Errorf("%s while Up is told: %v", name, err)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
		if e.early {
			t.Error("something came before Up")
		}
	})
	t.Run("Run is called once", func(t *testing.T) {
		n := start(t, open(t))
		if err := n.Run(t.Context(), n); err == nil {
			t.Error("a second Run returned nil, want an error")
		}
	})
	t.Run("the end of the context ends Run and closes the broker", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		watched := make(chan error)
		started := make(chan struct{})
		go func() {
			watched <- n.State().Watch(context.Background(), "", func(key string, _ []byte) { close(started) }, func() {})
		}()
		_ = n.State().Put(t.Context(), "k", nil, 0)
		<-started
		n.stop()
		if n.ended != nil {
			t.Errorf("Run returned %v, want nil", n.ended)
		}
		if err := <-watched; !errors.Is(err, broker.ErrClosed) {
			t.Errorf("Watch returned %v, want ErrClosed", err)
		}
		for name, err := range calls(context.Background(), n.Broker) {
			if !errors.Is(err, broker.ErrClosed) {
				t.Errorf("%s after Run: got %v, want ErrClosed", name, err)
			}
		}
		if err := n.Interest(refs(hall), nil); !errors.Is(err, broker.ErrClosed) {
			t.Errorf("interest after Run: got %v, want ErrClosed", err)
		}
	})
	t.Run("Run waits for the sink", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		n.mu.Lock() // the sink stands still
		published := make(chan struct{})
		go func() {
			defer close(published)
			_, _ = n.Publish(context.Background(), message.Message{Channel: room, Data: []byte(`1`)}, broker.Keep{})
		}()
		eventually(t, "the message is with the sink", func() bool { return n.entered.Load() > 0 })
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			n.stop()
		}()
		select {
		case <-stopped:
			t.Error("Run returned while a message was with the sink")
		case <-time.After(20 * time.Millisecond):
		}
		n.mu.Unlock()
		<-stopped
		<-published
	})
	t.Run("no call of the sink after Run", func(t *testing.T) {
		n := start(t, open(t))
		n.want(t, refs(room), nil)
		flood := make(chan struct{})
		go func() {
			defer close(flood)
			for {
				if _, err := n.Publish(context.Background(), message.Message{Channel: room, Data: []byte(`1`)}, broker.Keep{}); err != nil {
					return
				}
				if n.Control(context.Background(), broker.Command{Kind: "test"}) != nil {
					return
				}
			}
		}()
		eventually(t, "the flood arrives", func() bool { return len(n.heard(room)) > 10 })
		n.stop()
		heard, commands := len(n.heard(room)), n.obeyed()
		<-flood
		time.Sleep(10 * time.Millisecond)
		if more := len(n.heard(room)) - heard; more != 0 || n.obeyed() != commands {
			t.Errorf("got %d messages and %d commands after Run had returned, want none", more, n.obeyed()-commands)
		}
	})
}

// eager does everything as soon as it may, and takes its time to hear of it.
type eager struct {
	node
	tried chan map[string]error
}

func (e *eager) Up() {
	go func() { e.tried <- calls(context.Background(), e.Broker) }()
	time.Sleep(5 * time.Millisecond)
	e.node.Up()
}

func (n *node) obeyed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.commands)
}

// calls makes every call that needs the engine.
func calls(ctx context.Context, b broker.Broker) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	errs := make(map[string]error)
	_, errs["publish"] = b.Publish(ctx, message.Message{Channel: room, Data: []byte(`1`)}, broker.Keep{})
	_, errs["purge"] = b.Purge(ctx, room)
	_, _, errs["before"] = b.Before(ctx, room, message.Position{}, 1)
	_, errs["publish with history"] = b.Publish(ctx, message.Message{Channel: room, Data: []byte(`1`)}, broker.Keep{Messages: 1})
	_, _, errs["since"] = b.Since(ctx, room, message.Position{}, 1)
	_, errs["heads"] = b.Heads(ctx, refs(room))
	errs["control"] = b.Control(ctx, broker.Command{Kind: "test"})
	errs["put"] = b.State().Put(ctx, "k", nil, 0)
	_, _, errs["take"] = b.State().Take(ctx, "k")
	_, errs["add"] = b.State().Add(ctx, "k", nil, 0)
	watching, enough := context.WithCancel(ctx)
	defer enough()
	errs["watch"] = b.State().Watch(watching, "", func(string, []byte) {}, enough)
	return errs
}
