package walls_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// keyed takes a key that users of the same name have in every tenant, and says what it is answered where a rule allows to publish.
func (l *live) keyed(c *client, name string) (key, want string) {
	if !c.party.stores(name) {
		return "key", "not_available"
	}
	kept := c.party.log(name)
	key = fmt.Sprint("key", kept.lost, pick(l.world, []string{"a", "b"}))
	if _, again := kept.keys[c.user+" "+key]; again {
		return key, "conflict"
	}
	if l.publications[len(l.publications)-1].accepted {
		kept.keys[c.user+" "+key] = len(l.publications) - 1
	}
	return key, ""
}

// stored notes where a publication was put, as the answer to it says: behind all others of its own tenant, whatever other tenants say.
func (l *live) stored(n int, answer string) error {
	p, s := l.publications[n], said{}
	if err := json.Unmarshal([]byte(answer), &s); err != nil {
		return err
	}
	if !p.by.party.stores(p.name) {
		if s.position != (position{}) {
			return fmt.Errorf("%s of %s keeps nothing, and has a position: %s", p.name, p.by.party.id, answer)
		}
		return nil
	}
	if l.epoch == "" {
		l.epoch = s.Epoch
	}
	kept := p.by.party.log(p.name)
	if p.by.party.newest++; s.Epoch != l.epoch || s.Offset != p.by.party.newest || s.Duplicate != nil {
		return fmt.Errorf("%s of %s publishes on %s, and it is at %s, want offset %d", p.by.user, p.by.party.id, p.name, answer, p.by.party.newest)
	}
	p.at, kept.all = s.position, append(kept.all, n)
	return nil
}

// batch says several things over HTTP, each of which is decided for itself.
func (l *live) batch(c *client) error {
	var messages []map[string]any
	first := len(l.publications)
	for range 1 + l.chance.IntN(4) {
		name := l.channel(c.party)
		p, err := l.says(c, name)
		if err != nil {
			return err
		}
		p.alone = true
		m := maps.Clone(p.members)
		m["channel"] = name
		messages = append(messages, m)
	}
	body, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		return err
	}
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/messages/batch", c.token, string(body))
	var said struct{ Results []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &said); err != nil || status != http.StatusOK || len(said.Results) != len(messages) {
		return fmt.Errorf("%s of %s says %s: %d %s", c.user, c.party.id, body, status, text)
	}
	for i, result := range said.Results {
		if err := l.result(first+i, string(result)); err != nil {
			return err
		}
	}
	return nil
}

// result looks at what a batch is answered about one publication.
func (l *live) result(n int, text string) error {
	p := l.publications[n]
	if refused := strings.Contains(text, `"problem":`); refused == p.accepted || !strings.Contains(text, p.want) {
		return fmt.Errorf("%s of %s with %v and %v publishes on %s in a batch: %s", p.by.user, p.by.party.id, p.by.roles, p.by.grants, p.name, text)
	}
	if err := l.take(p.by, said{Type: "ok", raw: text}); err != nil || !p.accepted {
		return err
	}
	return l.stored(n, text)
}
