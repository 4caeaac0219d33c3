package limit_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
)

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("192.0.2.2")
)

func allowed(a *limit.Addresses, addr netip.Addr) bool {
	_, ok := a.Allowed(time.Now(), addr)
	return ok
}

func requested(a *limit.Addresses, addr netip.Addr) bool {
	_, ok := a.Request(time.Now(), addr)
	return ok
}

func TestABruteForcerRunsOutOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 60})
		for i := range 60 {
			if !allowed(a, here) {
				t.Fatalf("attempt %d: not allowed, want 60 at once", i)
			}
			if spent := a.Failed(time.Now(), here); spent != (i == 59) {
				t.Errorf("failure %d: spent is %v", i, spent)
			}
		}
		if retry, ok := a.Allowed(time.Now(), here); ok || retry != time.Second {
			t.Errorf("after 60: got %v, %v; want to wait a second", retry, ok)
		}
		if !allowed(a, there) {
			t.Error("another address has to wait too")
		}
		time.Sleep(time.Second - 1)
		if retry, ok := a.Allowed(time.Now(), here); ok || retry != 1 {
			t.Errorf("before a second was over: got %v, %v; want to wait 1ns", retry, ok)
		}
		time.Sleep(time.Nanosecond)
		if !allowed(a, here) {
			t.Error("a second later: still not allowed")
		}
		if !a.Failed(time.Now(), here) {
			t.Error("the last one that it has again: not told")
		}
		// Attempts that came all the same do not make the wait endless.
		for range 1000 {
			if a.Failed(time.Now(), here) {
				t.Error("told again that it ran out")
			}
		}
		time.Sleep(time.Minute)
		for i := range 60 {
			if !allowed(a, here) {
				t.Fatalf("a minute later attempt %d is not allowed, want all 60 again", i)
			}
			a.Failed(time.Now(), here)
		}
		if allowed(a, here) {
			t.Error("a minute later 61 are allowed")
		}
	})
}

func TestASuccessTellsOfTheFailuresBefore(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 60})
	now := time.Now()
	for range 3 {
		a.Failed(now, here)
	}
	if got := a.Succeeded(here); got != 3 {
		t.Errorf("got %d failures, want 3", got)
	}
	if got := a.Succeeded(here); got != 0 {
		t.Errorf("the second time: got %d, want none", got)
	}
	for range 57 {
		a.Failed(now, here)
	}
	if _, ok := a.Allowed(now, here); ok {
		t.Error("a success gave attempts back: somebody with one good token could try for ever")
	}
}

func TestRequestsOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 50})
		for i := range 100 {
			if !requested(a, here) {
				t.Fatalf("request %d: refused, want a burst of 100", i)
			}
		}
		for range 1000 { // a refusal costs nothing
			if retry, ok := a.Request(time.Now(), here); ok || retry != 20*time.Millisecond {
				t.Fatalf("got %v, %v; want to wait 20ms", retry, ok)
			}
		}
		time.Sleep(20 * time.Millisecond)
		if !requested(a, here) {
			t.Error("20 ms later: refused")
		}
		if requested(a, here) {
			t.Error("a second one 20 ms later: allowed")
		}
	})
}

// Whoever has a /64 has 2^64 addresses, and counts once.
func TestASubnetCountsOnce(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 2})
	now := time.Now()
	a.Failed(now, netip.MustParseAddr("2001:db8:0:1::1"))
	a.Failed(now, netip.MustParseAddr("2001:db8:0:1:ffff::2"))
	if _, ok := a.Allowed(now, netip.MustParseAddr("2001:db8:0:1::3%eth0")); ok {
		t.Error("a third address of the same /64 is allowed")
	}
	if _, ok := a.Allowed(now, netip.MustParseAddr("2001:db8:0:2::3")); !ok {
		t.Error("another /64 is not")
	}
	a.Failed(now, netip.MustParseAddr("::ffff:192.0.2.1"))
	a.Failed(now, here)
	if _, ok := a.Allowed(now, here); ok {
		t.Error("an IPv4 address counts twice, as itself and in IPv6")
	}
}

// numbered are a million addresses.
func numbered(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i)+10<<24)
	return netip.AddrFrom4(b)
}

// A million addresses take no more memory than they may.
func TestAMillionAddresses(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 10, RequestsPerSecond: 50})
	for i := range 1_000_000 {
		a.Request(time.Now(), numbered(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 10<<20 {
		t.Errorf("they use %d KiB, want at most 10 MiB", used>>10)
	}
	runtime.KeepAlive(a)
}

// A botnet does not wash anybody clean: neither one that goes on, nor one that waits meanwhile.
func TestAFloodOfAddressesIsNoPardon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 10, RequestsPerSecond: 50})
		for range 10 {
			a.Failed(time.Now(), here)
			a.Failed(time.Now(), there)
		}
		for i := range 300_000 {
			a.Request(time.Now(), numbered(i))
			a.Failed(time.Now(), numbered(i))
			if i%10_000 == 0 && allowed(a, there) {
				t.Fatalf("after %d others an address that goes on was forgotten", i)
			}
		}
		if allowed(a, here) {
			t.Error("an address that waited was forgotten")
		}
		time.Sleep(6 * time.Second)
		if !allowed(a, here) {
			t.Error("its wait does not end")
		}
	})
}

func TestUnlimitedAddresses(t *testing.T) {
	a, now := limit.NewAddresses(limit.AddressLimits{}), time.Now()
	for range 10_000 {
		if _, ok := a.Request(now, here); !ok {
			t.Fatal("a request is refused")
		}
		if a.Failed(now, here) {
			t.Fatal("attempts ran out")
		}
		if _, ok := a.Allowed(now, here); !ok {
			t.Fatal("an attempt is refused")
		}
	}
	if got := a.Succeeded(here); got != 10_000 {
		t.Errorf("got %d failures before the success, want 10000: they are told without a limit too", got)
	}
}

// Many clients come from the address of a proxy, when it does not tell theirs.
func TestAddressesThatAreNobodys(t *testing.T) {
	a := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 1, FailuresPerMinute: 1, Exempt: func(a netip.Addr) bool { return a == there }})
	for _, addr := range []netip.Addr{{}, there, netip.MustParseAddr("::ffff:192.0.2.2")} {
		for range 10 {
			a.Failed(time.Now(), addr)
			if !allowed(a, addr) || !requested(a, addr) {
				t.Fatalf("%v is limited", addr)
			}
		}
		if got := a.Succeeded(addr); got != 0 {
			t.Errorf("%v: got %d failures before the success, want none of those that are not its own", addr, got)
		}
	}
	a.Failed(time.Now(), here)
	if allowed(a, here) {
		t.Error("an address that is not exempt is not limited")
	}
}

func TestAttemptsRunOutOnce(t *testing.T) {
	a, now := limit.NewAddresses(limit.AddressLimits{FailuresPerMinute: 100}), time.Now()
	var spent atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if a.Failed(now, here) {
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

func TestWhatARequestIsAskedAllocatesNothing(t *testing.T) {
	a, now := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 50, FailuresPerMinute: 60}), time.Now()
	a.Failed(now, here)
	if got := testing.AllocsPerRun(1000, func() {
		a.Request(now, here)
		a.Allowed(now, here)
		a.Failed(now, here)
		a.Succeeded(here)
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func BenchmarkAddresses(b *testing.B) {
	a := limit.NewAddresses(limit.AddressLimits{RequestsPerSecond: 1_000_000, FailuresPerMinute: 60})
	now := time.Now()
	b.Run("Request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Request(now, here)
			now = now.Add(time.Millisecond)
		}
	})
	b.Run("Allowed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Allowed(now, here)
		}
	})
	b.Run("FailedByAFlood", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			a.Failed(now, numbered(i))
			i++
		}
	})
}
