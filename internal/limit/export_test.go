package limit

// Users counts the accounts that are kept.
func (t *Tenant) Users() int { return len(t.users) }
