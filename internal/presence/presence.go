// Package presence knows who is on a channel: the connections of all nodes that are subscribed to it, and whose they are.
//
// A connection is a member from its subscribe to the end of its subscription. Every node keeps its own members in the engine's memory, as leases that it renews, and hears there of all others': a node
// that died renews nothing, and its members are gone when their leases are. Nobody has to notice, and nobody decides for others: each node tells its own clients what it sees.
//
// What clients are told is about users. A user joins with the first of its connections, and leaves when the last one has been gone for [Grace]; until then it counts as present, under that connection. So a
// list and what is told after it never disagree on who is there, and a connection that flaps tells nothing. Of a crowd, a channel with more members than may be listed, joins and
// leaves are not told at all: what everybody says to everybody grows with the square of their number.
package presence

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

const (
	// Grace is how long a user whose last connection is gone counts as present: time to reconnect.
	Grace = 5 * time.Second
	// Lease is how long the engine remembers a member whose node does not renew it. It is below a minute, from which on an engine may keep it beyond a restart.
	Lease = 40 * time.Second
	// Renew is how often a node renews its members: two renewals may fail.
	Renew = 15 * time.Second
)

// Store is the engine's memory, as far as presence uses it. The engine's contract holds.
type Store interface {
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Watch(ctx context.Context, prefix string, changed func(key string, value []byte), current func()) error
}

// shards spread the lock. A power of two.
const shards = 64

// Presence is one node's knowledge of who is where. It is moved by Run, and safe for concurrent use.
type Presence struct {
	// Set by New, then read-only.
	store   Store
	tell    func(ref channel.Ref, n *wire.Notice)
	members func(change int)
	log     *slog.Logger
	seed    maphash.Seed

	current atomic.Bool // what was in the engine when Run began is known
	leases  leases
	leaving leaving
	shards  [shards]shard
}

type shard struct {
	// Guarded by mu.
	mu     sync.Mutex
	crowds map[channel.Ref]*crowd
}

// New returns a presence that knows nobody. tell is called with what those who asked for it on this node are to hear, in its order, while the channel is locked: it must not wait, and not call back. members
// hears by how many this node's own change.
func New(s Store, tell func(channel.Ref, *wire.Notice), members func(change int), log *slog.Logger) *Presence {
	p := &Presence{store: s, tell: tell, members: members, log: log, seed: maphash.MakeSeed(), leases: newLeases(), leaving: newLeaving()}
	for i := range p.shards {
		p.shards[i].crowds = make(map[channel.Ref]*crowd)
	}
	return p
}

// Run keeps this node's members in the engine and learns of all others' until ctx ends; current is called once it knows those who were there. What members left behind just before the end
// is taken from the engine still, for a moment. It returns an error when the engine cannot tell any more.
func (p *Presence) Run(ctx context.Context, current func()) error {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { p.keep(ctx) })
	all.Go(func() { p.part(ctx) })
	err := p.store.Watch(ctx, prefix, p.heard, func() {
		p.current.Store(true)
		current()
	})
	stop()
	all.Wait()
	if errors.Is(err, broker.ErrClosed) {
		return nil
	}
	return err
}

// Enter makes a connection of this node a member of a channel that lists so many. It returns at once, and other nodes hear of it soon. Leave takes the seat back. first is called before anybody is told
// of it, and before anybody can ask who is there without finding it: it must not wait, and not call back.
func (p *Presence) Enter(ref channel.Ref, m message.Member, most int, first func()) *Seat {
	s := &Seat{ref: ref, user: m.User, connection: m.Connection, info: m.Info}
	p.change(ref, func(c *crowd) *wire.Notice {
		first()
		p.leases.want(s)
		c.most = most
		return c.enter(m, s)
	})
	p.members(1)
	return s
}

// Update changes what others see of a member, and how many its channel lists. Nobody is told of the first: whoever asks sees it.
func (p *Presence) Update(s *Seat, info string, most int) {
	p.change(s.ref, func(c *crowd) *wire.Notice {
		if s.info != info {
			p.leases.inform(s, info)
			c.inform(s.connection, info)
		}
		c.most = most
		return c.balance(nil)
	})
}

// Leave ends a membership, once.
func (p *Presence) Leave(s *Seat) {
	p.change(s.ref, func(c *crowd) *wire.Notice {
		p.leases.drop(s)
		return p.exit(c, s.ref, s.connection)
	})
	p.members(-1)
}

// Members calls f with who is on a channel, in the order of what is told there: what f sends to a client comes before whatever happens next. f must not wait, and not call back. It reports false, and
// calls nothing, while it is not known who is there.
func (p *Presence) Members(ref channel.Ref, most int, f func(wire.Attendance)) bool {
	if !p.current.Load() {
		return false
	}
	c := p.hold(ref)
	defer p.release(ref, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.list(most))
	return true
}

// change does something to a channel's crowd, and tells what comes of it.
func (p *Presence) change(ref channel.Ref, do func(*crowd) *wire.Notice) {
	c := p.hold(ref)
	defer p.release(ref, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := do(c); n != nil {
		n.Channel = ref.Name.String()
		p.tell(ref, n)
	}
}

// hold returns a channel's crowd for somebody who will use it until release. The shard, which tenants share, is locked for the look alone.
func (p *Presence) hold(ref channel.Ref) *crowd {
	s := p.shard(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.crowds[ref]
	if c == nil {
		c = newCrowd()
		s.crowds[ref] = c
	}
	c.using++
	return c
}

// release lets go of a crowd, which is forgotten when nobody is in it and nobody uses it.
func (p *Presence) release(ref channel.Ref, c *crowd) {
	s := p.shard(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.using--; c.using == 0 && c.empty() {
		delete(s.crowds, ref)
	}
}

func (p *Presence) shard(ref channel.Ref) *shard {
	return &p.shards[maphash.Comparable(p.seed, ref)&(shards-1)]
}

// heard takes a change of the engine's memory. Of this node's own members it knows better, and says it again where the engine forgot one.
func (p *Presence) heard(key string, value []byte) {
	ref, connection, err := address(key)
	if err != nil {
		p.log.Warn("a member of a channel cannot be read: it is left out", "event", "presence.unreadable", "error", err)
		return
	}
	m := message.Member{Connection: connection}
	if value != nil {
		if m.User, m.Info, err = read(value); err != nil {
			p.log.Warn("a member of a channel cannot be read: it is left out", "event", "presence.unreadable", "key", key, "error", err)
			return
		}
	}
	p.change(ref, func(c *crowd) *wire.Notice {
		own := c.own(connection)
		switch {
		case own != nil && value == nil:
			p.leases.want(own)
		case own != nil:
		case value == nil:
			return p.exit(c, ref, connection)
		default:
			return c.enter(m, nil)
		}
		return nil
	})
}
