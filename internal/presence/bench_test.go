package presence_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"portcullis/internal/broker/memory"
	"portcullis/internal/message"
	"portcullis/internal/presence"
	"portcullis/internal/wire"
)

const many = 10_000

// crowded makes many members of a channel, and waits until the engine has them.
func crowded(b *testing.B) (n *node, seats []*presence.Seat) {
	b.Helper()
	engine := memory.New()
	store := &cut{Store: engine.State()}
	n = start(b, engine, store)
	for i := range many {
		seats = append(seats, n.Enter(room, message.Member{User: fmt.Sprint("user-", i), Connection: fmt.Sprintf("c_%016d", i), Info: `{"name":"Somebody"}`}, 2*many, func() {}))
	}
	for store.puts.Load() < many {
		time.Sleep(time.Millisecond)
	}
	return n, seats
}

// What one member costs a node, its part of the engine in memory counted too.
func BenchmarkMemoryOfAMember(b *testing.B) {
	for b.Loop() {
		before := heap()
		n, seats := crowded(b)
		n.mu.Lock()
		n.told = nil
		n.mu.Unlock()
		b.ReportMetric(float64(heap()-before)/many, "B/member")
		runtime.KeepAlive(seats)
		n.kill()
	}
	b.ReportMetric(0, "ns/op")
}

// What coming and going costs, with what the engine is told and the node hears of it.
func BenchmarkEnterAndLeave(b *testing.B) {
	engine := memory.New()
	n := start(b, engine, engine.State())
	b.ReportAllocs()
	for b.Loop() {
		n.Leave(n.enter(room, "ana", "c_1"))
	}
}

func BenchmarkAListOfAThousand(b *testing.B) {
	engine := memory.New()
	n := start(b, engine, engine.State())
	for i := range 1000 {
		n.enter(room, fmt.Sprint("user-", i), fmt.Sprintf("c_%016d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		n.Members(room, most, func(a wire.Attendance) { runtime.KeepAlive(a) })
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
