package limit

// Whole lists the quotas of a tenant as a whole: of these, how much is used can be told.
var Whole = [...]Quota{Connections, ConnectionsPerSecond, Subscriptions, Channels, MessagesPerSecond, BytesPerSecond, Outbox}

// Quotas lists every quota, for label sets that are created at zero.
var Quotas = [...]Quota{
	Connections, ConnectionsPerUser, ConnectionsPerSecond, Subscriptions, SubscriptionsPerConnection, Channels,
	MessagesPerSecond, MessagesPerSecondPerUser, MessagesPerSecondPerConnection, BytesPerSecond, BytesPerSecondPerConnection, Outbox, OutboxPerNode,
}

// Rated reports whether a quota is one of what may happen in a second, and not of what may be held.
func (q Quota) Rated() bool { return rows[q].rated }

// Most returns how much of a quota the limits allow, [Unlimited] where there is no limit.
func (l *Limits) Most(q Quota) int { return rows[q].of(l) }

// Used returns how much of a quota of the tenant as a whole is used: what is held now, or, of one that is rated, how much was ever taken. What was taken is counted
// only while there is a limit, and begins again when one is given.
func (t *Tenant) Used(q Quota) int {
	now := t.terms.Load()
	switch q {
	case Connections:
		return t.Connections()
	case ConnectionsPerSecond:
		return now.arrivals.sum()
	case Subscriptions:
		return int(t.subscriptions.n.Load())
	case Channels:
		return int(t.channels.n.Load())
	case MessagesPerSecond:
		return now.messages.sum()
	case BytesPerSecond:
		return now.bytes.sum()
	case Outbox:
		return t.Queued()
	}
	return 0
}

// sum returns how much was ever taken.
func (r *Rate) sum() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}
