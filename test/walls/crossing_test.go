package walls_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// Nothing ever crosses: every message that anybody hears was said in their own tenant, on that channel, by somebody whom a naive reading of the rules lets say it, to somebody whom
// it lets hear it; what was refused is heard by nobody; what is encrypted for a channel of one tenant is said on no other; a history and a position are the tenant's own and whole, what was chosen for somebody is what their tenant chose for them; and no frame, answer, line or metric names another tenant or its users.
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
	deliveries, near, recoveries, read, given, sealed, unsealed := 0, 0, 0, 0, 0, 0, 0
	proves := func() bool {
		return worlds == 1 || min(deliveries, near, recoveries, read, given, sealed, unsealed) > 0
	}
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
			t.Logf("%d continued, %d messages of histories, %d subscriptions chosen by others", l.recoveries, l.read, l.given)
			t.Logf("%d deliveries of what is encrypted, %d publications refused because they were not", l.sealed, l.unsealed)
			sealed, unsealed = sealed+l.sealed, unsealed+l.unsealed
			deliveries, near, recoveries, read, given = deliveries+l.deliveries, near+l.near, recoveries+l.recoveries, read+l.read, given+l.given
		})
	}
	if !t.Failed() && !proves() {
		t.Error("nobody heard, encrypted, continued, read or was given anything, or nobody of another tenant was there to hear it: the worlds prove nothing")
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
	case n < 28:
		return l.publish(c)
	case n < 31:
		return l.batch(c)
	case n < 56:
		return l.subscribe(c)
	case n < 63:
		return l.unsubscribe(c)
	case n < 66:
		return l.echo(c)
	case n < 70:
		return l.presence(c)
	case n < 76:
		return l.history(c)
	case n < 78:
		return l.purge(c)
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
	c := &client{party: p, who: who{user: pick(l.world, p.users)}}
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
	return l.greeted(c, s)
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
	return l.owes()
}
