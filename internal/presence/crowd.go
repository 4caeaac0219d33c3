package presence

import (
	"sync"
	"time"

	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// crowd is who is on one channel. Whoever calls its methods holds mu, but for empty.
type crowd struct {
	using int // by so many at the moment; guarded by the shard's mu

	// Guarded by mu.
	mu      sync.Mutex
	members map[string]*member // by connection
	users   map[string]*user
	most    int  // members that are listed; 0 while nobody of this node is among them, and so nobody to tell
	quiet   bool // there were more than that: joins and leaves are not told
}

type member struct {
	message.Member
	seat *Seat // nil for another node's
}

// user is one user's part of a crowd.
type user struct {
	connections int       // that are there
	held        *member   // the last one, which is gone: the user still counts as present under it; else nil
	leaves      time.Time // for how long
}

func newCrowd() *crowd {
	return &crowd{members: make(map[string]*member), users: make(map[string]*user)}
}

// empty is for whoever is the last to use it.
func (c *crowd) empty() bool { return len(c.members) == 0 }

// own returns the seat of a connection of this node that is there.
func (c *crowd) own(connection string) *Seat {
	if m := c.members[connection]; m != nil {
		return m.seat
	}
	return nil
}

// enter puts a connection in, or what is new about one that is in already. The user's last connection, where it was held, gives way to it without a word.
func (c *crowd) enter(m message.Member, s *Seat) *wire.Notice {
	if old := c.members[m.Connection]; old != nil && old.User != m.User {
		return nil // a connection has one user for all its life: what says otherwise is no word of a gateway's
	}
	u := c.users[m.User]
	first := u == nil
	if first {
		u = new(user)
		c.users[m.User] = u
	}
	if u.held != nil {
		delete(c.members, u.held.Connection)
		u.held = nil
	}
	if c.members[m.Connection] == nil {
		u.connections++
	}
	c.members[m.Connection] = &member{m, s}
	if !first {
		return c.balance(nil)
	}
	return c.balance(&wire.Notice{Kind: wire.Join, Member: &m})
}

// inform changes what others see of a connection.
func (c *crowd) inform(connection, info string) {
	if m := c.members[connection]; m != nil {
		changed := *m // a notice may refer to the old one
		changed.Info = info
		c.members[connection] = &changed
		if u := c.users[m.User]; u.held == m {
			u.held = &changed
		}
	}
}

// exit takes a connection out. Where it was its user's last it is held instead, and the user returned.
func (c *crowd) exit(connection string, now time.Time) (held *user, n *wire.Notice) {
	m := c.members[connection]
	if m == nil {
		return nil, nil
	}
	u := c.users[m.User]
	if u.held == m {
		return nil, nil
	}
	if u.connections--; u.connections > 0 {
		delete(c.members, connection)
		return nil, c.balance(nil)
	}
	m.seat = nil
	u.held, u.leaves = m, now.Add(Grace)
	return u, nil
}

// part ends the grace of a user, where nothing has happened since exit held it.
func (c *crowd) part(name string, u *user, leaves time.Time) *wire.Notice {
	if c.users[name] != u || u.held == nil || !u.leaves.Equal(leaves) {
		return nil
	}
	delete(c.users, name)
	delete(c.members, u.held.Connection)
	return c.balance(&wire.Notice{Kind: wire.Leave, Member: &u.held.Member})
}

// balance returns what is told after a change, of which n, nil for nothing, would be told while the crowd is not too large. It is told once that joins and leaves are told no more, and once
// that they are again; a tenth less than what made it too large, so that one who comes and goes does not make everybody ask who is there.
func (c *crowd) balance(n *wire.Notice) *wire.Notice {
	count := len(c.members)
	switch {
	case c.most == 0:
		return nil
	case !c.quiet && count > c.most:
		c.quiet = true
		return &wire.Notice{Kind: wire.JoinLeave, Count: count}
	case c.quiet && count <= c.most-c.most/10:
		c.quiet = false
		return &wire.Notice{Kind: wire.JoinLeave, Told: true, Count: count}
	case c.quiet:
		return nil
	}
	return n
}

// list returns who is there, in no order; of more than most their number alone, and wherever joins and leaves are not told: what is listed is kept up to date by them.
func (c *crowd) list(most int) wire.Attendance {
	l := wire.Attendance{Count: len(c.members)}
	if l.Count > most || c.quiet {
		return l
	}
	l.Members = make([]message.Member, 0, l.Count)
	for _, m := range c.members {
		l.Members = append(l.Members, m.Member)
	}
	return l
}
