package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// At least 16 MiB of garbage may pile up, and half of what lives.
func TestHowMuchGarbageMayPileUp(t *testing.T) {
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 1600}, {1 << 20, 1600}, {3 << 20, 530}, {8 << 20, 200}, {32 << 20, 50}, {33 << 20, 50}, {4 << 30, 50},
	} {
		if got := shareOf(tt.live); got != tt.want {
			t.Errorf("of %d bytes that live: got %d %%, want %d", tt.live, got, tt.want)
		}
	}
}

// After each collection it is set anew by what lives then.
func TestGarbageIsCollectedByWhatLives(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	collect()
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	comesTo := func(fits func(uint64) bool) {
		t.Helper()
		for range 500 {
			runtime.GC()
			if metrics.Read(percent); fits(percent[0].Value.Uint64()) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("garbage is collected at %d %%", percent[0].Value.Uint64())
	}
	comesTo(func(percent uint64) bool { return percent > collectAt })
	large := make([]byte, 4*collectFrom)
	comesTo(func(percent uint64) bool { return percent == collectAt })
	runtime.KeepAlive(large)
	comesTo(func(percent uint64) bool { return percent > collectAt })
}
