package limit_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/limit"
)

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("192.0.2.2")
)

func TestABruteForcerRunsOutOfAttempts(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 60})
	for i := range 60 {
		if _, ok := a.Allowed(noon, here); !ok {
			t.Fatalf("attempt %d: not allowed, want 60 at once", i)
		}
		if spent := a.Failed(noon, here); spent != (i == 59) {
			t.Errorf("failure %d: spent is %v", i, spent)
		}
	}
	if retry, ok := a.Allowed(noon, here); ok || retry != time.Second {
		t.Errorf("after 60: got %v, %v; want to wait a second", retry, ok)
	}
	if _, ok := a.Allowed(noon, there); !ok {
		t.Error("another address has to wait too")
	}
	if _, ok := a.Allowed(noon.Add(time.Second-1), here); ok {
		t.Error("allowed before a second was over")
	}
	if _, ok := a.Allowed(noon.Add(time.Second), here); !ok {
		t.Error("a second later: still not allowed")
	}
	if !a.Failed(noon.Add(time.Second), here) {
		t.Error("the last one that it has again: not told")
	}
	// Attempts that came all the same do not make the wait endless.
	for range 1000 {
		if a.Failed(noon.Add(time.Second), here) {
			t.Error("told again that it ran out")
		}
	}
	if _, ok := a.Allowed(noon.Add(61*time.Second), here); !ok {
		t.Error("a minute later: not allowed")
	}
}

func TestASuccessTellsOfTheFailuresBefore(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 60})
	for range 3 {
		a.Failed(noon, here)
	}
	if got := a.Succeeded(here); got != 3 {
		t.Errorf("got %d failures, want 3", got)
	}
	if got := a.Succeeded(here); got != 0 {
		t.Errorf("the second time: got %d, want none", got)
	}
	for range 57 {
		a.Failed(noon, here)
	}
	if _, ok := a.Allowed(noon, here); ok {
		t.Error("a success gave attempts back: somebody with one good token could try for ever")
	}
}

func TestRequestsOfAnAddress(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 50})
	for i := range 100 {
		if _, ok := a.Request(noon, here); !ok {
			t.Fatalf("request %d: refused, want a burst of 100", i)
		}
	}
	if retry, ok := a.Request(noon, here); ok || retry != 20*time.Millisecond {
		t.Errorf("got %v, %v; want to wait 20ms", retry, ok)
	}
	if _, ok := a.Request(noon.Add(20*time.Millisecond), here); !ok {
		t.Error("20 ms later: refused")
	}
	if _, ok := a.Request(noon.Add(20*time.Millisecond), here); ok {
		t.Error("a second one 20 ms later: allowed")
	}
}

// Whoever has a /64 has 2^64 addresses, and counts once.
func TestASubnetCountsOnce(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 2})
	a.Failed(noon, netip.MustParseAddr("2001:db8:0:1::1"))
	a.Failed(noon, netip.MustParseAddr("2001:db8:0:1:ffff::2"))
	if _, ok := a.Allowed(noon, netip.MustParseAddr("2001:db8:0:1::3")); ok {
		t.Error("a third address of the same /64 is allowed")
	}
	if _, ok := a.Allowed(noon, netip.MustParseAddr("2001:db8:0:2::3")); !ok {
		t.Error("another /64 is not")
	}
	a.Failed(noon, netip.MustParseAddr("::ffff:192.0.2.1"))
	a.Failed(noon, here)
	if _, ok := a.Allowed(noon, here); ok {
		t.Error("an IPv4 address counts twice, as itself and in IPv6")
	}
}

// A million addresses take no more memory than they may, and an address that goes on is not forgotten for them.
func TestAMillionAddresses(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 10, RequestsPerSecond: 50})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 10 {
		a.Failed(noon, here)
	}
	for i := range 1_000_000 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i)+10<<24)
		a.Request(noon, netip.AddrFrom4(b))
		if i%10_000 == 0 {
			if _, ok := a.Allowed(noon, here); ok {
				t.Fatalf("after %d others an address that is limited was forgotten", i)
			}
			a.Failed(noon, here)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 24<<20 {
		t.Errorf("they use %d KiB, want at most 24 MiB", used>>10)
	}
	runtime.KeepAlive(a)
}

func TestUnlimitedAddresses(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{})
	for range 10_000 {
		if _, ok := a.Request(noon, here); !ok {
			t.Fatal("a request is refused")
		}
		if a.Failed(noon, here) {
			t.Fatal("attempts ran out")
		}
		if _, ok := a.Allowed(noon, here); !ok {
			t.Fatal("an attempt is refused")
		}
	}
	limited := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 1, FailuresPerMinute: 1})
	for range 10 { // a listener that has no addresses
		limited.Failed(noon, netip.Addr{})
		if _, ok := limited.Allowed(noon, netip.Addr{}); !ok {
			t.Fatal("an address that is none is limited")
		}
	}
}

func TestAttemptsRunOutOnce(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 100})
	var spent atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if a.Failed(noon, here) {
					spent.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := spent.Load(); got != 1 {
		t.Errorf("told %d times, want once", got)
	}
}

func BenchmarkAddresses(b *testing.B) {
	a := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 1_000_000, FailuresPerMinute: 60})
	b.ReportAllocs()
	now := time.Now()
	for b.Loop() {
		a.Request(now, here)
		a.Allowed(now, here)
		now = now.Add(time.Millisecond)
	}
}
