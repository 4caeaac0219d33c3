package walls_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// choices are what a tenant subscribes its users to.
func (w *world) choices(p *party) (all []rule) {
	names := []string{"user:{user}:inbox", "user:{user}:inbox", "user:{user}:x", "{user}", "user:{claim.team}:inbox", "team:{claim.team}:news", "t:{tenant}:x", "room:a", "room:{user}", "ops:b"}
	for range w.chance.IntN(4) {
		r := rule{channels: some(w, names)[:1]}
		w.condition(p, &r)
		all = append(all, r)
	}
	return all
}

// chosen is the naive reading of what a client hears without asking: what was chosen for it and the rules allow.
func (c *client) chosen() (names []string) {
	for _, r := range c.party.picks {
		for _, pattern := range r.channels {
			parts, ok := c.party.filled(pattern, c.who)
			if name := strings.Join(parts, ":"); ok && r.concerns(c.who) && c.may("subscribe", name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// keeps is whether a subscription survives a change: the rules allow it, and what the tenant chose is chosen still.
func (c *client) keeps(name string) bool {
	return c.may("subscribe", name) && (c.hears[name].by != tenant || slices.Contains(c.chosen(), name))
}

// gain notes which subscriptions a change is to bring, behind which these were chosen.
func (c *client) gain(before []string) {
	for _, name := range c.chosen() {
		if !slices.Contains(before, name) && !c.listens(name) {
			c.gains[name] = tenant
		}
	}
}

// greeted wants what is chosen for a client to be in its welcome, and nothing else.
func (l *live) greeted(c *client, s said) error {
	got := make(map[string]position)
	for _, one := range s.Subscriptions {
		got[one.Channel] = one.position
	}
	want := c.chosen()
	slices.Sort(want)
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) || len(s.Subscriptions) != len(want) {
		return fmt.Errorf("%s of %s is welcomed with %q, want %q", c.user, c.party.id, names, want)
	}
	for name, at := range got {
		l.given++
		if err := l.begins(c, name, tenant, at); err != nil {
			return err
		}
	}
	return nil
}

// gained takes a subscription of which a client is told.
func (l *live) gained(c *client, s said) error {
	by, ok := c.gains[s.Channel]
	if !ok {
		return fmt.Errorf("%s of %s is told of a subscription that nobody chose: %s", c.user, c.party.id, s.raw)
	}
	delete(c.gains, s.Channel)
	l.given++
	return l.begins(c, s.Channel, by, s.position)
}

// waits until a client was told of everything that was chosen for it.
func (l *live) waits(c *client) error {
	for len(c.gains) > 0 {
		if _, err := l.next(c, patience); err != nil {
			return fmt.Errorf("%w; it should be told of %v", err, c.gains)
		}
	}
	return nil
}

// gives lets somebody who manages subscribe a client of the tenant. It is the client that the rules are asked about.
func (l *live) gives(c *client) error {
	to, name := pick(l.world, l.of(c.party)), l.channel(c.party)
	if err := l.drain(to); err != nil {
		return err
	}
	want := http.StatusOK
	switch {
	case to.listens(name):
		want = http.StatusConflict
	case !to.may("subscribe", name):
		want = http.StatusForbidden
	default:
		to.gains[name] = aBackend
	}
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/connections/"+to.connection+"/subscribe", c.token, fmt.Sprintf(`{"channel":%q}`, name))
	if status != want {
		return fmt.Errorf("%s of %s subscribes %s with %v and %v to %s: %d %s, want %d", c.user, c.party.id, to.user, to.roles, to.grants, name, status, text, want)
	}
	return l.waits(to)
}
