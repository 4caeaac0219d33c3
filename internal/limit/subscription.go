package limit

import "sync/atomic"

// held counts what is taken and given back.
type held struct{ n atomic.Int64 }

// take takes one, unless most are taken.
func (h *held) take(most int) bool {
	for {
		n := h.n.Load()
		if full(most, int(n)) {
			return false
		}
		if h.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (h *held) give() { h.n.Add(-1) }

// Subscribe takes a subscription for a connection that has so many, and a channel where nobody of the tenant was subscribed to it on this node. It takes both or
// says which limit was reached. Unsubscribe gives them back.
func (t *Tenant) Subscribe(has int, first bool) Over {
	limits := &t.terms.Load().limits
	if full(limits.SubscriptionsPerConn, has) {
		return t.counts.refuse(Over{Quota: SubscriptionsPerConnection})
	}
	if !t.subscriptions.take(limits.Subscriptions) {
		return t.counts.refuse(Over{Quota: Subscriptions})
	}
	if first && !t.channels.take(limits.Channels) {
		t.subscriptions.give()
		return t.counts.refuse(Over{Quota: Channels})
	}
	return Over{}
}

// Unsubscribe gives a subscription back, and the channel with the last one. It is called once for each that was taken, with the tenant that it was taken of.
func (t *Tenant) Unsubscribe(last bool) {
	t.subscriptions.give()
	if last {
		t.channels.give()
	}
}
