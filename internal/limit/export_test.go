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
