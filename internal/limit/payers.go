package limit

import (
	"container/heap"
	"time"
)

// makeRoom makes tenants pay while all outboxes together hold more than they may. A client of t queues.
func (o *Outboxes) makeRoom(t *Tenant) {
	for o.crowded() {
		if !o.evicting.TryLock() { // somebody is at it, and looks again after each
			o.payOwn(t)
			return
		}
		paid := o.collect(time.Now())
		o.evicting.Unlock()
		if !paid {
			return
		}
	}
}

// payOwn makes a tenant pay that goes on queueing above its share while somebody makes room, who may have no core for it. It waits for nobody but those of the same tenant.
func (o *Outboxes) payOwn(t *Tenant) {
	if t.queued.Load() <= o.share.Load() {
		return
	}
	t.evicting.Lock()
	defer t.evicting.Unlock()
	if !o.crowded() || t.queued.Load() <= o.share.Load() {
		return
	}
	share := o.settle(func(*Tenant, int64) {})
	for s := t.slowest(); o.booked.Load() > o.room && t.queued.Load() > share && s.yield(OutboxPerNode); {
	}
}

// collect makes room, and reports whether anybody paid. Below the ceiling no more than atOnce do: whoever queues may be of a tenant that holds next to nothing. The caller holds evicting.
func (o *Outboxes) collect(now time.Time) (paid bool) {
	if now.Sub(o.vain) < inVain {
		return false
	}
	var all payers
	share := o.settle(func(t *Tenant, held int64) { all = append(all, &payer{tenant: t, holds: held}) })
	if !o.crowded() { // it was booked ahead
		return false
	}
	heap.Init(&all)
	for n := 0; o.booked.Load() > o.room && (n < atOnce || o.crowded()) && all.pay(share); n++ {
		paid = true
	}
	if !paid {
		o.vain = now
	}
	return paid
}

// payers are tenants that hold something: a heap, with the one that holds most first.
type payers []*payer

type payer struct {
	tenant  *Tenant
	holds   int64   // when it was looked at last
	slowest slowest // nil until it is asked to pay
}

// pay lets the tenant that holds most give up something of its slowest client. It reports false when nobody holds more than its share and has something to give.
func (all *payers) pay(share int64) bool {
	for len(*all) > 0 {
		p := (*all)[0]
		switch held := p.tenant.queued.Load(); {
		case held < p.holds:
			p.holds = held
			heap.Fix(all, 0)
		case held <= share:
			return false
		default:
			if p.slowest == nil {
				p.slowest = p.tenant.slowest()
			}
			if p.slowest.yield(OutboxPerNode) {
				return true
			}
			heap.Pop(all) // nobody is left who could
		}
	}
	return false
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (all payers) Len() int           { return len(all) }
func (all payers) Less(i, j int) bool { return all[i].holds > all[j].holds }
func (all payers) Swap(i, j int)      { all[i], all[j] = all[j], all[i] }
func (all *payers) Push(p any)        { *all = append(*all, p.(*payer)) }
func (all *payers) Pop() any {
	last := len(*all) - 1
	p := (*all)[last]
	*all = (*all)[:last]
	return p
}
