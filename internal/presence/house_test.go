package presence_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/presence"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

var (
	room  = channel.Ref{Tenant: tenant.MustParse("acme"), Name: channel.MustParse("room:1")}
	other = channel.Ref{Tenant: tenant.MustParse("globex"), Name: channel.MustParse("room:1")}
)

const most = 1000

// node is one gateway's presence, on an engine that it may share.
type node struct {
	*presence.Presence
	t    testing.TB
	kill func() // as a power cut does
	log  *bytes.Buffer

	entered, left atomic.Int64

	mu   sync.Mutex
	told []string
}

func (n *node) count(change int) {
	if change > 0 {
		n.entered.Add(int64(change))
	} else {
		n.left.Add(-int64(change))
	}
}

// deaf is a sink that hears nothing.
type deaf struct{ up chan struct{} }

func (deaf) Message(*message.Message) {}
func (deaf) Gap(channel.Ref)          {}
func (deaf) Command(broker.Command)   {}
func (d deaf) Up()                    { close(d.up) }
func (deaf) Down(error)               {}

// start starts a node on an engine. It ends with the test, or when it is killed.
func start(t testing.TB, engine *memory.Broker, store presence.Store) *node {
	t.Helper()
	n := &node{t: t, log: new(bytes.Buffer)}
	n.Presence = presence.New(store, n.tell, n.count, slog.New(slog.NewTextHandler(n.log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	up, current := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		if err := engine.Run(ctx, deaf{up}); err != nil {
			t.Error(err)
		}
	})
	<-up
	all.Go(func() {
		if err := n.Run(ctx, func() { close(current) }); err != nil {
			t.Error(err)
		}
	})
	<-current
	n.kill = func() { cancel(); all.Wait() }
	t.Cleanup(n.kill)
	return n
}

func alone(t testing.TB) *node {
	t.Helper()
	engine := memory.New()
	return start(t, engine, engine.State())
}

// pair is two nodes of one engine.
func pair(t testing.TB) (a, b *node) {
	t.Helper()
	engine := memory.New()
	second := engine.Node()
	return start(t, engine, engine.State()), start(t, second, second.State())
}

func (n *node) tell(ref channel.Ref, w *wire.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := fmt.Sprintf("%s %s %s", ref.Tenant, w.Kind, w.Channel)
	if w.Member != nil {
		text += fmt.Sprintf(" %s/%s%s", w.Member.User, w.Member.Connection, w.Member.Info)
	} else {
		text += fmt.Sprintf(" %d %v", w.Count, w.Told)
	}
	n.told = append(n.told, text)
}

// hears compares what was told since the last time.
func (n *node) hears(want ...string) {
	n.t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.told, want) {
		n.t.Errorf("told %q, want %q", n.told, want)
	}
	n.told = nil
}

func (n *node) enter(ref channel.Ref, user, connection string) *presence.Seat {
	return n.Enter(ref, message.Member{User: user, Connection: connection}, most, func() {})
}

// lists compares who is on a channel.
func (n *node) lists(ref channel.Ref, want ...string) {
	n.t.Helper()
	synctest.Wait()
	got := []string{}
	if !n.Members(ref, most, func(l wire.Attendance) {
		for _, m := range l.Members {
			got = append(got, m.User+"/"+m.Connection+m.Info)
		}
		if l.Count != len(got) {
			n.t.Errorf("the count is %d of %d members", l.Count, len(got))
		}
	}) {
		n.t.Error("it does not know who is there")
	}
	slices.Sort(got)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		n.t.Errorf("%s has %q, want %q", ref.Name, got, want)
	}
}
