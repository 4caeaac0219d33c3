package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// collectAt is how much garbage, as a percentage of what lives, is let pile up where GOGC does not say. A gateway holds very many small things that
	// live long and makes little garbage but in handshakes: half of Go's 100 costs no measurable CPU and spares 0.2 KiB a connection.
	collectAt = 50
	// collectFrom is how much garbage, in bytes, is let pile up at least. A small heap would be collected after a few large messages, many times a second, and everybody would wait for it.
	collectFrom = 16 << 20
)

// collect sets how much garbage is let pile up: now, and after each collection by what lives then.
func collect() {
	debug.SetGCPercent(collectAt)
	c := &collections{share: collectAt, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.await()
}

// collections are told of the end of each collection, by a finalizer: one at a time.
type collections struct {
	share int
	live  []metrics.Sample
}

// cycle lives until the end of one collection.
type cycle struct{ of *collections }

func (c *collections) await() { runtime.SetFinalizer(&cycle{c}, (*cycle).over) }

func (c *cycle) over() {
	metrics.Read(c.of.live)
	if share := shareOf(c.of.live[0].Value.Uint64()); share != c.of.share {
		c.of.share = share
		debug.SetGCPercent(share) // stops the world, for some microseconds
	}
	c.of.await()
}

// shareOf is how much garbage, as a percentage of so many bytes that live, may pile up. In tens: it shall not be another one after each collection.
func shareOf(live uint64) int {
	share := int(collectFrom * 100 / max(live, 1<<20))
	return max(collectAt, share-share%10)
}
