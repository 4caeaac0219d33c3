package limit

// Users counts the accounts that are kept.
func (t *Tenant) Users() int { return len(t.users) }

// Held counts what a lobby keeps for connections.
func (l *Lobby) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.guests) + len(l.from) + l.silent.Len() + l.displaced
}
