package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// spare is which part of the ceiling is free again once room was made: so a node that stays at its ceiling looks for payers once in so many bytes, and not once a message.
	spare = 16
	// near is from which part below the ceiling on everything is counted at once.
	near = 8
	// ahead is how much is counted for a tenant in advance, at most.
	ahead = 64 << 10
	// atOnce is how many clients lose something before whoever makes room leaves the rest of what is to be spare to the next.
	atOnce = 1024
	// inVain is how long nobody looks again after nobody could pay.
	inVain = 10 * time.Millisecond
)

// Outboxes is the account of all tenants' outboxes on this node, and the ceiling for what they hold together.
//
// Who pays when it is too much is fixed. Every tenant that holds anything has the same share of the ceiling. First pays the tenant whose outboxes hold most, which is the one furthest above its share: by its
// slowest client, the one for which most waits. What waits there and may be dropped goes, where that is anything; else the connection ends. Then the same is asked again, until a sixteenth of the ceiling is free. A
// tenant that holds no more than its share of the other fifteen sixteenths never pays.
//
// Whoever queues sees to it, as with the outboxes of one tenant, and what is being queued meanwhile may be above the ceiling: one batch for each channel that speaks. While somebody makes room, the others go on, but for
// those of a tenant above its share: they pay themselves, and wait for one another.
//
// What tenants hold is not added up with each message: a number that all cores write would cost more than what it counts. A tenant is booked a little ahead, and the node hears of it when that is used up. Near
// the ceiling everything is booked as it is, and what was booked ahead is given back before anybody pays.
type Outboxes struct {
	// Set by NewOutboxes, then read-only.
	most, room, calm, step int64

	evicting sync.Mutex // held by whoever makes room; nobody waits for it
	vain     time.Time  // when nobody could pay; guarded by evicting

	// Guarded by mu, which is held for a look at each of tenants at most.
	mu      sync.Mutex
	tenants []*Tenant // for whom something is booked, each once; its listed says so

	share atomic.Int64 // what each of tenants may hold at least; changed under mu, and never more than it is

	_      [line]byte
	booked atomic.Int64 // for all tenants: never less than they hold, but for what is being booked
	_      [line]byte
}

// NewOutboxes returns an account with a ceiling of so many bytes.
func NewOutboxes(most int64) *Outboxes {
	if most == Unlimited {
		most = math.MaxInt64
	}
	o := &Outboxes{most: most, room: most - most/spare, calm: most - most/near, step: min(ahead, most/256)}
	o.share.Store(o.room)
	return o
}

// Tenant is [NewTenant] for an account whose outboxes count here. Those of a tenant without a node count nowhere.
func (o *Outboxes) Tenant(l Limits) *Tenant {
	t := NewTenant(l)
	t.node = o
	return t
}

// Most is the ceiling, or [Unlimited].
func (o *Outboxes) Most() int64 {
	if o.most == math.MaxInt64 {
		return Unlimited
	}
	return o.most
}

// Held is how many bytes all outboxes hold. It looks at every tenant that holds any, and forgets those that hold none any more: it is to be asked now and then.
func (o *Outboxes) Held() (sum int64) {
	o.settle(func(_ *Tenant, held int64) { sum += held })
	return sum
}

func (o *Outboxes) crowded() bool { return o.booked.Load() > o.most }

// count is called with every change of what the tenant's outboxes hold.
func (t *Tenant) count(change int64) {
	held := t.queued.Add(change)
	if o := t.node; o != nil && !o.covers(t.booked.Load(), held) {
		o.book(t)
	}
}

// covers reports whether so much may stay booked for a tenant that holds so much.
func (o *Outboxes) covers(booked, held int64) bool {
	over := booked - held
	return over >= 0 && over <= 2*o.slack()
}

// slack is how much is booked ahead now.
func (o *Outboxes) slack() int64 {
	if o.booked.Load() > o.calm {
		return 0
	}
	return o.step
}

// book brings what is booked for a tenant up to what it holds. It looks again after each change, so that the last of those who book at once sees what all of them hold.
func (o *Outboxes) book(t *Tenant) {
	for {
		was, held := t.booked.Load(), t.queued.Load()
		if o.covers(was, held) {
			return
		}
		now := held + o.slack()
		if !t.booked.CompareAndSwap(was, now) {
			continue
		}
		o.booked.Add(now - was)
		if !t.listed.Load() { // asked after it was booked: see settle
			o.list(t)
		}
	}
}

func (o *Outboxes) list(t *Tenant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !t.listed.Load() {
		t.listed.Store(true)
		o.tenants = append(o.tenants, t)
		o.share.Store(o.room / int64(len(o.tenants)))
	}
}

// settle books for every tenant what it holds and no more, forgets those that hold nothing, and calls f with the others. It returns the share of each.
func (o *Outboxes) settle(f func(t *Tenant, held int64)) (share int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	holders := int64(0)
	kept := o.tenants[:0]
	for _, t := range o.tenants {
		was, held := t.booked.Load(), t.queued.Load()
		if was != held && t.booked.CompareAndSwap(was, held) {
			o.booked.Add(held - was)
			o.book(t) // it may hold more by now, which was covered until a moment ago
		}
		if held > 0 {
			holders++
			f(t, held)
		} else if t.listed.Store(false); t.booked.Load() == 0 {
			continue // whoever books for it from now on finds that it is not listed
		} else {
			t.listed.Store(true)
		}
		kept = append(kept, t)
	}
	clear(o.tenants[len(kept):])
	o.tenants = kept
	share = o.room / max(1, holders)
	o.share.Store(share)
	return share
}
