// Package brokertest holds the contract of an engine as a test: whatever passes it can carry the gateway's messages.
package brokertest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

// patience is how long an engine may take for what it must do.
const patience = 10 * time.Second

var (
	acme  = tenant.MustParse("acme")
	globe = tenant.MustParse("globe")
	room  = ref(acme, "room:1")
	hall  = ref(acme, "hall:1")
)

// Run tests the engine that open makes. Each call of open gives an engine of its own, with nothing in it, as that many nodes see it: each has its own end of
// the engine, which no other node has. What it needs beside that, it cleans up by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T, nodes int) []broker.Broker) {
	one := func(t *testing.T) broker.Broker { return open(t, 1)[0] }
	tests := map[string]func(*testing.T){
		"life":     func(t *testing.T) { life(t, one) },
		"delivery": func(t *testing.T) { delivery(t, one) },
		"history":  func(t *testing.T) { history(t, one) },
		"purge":    func(t *testing.T) { purge(t, one) },
		"once":     func(t *testing.T) { once(t, one) },
		"control":  func(t *testing.T) { control(t, one) },
		"state":    func(t *testing.T) { state(t, one) },
		"nodes":    func(t *testing.T) { nodes(t, open) },
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of them wait for what they keep to run out
			test(t)
		})
	}
}

// node is a gateway as the engine sees it: a sink that remembers.
type node struct {
	broker.Broker
	stop  func() // ends Run and returns when it has
	runs  chan struct{}
	ended error // what Run returned

	entered atomic.Int64 // calls of Message that began

	mu       sync.Mutex
	up       bool
	early    bool // something came before Up
	messages []message.Message
	commands []broker.Command
}

func (n *node) Up() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up = true
}

func (n *node) Down(error) {}

func (n *node) Gap(channel.Ref) { n.hear(func() {}) }

// Message lets others go first: where an engine does not keep the order, it shows.
func (n *node) Message(m *message.Message) {
	n.entered.Add(1)
	runtime.Gosched()
	n.hear(func() { n.messages = append(n.messages, *m) })
}

func (n *node) Command(c broker.Command) { n.hear(func() { n.commands = append(n.commands, c) }) }

func (n *node) hear(note func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.early = n.early || !n.up
	note()
}

// start runs an engine until the test ends, and returns when it is reached.
func start(t *testing.T, b broker.Broker) *node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{Broker: b, runs: make(chan struct{})}
	n.stop = func() {
		cancel()
		<-n.runs
	}
	go func() {
		defer close(n.runs)
		n.ended = b.Run(ctx, n)
	}()
	t.Cleanup(n.stop)
	eventually(t, "the engine is up", func() bool {
		_, err := b.Heads(ctx, nil)
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.up && err == nil
	})
	return n
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v not yet: %s", patience, what)
		}
	}
}

// heard returns the messages of a channel so far.
func (n *node) heard(of channel.Ref) (all []message.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.messages {
		if m.Channel == of {
			all = append(all, m)
		}
	}
	return all
}

// expect waits for the payloads of a channel, all of them in this order, and none beside them.
func (n *node) expect(t *testing.T, of channel.Ref, want ...string) []message.Message {
	t.Helper()
	var got []message.Message
	eventually(t, fmt.Sprintf("%d messages on %s of %s", len(want), of.Name, of.Tenant), func() bool {
		got = n.heard(of)
		return len(got) >= len(want)
	})
	if !equal(payloads(got), want) {
		t.Errorf("%s of %s: got %s, want %s", of.Name, of.Tenant, payloads(got), want)
	}
	return got
}

func (n *node) publish(t *testing.T, on channel.Ref, data string, keep broker.Keep) message.Position {
	t.Helper()
	return n.receipt(t, on, data, keep).Position
}

func (n *node) receipt(t *testing.T, on channel.Ref, data string, keep broker.Keep) broker.Receipt {
	t.Helper()
	receipt, err := n.Publish(t.Context(), message.Message{Channel: on, Time: time.Now(), Data: []byte(data)}, keep)
	if err != nil {
		t.Fatalf("publish %s on %s: %v", data, on.Name, err)
	}
	return receipt
}

func (n *node) want(t *testing.T, add, remove []channel.Ref) {
	t.Helper()
	if err := n.Interest(add, remove); err != nil {
		t.Fatalf("interest: %v", err)
	}
}

func ref(id tenant.ID, name string) channel.Ref {
	return channel.Ref{Tenant: id, Name: channel.MustParse(name)}
}

func refs(all ...channel.Ref) []channel.Ref { return all }

func payloads(all []message.Message) []string {
	texts := make([]string, len(all))
	for i, m := range all {
		texts[i] = string(m.Data)
	}
	return texts
}

func equal(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}
