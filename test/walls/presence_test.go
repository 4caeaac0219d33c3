package walls_test

import "fmt"

// presence asks who is on a channel: everybody of the tenant who is, perhaps somebody who has just left, and nobody else.
func (l *live) presence(c *client) error {
	name := l.channel(c.party)
	want := c.forbidden("presence", name)
	s, err := l.request(c, l.body("presence", name))
	if err != nil {
		return err
	}
	if err := verdict(c, "presence on "+name, s, want); err != nil || want != "" {
		return err
	}
	listed := make(map[string]bool)
	for _, m := range s.Members {
		if err := c.party.knows(m); err != nil {
			return fmt.Errorf("%s of %s sees who is on %s: %w", c.user, c.party.id, name, err)
		}
		listed[m.Connection] = true
	}
	for _, other := range l.of(c.party) {
		if other.listens(name) && !listed[other.connection] {
			return fmt.Errorf("%s of %s does not see %s (%s) on %s: %s", c.user, c.party.id, other.user, other.connection, name, s.raw)
		}
	}
	if s.Count != len(listed) {
		return fmt.Errorf("%s has %d members, and the count is %d", name, len(listed), s.Count)
	}
	return nil
}

// attends looks at what a client is told of joins and leaves.
func (l *live) attends(c *client, s said) error {
	if !c.sees[s.Channel] {
		return fmt.Errorf("%s of %s hears of joins and leaves on %s: %s", c.user, c.party.id, s.Channel, s.raw)
	}
	if s.Type != "join_leave" {
		return c.party.knows(s.Member)
	}
	if s.Told || s.Code != "forbidden" || c.may("presence", s.Channel) {
		return fmt.Errorf("%s of %s is told %s, and the rules allow it", c.user, c.party.id, s.raw)
	}
	delete(c.sees, s.Channel)
	return nil
}

// knows wants a member to be a connection of the tenant's, and its own user's.
func (p *party) knows(m member) error {
	if user, ok := p.connections[m.Connection]; !ok || user != m.User {
		return fmt.Errorf("%s (%s) is nobody of %s", m.User, m.Connection, p.id)
	}
	return nil
}
