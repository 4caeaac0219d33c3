package walls_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// position is a place in what a channel keeps.
type position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

// stored is an entry of a history.
type stored struct {
	Offset uint64
	From   struct{ User, Connection string }
	Data   json.RawMessage

	Encryption string
}

// log is what a channel of one tenant keeps.
type log struct {
	all  []int          // publications that are kept, in their order
	lost uint64         // everything up to this offset was purged
	keys map[string]int // publications that somebody named, by user and key
}

// log is empty where nothing was said yet.
func (p *party) log(name string) *log {
	if p.logs[name] == nil {
		p.logs[name] = &log{keys: make(map[string]int)}
	}
	return p.logs[name]
}

func (p *party) stores(name string) bool {
	return slices.ContainsFunc(p.keeps, func(pattern string) bool { return matches(strings.Split(pattern, ":"), strings.Split(name, ":")) })
}

// behind are the publications of a tenant that its channel keeps behind an offset.
func (l *live) behind(p *party, name string, offset uint64) (all []int) {
	for _, n := range p.log(name).all {
		if l.publications[n].at.Offset > offset {
			all = append(all, n)
		}
	}
	return all
}

// history reads what a channel keeps, on the connection or beside it.
func (l *live) history(c *client) error {
	name := l.channel(c.party)
	want, reverse, since := c.forbidden("history", name), l.chance.IntN(3) == 0, l.somewhere(name)
	if want == "" && !c.party.stores(name) {
		want = "not_available"
	}
	if reverse {
		since = nil
	}
	s, err := l.reads(c, name, reverse, since)
	if err != nil {
		return err
	}
	if err := verdict(c, "history of "+name, s, want); err != nil || want != "" {
		return err
	}
	return l.entries(c, name, s, reverse, since)
}

func (l *live) reads(c *client, name string, reverse bool, since *position) (said, error) {
	if l.chance.IntN(2) == 0 {
		b := l.body("history", name)
		b["limit"], b["reverse"] = 1000, reverse
		if since != nil {
			b["since"] = since
		}
		return l.request(c, b)
	}
	query := "?limit=1000"
	if reverse {
		query += "&reverse=true"
	}
	if since != nil {
		query += fmt.Sprintf("&since=%d&epoch=%s", since.Offset, since.Epoch)
	}
	status, text := l.asks(http.MethodGet, l.Addr(), "/v1/channels/"+url.PathEscape(name)+"/messages"+query, c.token, "")
	s := said{Type: "ok"}
	if err := json.Unmarshal([]byte(text), &s); err != nil || status == http.StatusOK && s.Channel != name {
		return s, fmt.Errorf("%s of %s reads %s: %d %s", c.user, c.party.id, name, status, text)
	}
	if s.raw = text; status != http.StatusOK {
		s.Type = "error"
	}
	return s, l.take(c, said{Type: "ok", raw: text})
}

// entries wants a page to be all that the tenant's own channel keeps, and nothing else.
func (l *live) entries(c *client, name string, s said, reverse bool, since *position) error {
	from := uint64(0)
	if since != nil && since.Epoch == l.epoch && since.Offset <= c.party.newest {
		from = since.Offset
	}
	want := l.behind(c.party, name, from)
	if reverse {
		slices.Reverse(want)
	}
	bad := func(why string) error {
		return fmt.Errorf("%s of %s reads %s from %v: %s: %s, want %v", c.user, c.party.id, name, since, why, s.raw, want)
	}
	if len(s.Messages) != len(want) || s.More || since != nil && (s.Recovered == nil || *s.Recovered != l.whole(c.party, name, *since)) {
		return bad("not what it keeps")
	}
	for i, m := range s.Messages {
		p := l.publications[want[i]]
		if n, err := l.numbered(m.Data, m.Encryption); err != nil || n != want[i] || m.Offset != p.at.Offset || m.From.User != p.by.user || m.From.Connection != p.from() {
			return bad(fmt.Sprint("entry ", i))
		}
	}
	l.read += len(want)
	if len(want) > 0 && s.position != l.publications[want[len(want)-1]].at {
		return bad("it does not end there")
	}
	return nil
}

// purge forgets what a channel keeps. Other tenants' channels of that name keep what they have.
func (l *live) purge(c *client) error {
	name := l.channel(c.party)
	want := http.StatusOK
	switch {
	case !c.manages():
		want = http.StatusForbidden
	case !c.party.stores(name):
		want = http.StatusNotFound
	}
	status, text := l.asks(http.MethodDelete, l.Addr(), "/v1/channels/"+url.PathEscape(name)+"/messages", c.token, "")
	var s said
	if err := json.Unmarshal([]byte(text), &s); err != nil || status != want {
		return fmt.Errorf("%s of %s with %v and %v purges %s: %d %s, want %d", c.user, c.party.id, c.roles, c.grants, name, status, text, want)
	}
	if err := l.take(c, said{Type: "ok", raw: text}); err != nil || want != http.StatusOK {
		return err
	}
	kept := c.party.log(name)
	if n := len(kept.all); n > 0 {
		kept.lost, kept.all = l.publications[kept.all[n-1]].at.Offset, nil
	}
	if s.Offset < kept.lost || s.Offset > c.party.newest {
		return fmt.Errorf("%s of %s purges %s up to %s, want %d to %d", c.user, c.party.id, name, text, kept.lost, c.party.newest)
	}
	return l.untouched(c.party, name)
}

// untouched reads the channels of that name of all other tenants.
func (l *live) untouched(but *party, name string) error {
	if but.marked(name) != "" {
		return nil // nobody else has such a name
	}
	for _, p := range l.parties {
		i := slices.IndexFunc(l.clients, func(c *client) bool { return c.party == p && c.may("history", name) })
		if p == but || i < 0 || !p.stores(name) {
			continue
		}
		s, err := l.reads(l.clients[i], name, false, nil)
		if err != nil {
			return err
		}
		if err := l.entries(l.clients[i], name, s, false, nil); err != nil {
			return fmt.Errorf("%s has purged it, and %w", but.id, err)
		}
	}
	return nil
}
