package limit

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// AddressLimits are what clients of one address may do before they have shown who they are. They count on this node alone. [Unlimited] is a value of each.
type AddressLimits struct {
	RequestsPerSecond int // with a burst of twice itself
	FailuresPerMinute int // attempts with a credential that was not believed; all of them may come at once
	// Exempt addresses are not limited: those of proxies, which stand for many clients. nil for none.
	Exempt func(netip.Addr) bool
}

// Addresses counts what comes from where. An IPv6 address counts by its /64, which is what one customer has. It knows about [maxAddresses] of them; of more, those that
// were silent longest are forgotten, and last those whose attempts have run out. It is safe for concurrent use.
type Addresses struct {
	// Set by NewAddresses, then read-only.
	requests, failures quota
	exempt             func(netip.Addr) bool
	start              time.Time // times are counted from here, by a clock that nobody sets back
	seed               maphash.Seed
	shards             [addressShards]addressShard
}

const (
	addressShards = 64
	maxAddresses  = 1 << 17
	perGeneration = maxAddresses / addressShards / 2
)

// addressShard holds two generations: who is met moves into the young one; when that is full the old one is forgotten.
type addressShard struct {
	// Guarded by mu.
	mu         sync.Mutex
	young, old map[customer]account
}

// customer is who counts as one: an IPv4 address, or the first half of an IPv6 address. They do not meet: a half below 2^32 is of ::/32, where only ::1 is anybody's.
type customer uint64

func customerOf(addr netip.Addr) customer {
	if addr = addr.Unmap(); addr.Is4() {
		b := addr.As4()
		return customer(binary.BigEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return customer(binary.BigEndian.Uint64(b[:8]))
}

// account is what one address has used up.
type account struct {
	requests, failures int64 // when each quota is whole again, in nanoseconds since the start
	failed             uint32
}

// quota is a rate with a burst, by the time at which it is whole again (the generic cell rate algorithm): a number for each address instead of a bucket.
type quota struct{ each, burst int64 } // nanoseconds that one costs, and that may be spent at once; zero is unlimited

func newQuota(n int, per time.Duration, burst int) quota {
	if n == Unlimited {
		return quota{}
	}
	each := int64(per) / int64(n)
	return quota{each, each * int64(burst)}
}

// wait returns how long until one more is allowed, zero when it is now.
func (q quota) wait(whole, now int64) time.Duration {
	return time.Duration(max(0, max(whole, now)+q.each-now-q.burst))
}

// spend takes one, allowed or not, but never owes more than the burst.
func (q quota) spend(whole, now int64) int64 { return min(max(whole, now)+q.each, now+q.burst) }

// NewAddresses returns accounts on which nothing is used.
func NewAddresses(l AddressLimits) *Addresses {
	a := &Addresses{
		requests: newQuota(l.RequestsPerSecond, time.Second, 2*l.RequestsPerSecond),
		failures: newQuota(l.FailuresPerMinute, time.Minute, l.FailuresPerMinute),
		exempt:   l.Exempt,
		start:    time.Now(),
		seed:     maphash.MakeSeed(),
	}
	for i := range a.shards {
		a.shards[i].young = make(map[customer]account)
	}
	return a
}

// counts reports whether an address is limited at all.
func (a *Addresses) counts(addr netip.Addr) bool {
	return addr.IsValid() && (a.exempt == nil || !a.exempt(addr.Unmap()))
}

func (a *Addresses) since(now time.Time) int64 { return int64(max(0, now.Sub(a.start))) }

// Request counts one request from addr. Over the limit it counts nothing, and says after how long one is allowed.
func (a *Addresses) Request(now time.Time, addr netip.Addr) (retry time.Duration, ok bool) {
	if a.requests.each == 0 || !a.counts(addr) {
		return 0, true
	}
	at := a.since(now)
	l := a.open(addr)
	defer l.close()
	if retry = a.requests.wait(l.requests, at); retry == 0 {
		l.requests = a.requests.spend(l.requests, at)
	}
	return retry, retry == 0
}

// Allowed reports whether addr has failed attempts left, or after how long it has.
func (a *Addresses) Allowed(now time.Time, addr netip.Addr) (retry time.Duration, ok bool) {
	if a.failures.each == 0 || !a.counts(addr) {
		return 0, true
	}
	l := a.open(addr)
	defer l.close()
	retry = a.failures.wait(l.failures, a.since(now))
	return retry, retry == 0
}

// Failed counts a failed attempt from addr, and reports whether it was the last that it had: true once for each time that it runs out.
func (a *Addresses) Failed(now time.Time, addr netip.Addr) (spent bool) {
	if !a.counts(addr) {
		return false
	}
	at := a.since(now)
	l := a.open(addr)
	defer l.close()
	l.failed++
	if a.failures.each == 0 {
		return false
	}
	had := a.failures.wait(l.failures, at) == 0
	l.failures = a.failures.spend(l.failures, at)
	return had && a.failures.wait(l.failures, at) > 0
}

// Succeeded returns how many attempts of addr had failed since the last one that did not. It gives nothing back of what they cost.
func (a *Addresses) Succeeded(addr netip.Addr) (failures int) {
	if !a.counts(addr) {
		return 0
	}
	l := a.open(addr)
	defer l.close()
	failures, l.failed = int(l.failed), 0
	return failures
}

// ledger is one customer's account while it is looked at.
type ledger struct {
	account
	before    account
	young     bool
	customer  customer
	shard     *addressShard
	addresses *Addresses
}

// open looks an account up. Its shard is locked until close.
func (a *Addresses) open(addr netip.Addr) ledger {
	c := customerOf(addr)
	s := &a.shards[maphash.Comparable(a.seed, c)%addressShards]
	s.mu.Lock()
	acc, young := s.young[c]
	if !young {
		acc = s.old[c]
	}
	return ledger{acc, acc, young, c, s, a}
}

// close keeps the account where there is anything to keep.
func (l *ledger) close() {
	s := l.shard
	defer s.mu.Unlock()
	if l.account == l.before && (l.young || l.account == account{}) {
		return
	}
	if !l.young && len(s.young) >= perGeneration {
		s.old, s.young = s.young, l.addresses.remembered(s.old)
	}
	s.young[l.customer] = l.account
}

// remembered returns the generation that follows on old: those of it whose attempts have run out, as long as they are at most half of one. Whoever wants to be forgotten
// must bring that many who used up all theirs.
func (a *Addresses) remembered(old map[customer]account) map[customer]account {
	now, next := a.since(time.Now()), make(map[customer]account, perGeneration/8)
	for c, acc := range old {
		if len(next) == perGeneration/2 {
			break
		}
		if a.failures.each > 0 && a.failures.wait(acc.failures, now) > 0 {
			next[c] = acc
		}
	}
	return next
}
