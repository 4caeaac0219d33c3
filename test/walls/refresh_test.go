package walls_test

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refresh gives a client other rights.
func (l *live) refresh(c *client) error {
	before := c.chosen()
	l.credential(c, some(l.world, roles))
	c.gain(before)
	s, err := l.request(c, map[string]any{"type": "refresh", "token": c.token})
	if err != nil {
		return err
	}
	if err := verdict(c, "refresh", s, ""); err != nil {
		return err
	}
	return l.loses(c)
}

// loses waits until a client has been told of everything that it may hear no more.
func (l *live) loses(c *client) error {
	for name := range c.hears {
		if c.keeps(name) {
			continue
		}
		for c.listens(name) { // until it is told
			if _, err := l.next(c, patience); err != nil {
				return fmt.Errorf("%w; it should lose %s", err, name)
			}
		}
		l.leaves(c, name)
	}
	for name := range c.sees {
		for !c.may("presence", name) && c.sees[name] { // until it is told
			if _, err := l.next(c, patience); err != nil {
				return fmt.Errorf("%w; it should see no more who is on %s", err, name)
			}
		}
	}
	return l.waits(c)
}

// usurp refreshes with a token of somebody else: the user of the same name of another tenant, or another user.
func (l *live) usurp(c *client) error {
	other := &client{party: pick(l.world, l.present()), who: who{user: c.user}}
	if other.party == c.party {
		other.user = "somebody"
	}
	l.credential(other, roles)
	s, err := l.request(c, map[string]any{"type": "refresh", "token": other.token})
	if err != nil {
		return err
	}
	return verdict(c, "a refresh with another's token", s, "forbidden")
}

func (l *live) whoami(c *client) error {
	status, text := l.asks(http.MethodGet, l.Addr(), "/v1/whoami", c.token, "")
	var is struct {
		Tenant, User string
		Manages      bool
	}
	if err := json.Unmarshal([]byte(text), &is); err != nil || status != http.StatusOK || is.Tenant != c.party.id || is.User != c.user ||
		is.Manages != c.manages() {
		return fmt.Errorf("%s of %s with %v is %d %s", c.user, c.party.id, c.roles, status, text)
	}
	return l.take(c, said{Type: "ok", raw: text})
}
