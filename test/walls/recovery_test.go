package walls_test

import "fmt"

// somewhere is now and then a position to continue from: one of the channel of that name, whosever it is, or of another engine.
func (l *live) somewhere(name string) *position {
	if l.chance.IntN(2) == 0 {
		return nil
	}
	all := []position{{7, "elsewhere"}}
	for _, p := range l.parties {
		for _, n := range p.log(name).all {
			all = append(all, l.publications[n].at)
		}
	}
	at := pick(l.world, all)
	return &at
}

// whole is whether a channel of a tenant goes on after a position.
func (l *live) whole(p *party, name string, at position) bool {
	return at.Epoch == l.epoch && at.Offset >= p.log(name).lost && at.Offset <= p.newest
}

// continues begins a subscription of a client's own, with what it missed where it may.
func (l *live) continues(c *client, name string, s said, since *position) error {
	if since == nil {
		if s.Recovered != nil {
			return fmt.Errorf("%s of %s continues unasked: %s", c.user, c.party.id, s.raw)
		}
		return l.begins(c, name, itself, s.position)
	}
	want := c.party.stores(name) && !c.party.says(c.who, "history", name, true) && l.whole(c.party, name, *since)
	if s.Recovered == nil || *s.Recovered != want {
		return fmt.Errorf("%s of %s continues on %s from %v: %s, want recovered %v", c.user, c.party.id, name, *since, s.raw, want)
	}
	if !want {
		return l.begins(c, name, itself, s.position)
	}
	missed := l.behind(c.party, name, since.Offset)
	if s.Replayed != len(missed) {
		return fmt.Errorf("%s of %s continues on %s from %v: %s, want the %d messages %v", c.user, c.party.id, name, *since, s.raw, len(missed), missed)
	}
	l.recoveries += len(missed)
	if len(missed) > 0 && s.position != l.publications[missed[len(missed)-1]].at || len(missed) == 0 && s.position != *since {
		return fmt.Errorf("%s of %s continues on %s from %v: %s is no position of its own", c.user, c.party.id, name, *since, s.raw)
	}
	l.hears(c, name, itself, missed)
	return nil
}

// begins begins a subscription at a position, which must be one of the tenant's own channel: everything behind it comes, and nothing before.
func (l *live) begins(c *client, name string, by chooser, at position) error {
	if !c.party.stores(name) {
		if at != (position{}) {
			return fmt.Errorf("%s of %s is at %v on %s, which keeps nothing", c.user, c.party.id, at, name)
		}
		c.hears[name] = hearing{l.checked, by} // what is on its way may come too
		return nil
	}
	if err := l.own(c.party, name, at); err != nil {
		return fmt.Errorf("%s of %s hears %s: %w", c.user, c.party.id, name, err)
	}
	l.hears(c, name, by, l.behind(c.party, name, at.Offset))
	return nil
}

// hears notes a subscription to a channel that keeps history, and what is to come of what was said before it.
func (l *live) hears(c *client, name string, by chooser, missed []int) {
	h := hearing{len(l.publications), by}
	for _, n := range missed {
		delete(c.heard, n)
		c.owed[n], h.from = true, min(h.from, n)
	}
	c.hears[name] = h
}

// own wants a position to be the tenant's own: that of its newest message, where it has one.
func (l *live) own(p *party, name string, at position) error {
	kept := p.log(name)
	if l.epoch == "" {
		l.epoch = at.Epoch
	}
	if n := len(kept.all); at.Epoch != l.epoch || at.Offset < kept.lost || at.Offset > p.newest || n > 0 && at != l.publications[kept.all[n-1]].at {
		return fmt.Errorf("%v is no position of %s", at, p.id)
	}
	return nil
}

// owes waits until everybody has heard what they were promised of the past.
func (l *live) owes() error {
	for _, c := range l.clients {
		for len(c.owed) > 0 {
			if _, err := l.next(c, patience); err != nil {
				return fmt.Errorf("%w; it should hear %v of what was said before", err, c.owed)
			}
		}
	}
	return nil
}
