package walls_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// check asks over HTTP what one may do, which must be what the socket answers.
func (l *live) check(c *client) error {
	name, verb := l.channel(c.party), pick(l.world, verbs)
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/permissions/check", c.token, fmt.Sprintf(`{"checks":[{"action":%q,"channel":%q},{"action":"manage"}]}`, verb, name))
	var said struct{ Results []struct{ Allowed bool } }
	if err := json.Unmarshal([]byte(text), &said); err != nil || status != http.StatusOK || len(said.Results) != 2 || said.Results[0].Allowed != c.may(verb, name) ||
		said.Results[1].Allowed != c.manages() {
		return fmt.Errorf("%s of %s with %v and %v asks for %s on %s and manage: %d %s", c.user, c.party.id, c.roles, c.grants, verb, name, status, text)
	}
	return nil
}

// publishAlone says something over HTTP: the same rules decide, and it is of no connection.
func (l *live) publishAlone(c *client, name string, n int) error {
	p := l.publications[n]
	want, code := map[string]int{"": http.StatusCreated, "forbidden": http.StatusForbidden, "encryption_required": http.StatusUnprocessableEntity, "bad_request": http.StatusBadRequest}[p.want], p.want
	body, err := json.Marshal(p.members)
	if err != nil {
		return err
	}
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/channels/"+url.PathEscape(name)+"/messages", c.token, string(body))
	if status != want || !strings.Contains(text, code) {
		return fmt.Errorf("%s of %s with %v and %v publishes on %s over HTTP: %d %s, want %d", c.user, c.party.id, c.roles, c.grants, name, status, text, want)
	}
	if code == "" {
		if err := l.stored(n, text); err != nil {
			return err
		}
	}
	return l.take(c, said{Type: "ok", raw: text})
}

// from is the connection of which a publication is.
func (p *publication) from() string {
	if p.alone {
		return ""
	}
	return p.by.connection
}

// manage looks at the tenant's connections, tries to end another tenant's, and ends some of its own.
func (l *live) manage(c *client) error {
	status, text := l.asks(http.MethodGet, l.Addr(), "/v1/connections?limit=1000", c.token, "")
	if !c.manages() {
		if status != http.StatusForbidden {
			return fmt.Errorf("%s of %s with %v and %v sees connections: %d %s", c.user, c.party.id, c.roles, c.grants, status, text)
		}
		return nil
	}
	if err := l.take(c, said{Type: "ok", raw: text}); err != nil {
		return err
	}
	var page struct {
		Connections []struct{ Connection, User string }
		Next        string
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil || status != http.StatusOK || page.Next != "" {
		return fmt.Errorf("the connections of %s: %d %s", c.party.id, status, text)
	}
	listed := make(map[string]string)
	for _, one := range page.Connections {
		listed[one.Connection] = one.User
	}
	for _, other := range l.clients {
		if user, there := listed[other.connection]; there != (other.party == c.party) || there && user != other.user {
			return fmt.Errorf("%s of %s is listed as %q, %v, for %s", other.user, other.party.id, user, there, c.party.id)
		}
	}
	if err := l.reachesOver(c); err != nil {
		return err
	}
	if l.chance.IntN(2) == 0 {
		return l.gives(c)
	}
	return l.endsOwn(c)
}

// reachesOver asks for a connection of another tenant, and for one that never was: there is no difference.
func (l *live) reachesOver(c *client) error {
	for _, other := range l.clients {
		if other.party == c.party {
			continue
		}
		for _, how := range []struct{ method, behind, body string }{
			{http.MethodGet, "", ""},
			{http.MethodDelete, "", ""},
			{http.MethodPost, "/subscribe", `{"channel":"room:a"}`},
			{http.MethodPost, "/unsubscribe", `{"channel":"room:a"}`},
		} {
			status, theirs := l.asks(how.method, l.Addr(), "/v1/connections/"+other.connection+how.behind, c.token, how.body)
			_, nobodys := l.asks(how.method, l.Addr(), "/v1/connections/c_AAAAAAAAAAAAAAAA"+how.behind, c.token, how.body)
			if status != http.StatusNotFound || theirs != nobodys {
				return fmt.Errorf("%s of %s asks for %s's connection: %d %s, and for nobody's %s", c.user, c.party.id, other.party.id, status, theirs, nobodys)
			}
		}
		return nil
	}
	return nil
}

// endsOwn ends a connection of the tenant, or all of a user whom other tenants have too.
func (l *live) endsOwn(c *client) error {
	victim := pick(l.world, l.of(c.party))
	path, want := "/v1/connections/"+victim.connection, http.StatusNoContent
	ended := func(other *client) bool { return other == victim }
	if l.chance.IntN(2) == 0 {
		path, want = "/v1/users/"+url.PathEscape(victim.user)+"/connections", http.StatusOK
		ended = func(other *client) bool { return other.user == victim.user }
	}
	if status, text := l.asks(http.MethodDelete, l.Addr(), path, c.token, ""); status != want {
		return fmt.Errorf("%s of %s ends %s: %d %s", c.user, c.party.id, path, status, text)
	}
	missing, err := l.ends(c.party, 4505, ended)
	if err != nil {
		return err
	}
	return l.replace(c.party, missing)
}
