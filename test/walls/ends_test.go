package walls_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// withTicket lets somebody come by a ticket, in the place of a connection.
func (l *live) withTicket(c *client) error {
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/tickets", c.token, "")
	var minted struct{ Ticket string }
	if err := json.Unmarshal([]byte(text), &minted); err != nil || status != http.StatusCreated {
		return fmt.Errorf("%s of %s gets no ticket: %d %s", c.user, c.party.id, status, text)
	}
	l.forget(c)
	_ = c.ws.CloseNow()
	again := &client{party: c.party, who: c.who, grants: c.grants, token: c.token, jti: c.jti, sid: c.sid}
	return l.enter(again, minted.Ticket)
}

// forget takes a client out of the town.
func (l *live) forget(c *client) {
	l.clients = slices.DeleteFunc(l.clients, func(other *client) bool { return other == c })
	for _, p := range l.publications[l.checked:] {
		delete(p.hearers, c)
	}
}

// revoke ends a user, a token or a session of one tenant. Others have the same.
func (l *live) revoke(c *client) error {
	kind, value := "user", c.user
	switch l.chance.IntN(3) {
	case 0:
		kind, value = "token", c.jti
	case 1:
		kind, value = "session", c.sid
	}
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/revocations", c.token, fmt.Sprintf(`{"kind":%q,"value":%q}`, kind, value))
	if !c.manages() {
		if status != http.StatusForbidden {
			return fmt.Errorf("%s of %s with %v revokes: %d %s", c.user, c.party.id, c.roles, status, text)
		}
		return nil
	}
	if status != http.StatusCreated {
		return fmt.Errorf("%s of %s cannot revoke: %d %s", c.user, c.party.id, status, text)
	}
	c.party.revoked[value] = true
	missing, err := l.ends(c.party, 4201, func(other *client) bool {
		return kind == "user" && other.user == value || kind == "token" && other.jti == value || kind == "session" && other.sid == value
	})
	if err != nil {
		return err
	}
	return l.replace(c.party, missing)
}

// suspend shuts a whole tenant out, and lets it in again.
func (l *live) suspend(p *party) error {
	path := "/admin/v1/tenants/" + p.id
	if status, text := l.asks(http.MethodPost, l.AdminAddr(), path+"/suspend", "", "{}"); status != http.StatusOK {
		return fmt.Errorf("suspend: %d %s", status, text)
	}
	if status, text := l.asks(http.MethodGet, l.Addr(), "/v1/whoami", p.issuer.Token("ana"), ""); status != http.StatusForbidden {
		return fmt.Errorf("a suspended tenant's user is answered %d %s", status, text)
	}
	missing, err := l.ends(p, 4502, func(*client) bool { return true })
	if err != nil {
		return err
	}
	if l.chance.IntN(2) == 0 { // a reload is no pardon
		if err := l.otherRules(pick(l.world, l.present())); err != nil {
			return err
		}
		if status, text := l.asks(http.MethodGet, l.Addr(), "/v1/whoami", p.issuer.Token("ana"), ""); status != http.StatusForbidden {
			return fmt.Errorf("a suspended tenant's user is answered %d %s after a reload", status, text)
		}
	}
	if status, text := l.asks(http.MethodPost, l.AdminAddr(), path+"/resume", "", "{}"); status != http.StatusOK {
		return fmt.Errorf("resume: %d %s", status, text)
	}
	return l.replace(p, missing)
}

// ends waits for the end of those clients of a tenant that something has ended, looks whether all others live, and says how many are missing.
func (l *live) ends(p *party, code int, ended func(*client) bool) (missing int, err error) {
	for _, c := range slices.Clone(l.clients) {
		if c.party != p || !ended(c) {
			continue
		}
		for {
			_, err := l.next(c, patience)
			if errors.Is(err, errGone) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("%w; it should end with %d", err, code)
			}
		}
		if c.code != code {
			return 0, fmt.Errorf("%s of %s ended with %d, want %d", c.user, p.id, c.code, code)
		}
		l.forget(c)
		missing++
	}
	return missing, l.settle() // those who should not have ended are asked
}

// replace lets others come in the place of those who are missing.
func (l *live) replace(p *party, missing int) error {
	for range missing {
		if err := l.arrive(p); err != nil {
			return err
		}
	}
	return nil
}
