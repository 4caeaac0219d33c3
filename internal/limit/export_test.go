package limit

// Users counts the accounts that are kept.
func (t *Tenant) Users() int { return len(t.users) }

// Held counts what a lobby keeps for connections.
func (l *Lobby) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.guests) + len(l.from) + l.silent.Len() + l.displaced
}

// Len is how many lines are remembered.
func (l *TenantLines[Kind]) Len() int { return len(l.all) }

// Booked is how much is booked for all tenants, and Listed for how many something may be.
func (o *Outboxes) Booked() int64 { return o.booked.Load() }

// Listed counts the tenants that it looks at.
func (o *Outboxes) Listed() int { return len(o.tenants) }

// WhileSomebodyMakesRoom calls f while somebody who has no core for it makes room.
func (o *Outboxes) WhileSomebodyMakesRoom(f func()) {
	o.evicting.Lock()
	defer o.evicting.Unlock()
	f()
}
