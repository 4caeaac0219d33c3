package walls_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Nothing ever crosses: every message that anybody hears was said in their own tenant, on that channel, by somebody whom a naive reading of the rules lets say it, to somebody whom
// it lets hear it; what was refused is heard by nobody; and no frame, answer, line or metric names another tenant or its users.
func TestNothingEverCrosses(t *testing.T) {
	worlds, steps := 2, 1200
	if os.Getenv("PORTCULLIS_LONG") != "" {
		worlds, steps = 20, 3000
	}
	first := uint64(time.Now().UnixNano())
	if text := os.Getenv("PORTCULLIS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PORTCULLIS_SEED is %q: %v", text, err)
		}
		first, worlds = seed, 1
	}
	deliveries, near := 0, 0
	proves := func() bool { return worlds == 1 || deliveries > 0 && near > 0 }
	// In some worlds nobody may say anything that anybody may hear: such a one alone proves nothing.
	for i := 0; i < worlds || i < worlds+10 && !proves(); i++ {
		seed := first + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(seed)
			l := &live{world: w, house: build(t, w)}
			t.Cleanup(l.hangUp)
			if err := l.run(steps); err != nil {
				t.Fatalf("step %d: %v\nPORTCULLIS_SEED=%d replays it; the configuration:\n%s", l.step, err, seed, w.yaml(t))
			}
			t.Logf("%d steps, %d requests, %d publications, %d deliveries, %d that would have crossed, %d reloads", steps, l.requests, len(l.publications), l.deliveries, l.near, l.reloads)
			deliveries, near = deliveries+l.deliveries, near+l.near
		})
	}
	if !t.Failed() && !proves() {
		t.Error("nobody heard anything, or nobody of another tenant was there to hear it: the worlds prove nothing")
	}
}

func (l *live) hangUp() {
	for _, c := range l.clients {
		_ = c.ws.CloseNow()
	}
}

const perParty = 4

func (l *live) run(steps int) error {
	for _, p := range l.parties {
		for range perParty {
			if err := l.arrive(p); err != nil {
				return err
			}
		}
	}
	for l.step = range steps {
		if err := l.act(); err != nil {
			return err
		}
		if l.step%50 == 49 {
			if err := l.settle(); err != nil {
				return err
			}
		}
	}
	if err := l.settle(); err != nil {
		return err
	}
	time.Sleep(50 * time.Millisecond) // for what nobody should hear there is nothing to wait for
	for _, c := range l.clients {
		if err := l.drain(c); err != nil {
			return err
		}
	}
	return l.audited(l.parties)
}

// act does one thing at random.
func (l *live) act() error {
	c := pick(l.world, l.clients)
	switch n := l.chance.IntN(100); {
	case n < 34:
		return l.publish(c)
	case n < 59:
		return l.subscribe(c)
	case n < 68:
		return l.unsubscribe(c)
	case n < 74:
		return l.echo(c)
	case n < 78:
		return l.presence(c)
	case n < 84:
		return l.refresh(c)
	case n < 86:
		return l.usurp(c)
	case n < 88:
		return l.whoami(c)
	case n < 90:
		return l.check(c)
	case n < 93:
		return l.withTicket(c)
	case n < 95:
		return l.manage(c)
	case n < 97:
		return l.revoke(c)
	case n < 99:
		return l.reload()
	}
	return l.suspend(c.party)
}

// arrive lets somebody of a tenant connect.
func (l *live) arrive(p *party) error {
	c := &client{party: p, user: pick(l.world, p.users)}
	if p.revoked[c.user] {
		c.user = l.newUser(p)
	}
	l.credential(c, some(l.world, roles))
	return l.enter(c, "")
}

// enter connects, and looks at the welcome.
func (l *live) enter(c *client, ticket string) error {
	if err := l.dial(c, ticket); err != nil {
		return err
	}
	l.clients = append(l.clients, c)
	s, err := l.next(c, patience)
	if err != nil {
		return err
	}
	if s.Type != "welcome" || s.Tenant != c.party.id || s.User != c.user {
		return fmt.Errorf("%s of %s is welcomed as %s", c.user, c.party.id, s.raw)
	}
	c.connection = s.Connection
	c.party.connections[c.connection] = c.user
	return nil
}

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

func (l *live) publish(c *client) error {
	name := l.channel()
	p := &publication{by: c, name: name, accepted: c.forbidden("publish", name) == "", hearers: make(map[*client]bool)}
	for _, other := range l.of(c.party) {
		if err := l.drain(other); err != nil {
			return err
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
	b := l.body("publish", name)
	b["data"] = len(l.publications)
	l.publications = append(l.publications, p)
	if p.alone = l.chance.IntN(4) == 0; p.alone {
		return l.publishAlone(c, name, len(l.publications)-1)
	}
	s, err := l.request(c, b)
	if err != nil {
		return err
	}
	return verdict(c, "publish on "+name, s, c.forbidden("publish", name))
}

func (c *client) listens(name string) bool {
	_, ok := c.hears[name]
	return ok
}

func (l *live) echo(c *client) error {
	name := l.channel()
	b := l.body("echo", name)
	b["data"] = "an echo"
	s, err := l.request(c, b)
	if err != nil {
		return err
	}
	return verdict(c, "echo on "+name, s, c.forbidden("echo", name))
}

func (l *live) subscribe(c *client) error {
	name := l.channel()
	b, want := l.body("subscribe", name), c.forbidden("subscribe", name)
	sees := l.chance.IntN(2) == 0
	if b["join_leave"] = sees; sees && want == "" {
		want = c.forbidden("presence", name)
	}
	if want == "" && c.listens(name) {
		want = "already_subscribed"
	}
	// What is said behind the ok is heard, so the ok counts when it is read.
	s, err := l.request(c, b)
	if err != nil {
		return err
	}
	if s.Type == "ok" {
		if sees {
			c.sees[name] = true
		}
		c.hears[name] = l.checked // what is on its way may come too
	}
	return verdict(c, "subscribe to "+name, s, want)
}

func (l *live) unsubscribe(c *client) error {
	name := l.channel()
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
	}
}

// refresh gives a client other rights.
func (l *live) refresh(c *client) error {
	l.credential(c, some(l.world, roles))
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
		if c.may("subscribe", name) {
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
	return nil
}

// usurp refreshes with a token of somebody else: the user of the same name of another tenant, or another user.
func (l *live) usurp(c *client) error {
	other := &client{party: pick(l.world, l.present()), user: c.user}
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

// withTicket lets somebody come by a ticket, in the place of a connection.
func (l *live) withTicket(c *client) error {
	status, text := l.asks(http.MethodPost, l.Addr(), "/v1/tickets", c.token, "")
	var minted struct{ Ticket string }
	if err := json.Unmarshal([]byte(text), &minted); err != nil || status != http.StatusCreated {
		return fmt.Errorf("%s of %s gets no ticket: %d %s", c.user, c.party.id, status, text)
	}
	l.forget(c)
	_ = c.ws.CloseNow()
	again := &client{party: c.party, user: c.user, roles: c.roles, grants: c.grants, token: c.token, jti: c.jti, sid: c.sid}
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

// settle waits until everybody has heard what they must have.
func (l *live) settle() error {
	for _, c := range l.clients {
		s, err := l.request(c, map[string]any{"type": "ping"})
		if err != nil {
			return fmt.Errorf("%s of %s does not live: %w, %d", c.user, c.party.id, err, c.code)
		}
		if err := verdict(c, "ping", s, ""); err != nil {
			return err
		}
	}
	for n, p := range l.publications[l.checked:] {
		for c, stayed := range p.hearers {
			for stayed && p.accepted && !c.heard[l.checked+n] {
				if _, err := l.next(c, patience); err != nil {
					return fmt.Errorf("%w; %s was said on %s by %s", err, strconv.Itoa(l.checked+n), p.name, p.by.user)
				}
			}
		}
	}
	l.checked = len(l.publications)
	return nil
}
