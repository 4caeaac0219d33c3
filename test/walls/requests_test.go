package walls_test

import (
	"fmt"
	"maps"
)

// verdict compares an answer with what should have been answered; code "" is an ok.
func verdict(c *client, what string, s said, code string) error {
	if got := s.Code; got != code || (s.Type == "ok") != (code == "") {
		return fmt.Errorf("%s of %s with %v and %v: %s was answered %s, want %q", c.user, c.party.id, c.roles, c.grants, what, s.raw, code)
	}
	return nil
}

// forbidden is the code that a naive reading of the rules gives.
func (c *client) forbidden(action, name string) string {
	if c.may(action, name) {
		return ""
	}
	return "forbidden"
}

// body is a request. Now and then it tries to say more than it may.
func (l *live) body(verb, name string) map[string]any {
	b := map[string]any{"type": verb, "channel": name}
	if l.chance.IntN(4) == 0 {
		other := pick(l.world, l.parties)
		b["tenant"], b["ref"] = other.id, map[string]any{"Tenant": other.id, "tenant": other.id}
		b["from"] = map[string]any{"user": "root", "tenant": other.id}
	}
	return b
}

// says makes a publication, and notes who is there to hear it.
func (l *live) says(c *client, name string) (*publication, error) {
	p := &publication{by: c, name: name, want: c.forbidden("publish", name), hearers: make(map[*client]bool)}
	if form := l.seal(p, len(l.publications)); p.want == "" {
		p.want = form
	}
	if p.want == "encryption_required" {
		l.unsealed++
	}
	p.accepted = p.want == ""
	for _, other := range l.of(c.party) {
		if err := l.drain(other); err != nil {
			return nil, err
		}
		if other.listens(name) {
			p.hearers[other] = true
		}
	}
	for _, other := range l.clients {
		if other.party != c.party && other.listens(name) {
			l.near++
		}
	}
	l.publications = append(l.publications, p)
	return p, nil
}

func (l *live) publish(c *client) error {
	name := l.channel(c.party)
	p, err := l.says(c, name)
	if err != nil {
		return err
	}
	n, want := len(l.publications)-1, p.want
	if p.alone = l.chance.IntN(4) == 0; p.alone {
		return l.publishAlone(c, name, n)
	}
	b := l.body("publish", name)
	maps.Copy(b, p.members)
	if l.chance.IntN(4) == 0 {
		key, again := l.keyed(c, name)
		if b["idempotency_key"] = key; want == "" {
			want = again
		}
		p.accepted = want == ""
	}
	s, err := l.request(c, b)
	if err != nil {
		return err
	}
	if err := verdict(c, "publish on "+name, s, want); err != nil || want != "" {
		return err
	}
	return l.stored(n, s.raw)
}

func (c *client) listens(name string) bool {
	_, ok := c.hears[name]
	return ok
}

func (l *live) echo(c *client) error {
	name := l.channel(c.party)
	b := l.body("echo", name)
	b["data"] = "an echo"
	want := c.forbidden("echo", name)
	if want == "" && c.party.seals(name) {
		want = "encryption_required"
	}
	s, err := l.request(c, b)
	if err != nil {
		return err
	}
	return verdict(c, "echo on "+name, s, want)
}

func (l *live) subscribe(c *client) error {
	name := l.channel(c.party)
	b, want, chosen := l.body("subscribe", name), c.forbidden("subscribe", name), c.hears[name].by != itself
	since := l.somewhere(name)
	if since != nil {
		b["since"] = since
	}
	sees := l.chance.IntN(2) == 0
	if b["join_leave"] = sees; sees && want == "" {
		want = c.forbidden("presence", name)
	}
	if want == "" && c.listens(name) && (since == nil || !chosen) {
		want = "already_subscribed"
	}
	// What is said behind the ok is heard, so the ok counts when it is read.
	s, err := l.request(c, b)
	if err != nil {
		return err
	}
	if since != nil && chosen {
		l.leaves(c, name) // its own takes the place of what was chosen for it
	}
	if err := verdict(c, "subscribe to "+name, s, want); err != nil || want != "" {
		return err
	}
	if sees {
		c.sees[name] = true
	}
	return l.continues(c, name, s, since)
}

func (l *live) unsubscribe(c *client) error {
	name := l.channel(c.party)
	want := "not_subscribed"
	if c.listens(name) {
		want = ""
	}
	s, err := l.request(c, l.body("unsubscribe", name))
	if err != nil {
		return err
	}
	l.leaves(c, name)
	return verdict(c, "unsubscribe from "+name, s, want)
}

// leaves notes that a client hears a channel no more: what was said before may have been lost on the way.
func (l *live) leaves(c *client, names ...string) {
	for _, name := range names {
		delete(c.hears, name)
		delete(c.sees, name)
		for _, p := range l.publications[l.checked:] {
			if p.name == name && p.hearers[c] {
				p.hearers[c] = false
			}
		}
		for n := range c.owed {
			if l.publications[n].name == name {
				delete(c.owed, n)
			}
		}
	}
}
