package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/brokertest"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

func TestContract(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(_ *testing.T, nodes int) []broker.Broker { return cluster(memory.New(), nodes) })
}

// cluster returns nodes of the engine that first belongs to.
func cluster(first *memory.Broker, nodes int) []broker.Broker {
	all := []broker.Broker{first}
	for range nodes - 1 {
		all = append(all, first.Node())
	}
	return all
}

// sink counts.
type sink struct {
	node     *memory.Broker
	messages atomic.Int64
	last     atomic.Pointer[message.Message]
}

func (s *sink) Message(m *message.Message) {
	s.messages.Add(1)
	s.last.Store(m)
}
func (s *sink) Gap(channel.Ref)        {}
func (s *sink) Command(broker.Command) {}
func (s *sink) Up()                    {}
func (s *sink) Down(error)             {}

// run starts an engine until the test ends.
func run(t testing.TB) (*memory.Broker, *sink) {
	t.Helper()
	b, s := memory.New(), new(sink)
	start(t, b, s)
	return b, s
}

// start runs a node until the test ends, and returns when it is up.
func start(t testing.TB, b *memory.Broker, s *sink) {
	t.Helper()
	s.node = b
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx, s)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	for {
		if _, err := b.Heads(ctx, nil); err == nil {
			return
		}
		runtime.Gosched()
	}
}

func on(name string) channel.Ref {
	return channel.Ref{Tenant: tenant.MustParse("acme"), Name: channel.MustParse(name)}
}

// There is no queue between a publisher and the hub: what was acknowledged has been delivered.
func TestAMessageHasArrivedWhenPublishReturns(t *testing.T) {
	b, s := run(t)
	_ = b.Interest([]channel.Ref{on("room:1")}, nil)
	for i, keep := range []broker.Keep{{}, {Messages: 1}} {
		if _, err := b.Publish(t.Context(), message.Message{Channel: on("room:1")}, keep); err != nil || s.messages.Load() != int64(i+1) {
			t.Errorf("got %d messages, %v; want %d", s.messages.Load(), err, i+1)
		}
	}
}

func TestAPublicationAllocatesTheMessageAlone(t *testing.T) {
	b, _ := run(t)
	heard, unheard := message.Message{Channel: on("room:1"), Data: []byte(`1`)}, message.Message{Channel: on("room:2"), Data: []byte(`1`)}
	_ = b.Interest([]channel.Ref{heard.Channel}, nil)
	for _, tt := range []struct {
		name string
		m    message.Message
		want float64
	}{{"heard", heard, 1}, {"not heard", unheard, 0}} {
		if got := testing.AllocsPerRun(1000, func() { _, _ = b.Publish(context.Background(), tt.m, broker.Keep{}) }); got != tt.want {
			t.Errorf("%s: got %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

// A client that invents names costs nothing that stays.
func TestInventedNamesLeaveNothingBehind(t *testing.T) {
	b, _ := run(t)
	names := func(from, to int) {
		for i := range to - from {
			ref := on(fmt.Sprintf("x:%d", from+i))
			_, _ = b.Publish(t.Context(), message.Message{Channel: ref}, broker.Keep{})
			_, _, _ = b.Since(t.Context(), ref, message.Position{}, 1)
			_, _ = b.Heads(t.Context(), []channel.Ref{ref})
		}
	}
	names(0, 1000)
	before := heap()
	names(1000, 50_000)
	if grown := int64(heap()) - int64(before); grown > 256<<10 {
		t.Errorf("the heap grew by %d bytes, want nothing", grown)
	}
	runtime.KeepAlive(b)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A history that grew old gives its memory back within two minutes, and its channel never gets an offset twice.
func TestAnOldHistoryIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		keep := broker.Keep{Messages: 10, Age: time.Minute}
		payload := func() []byte { return make([]byte, 1<<10) }
		first, err := b.Publish(t.Context(), message.Message{Channel: on("room:0"), Data: payload()}, keep)
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		for i := range 1000 {
			_, _ = b.Publish(t.Context(), message.Message{Channel: on(fmt.Sprintf("room:%d", i)), Data: payload()}, keep)
		}
		if grown := int64(heap()) - int64(before); grown < 1<<20 {
			t.Fatalf("1000 histories take %d bytes, want at least their payloads", grown)
		}
		time.Sleep(keep.Age + 2*time.Minute)
		if grown := int64(heap()) - int64(before); grown > 512<<10 {
			t.Errorf("the old histories still take %d bytes", grown)
		}
		if page, complete, err := b.Since(t.Context(), on("room:0"), first.Position, 9); len(page) != 0 || complete || err != nil {
			t.Errorf("got %d messages, complete %v, %v; want none and a gap", len(page), complete, err)
		}
		again, err := b.Publish(t.Context(), message.Message{Channel: on("room:0")}, keep)
		if err != nil || again.Position.Offset <= first.Position.Offset || again.Position.Epoch != first.Position.Epoch {
			t.Errorf("got %v, %v after %v; want a greater offset of the same epoch", again, err, first)
		}
		if _, complete, _ := b.Since(t.Context(), on("room:0"), first.Position, 9); complete {
			t.Error("the channel's new history hides what was forgotten")
		}
	})
}

func TestEntriesExpireToTheMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := run(t)
		ctx, cancel := context.WithCancel(t.Context())
		start, gone := time.Now(), make(map[string]time.Duration)
		go func() {
			_ = b.State().Watch(ctx, "", func(key string, value []byte) {
				if value == nil {
					gone[key] = time.Since(start)
				}
			}, func() {})
		}()
		want := map[string]time.Duration{"c": 3 * time.Second, "a": time.Second, "b": 2 * time.Second, "late": 3 * time.Hour}
		for key, ttl := range want {
			_ = b.State().Put(ctx, key, []byte(key), ttl)
		}
		time.Sleep(time.Second - 1)
		if _, ok, _ := b.State().Take(ctx, "a"); !ok {
			t.Error("a was gone before its time")
		}
		_ = b.State().Put(ctx, "a", nil, 1)
		time.Sleep(time.Nanosecond)
		if _, ok, _ := b.State().Take(ctx, "a"); ok {
			t.Error("a could be taken when its time was over")
		}
		time.Sleep(4 * time.Hour)
		cancel()
		synctest.Wait()
		for key, at := range want {
			if gone[key] != at {
				t.Errorf("%s: got told after %v, want %v", key, gone[key], at)
			}
		}
	})
}

// Two engines, or one before and after a restart, do not mistake each other's positions for their own.
func TestAnEpochIsAnEnginesOwn(t *testing.T) {
	one, _ := run(t)
	two, _ := run(t)
	keep := broker.Keep{Messages: 10}
	at, _ := one.Publish(t.Context(), message.Message{Channel: on("room:1")}, keep)
	_, _ = two.Publish(t.Context(), message.Message{Channel: on("room:1")}, keep)
	if _, complete, _ := two.Since(t.Context(), on("room:1"), at.Position, 9); complete || at.Position.Epoch == "" {
		t.Errorf("a position of epoch %q was another engine's too", at.Position.Epoch)
	}
}

// However many nodes hear a message, it is one.
func TestNodesShareTheMessage(t *testing.T) {
	b, one := run(t)
	two := new(sink)
	start(t, b.Node(), two)
	m := message.Message{Channel: on("room:1"), Data: []byte(`1`)}
	_ = b.Interest([]channel.Ref{m.Channel}, nil)
	_ = two.node.Interest([]channel.Ref{m.Channel}, nil)
	if got := testing.AllocsPerRun(1000, func() { _, _ = b.Publish(context.Background(), m, broker.Keep{}) }); got != 1 || one.last.Load() != two.last.Load() {
		t.Errorf("got %v allocations, the same message %v; want 1 and true", got, one.last.Load() == two.last.Load())
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, bb := range []struct {
		name  string
		keep  broker.Keep
		heard bool
	}{{"not heard", broker.Keep{}, false}, {"heard", broker.Keep{}, true}, {"history", broker.Keep{Messages: 100, Age: time.Minute}, true}} {
		b.Run(bb.name, func(b *testing.B) {
			engine, _ := run(b)
			m := message.Message{Channel: on("room:1"), Time: time.Now(), Data: []byte(`"Hello, Secure World!"`)}
			if bb.heard {
				_ = engine.Interest([]channel.Ref{m.Channel}, nil)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := engine.Publish(context.Background(), m, bb.keep); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("heard, one channel, all cores", func(b *testing.B) {
		engine, _ := run(b)
		m := message.Message{Channel: on("room:1"), Time: time.Now(), Data: []byte(`"Hello, Secure World!"`)}
		_ = engine.Interest([]channel.Ref{m.Channel}, nil)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = engine.Publish(context.Background(), m, broker.Keep{})
			}
		})
	})
}
