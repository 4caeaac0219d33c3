// Package hub is where channels live: the verbs that a principal may use on them, and the delivery to this node's subscribers.
//
// Every verb asks the same questions in the same order, whoever calls it: is the name a name, is there a limit, does a rule allow
// it, does the engine take it. A session, the HTTP API and the admin side all come through here.
package hub

import (
	"context"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/presence"
	"portcullis/internal/wire"
)

// shards spread the rooms' lock. A power of two.
const shards = 64

// Hub holds the channels of this node that have subscribers.
type Hub struct {
	// Set by New, then read-only.
	broker   broker.Broker
	observer Observer
	follower Follower
	log      *slog.Logger
	presence *presence.Presence
	seed     maphash.Seed
	slices   int // how many goroutines may deliver one batch

	commands map[string]func(data []byte) // by kind

	rooms       [shards]shard
	directory   directory
	dispatchers sync.WaitGroup
	breath      limit.Breath
	up          chan struct{} // closed by the engine's first Up
	once        sync.Once
	reached     chan struct{} // closed once it is known too who is where
}

// shard is a part of the rooms, of all tenants. Its lock is held for a look, and never while one of a room is waited for, or a client is written to.
type shard struct {
	// Guarded by mu.
	mu        sync.RWMutex
	rooms     map[channel.Ref]*room
	audiences map[channel.Ref]*audience
}

// Observer hears what the hub does. Its methods must not wait.
type Observer interface {
	// Decided is a question that the policy answered.
	Decided(action acl.Action, d acl.Decision)
	// Denied is a question that the policy answered with no.
	Denied(p *auth.Principal, action acl.Action, name channel.Name, d acl.Decision)
	// Unsubscribed is a subscription that ended before its connection.
	Unsubscribed(why Ending)
	// Chosen is a subscription that somebody else chose for a client; refused says why it was not made, and is empty where it was.
	Chosen(by Chooser, refused wire.Code)
	// Delivered is one batch of a channel that was written or queued for its subscribers.
	Delivered(b *Batch)
	// Recovered is a subscriber that wanted to continue, or that did; why is empty where it does, and so many messages come before the first new one.
	Recovered(why wire.Unrecovered, replayed int)
	// Read is a page of history, of so many messages.
	Read(messages int)
	// Caught is messages that were given to one subscriber beside the others.
	Caught(messages, bytes int)
	// Dropped is messages that a subscriber does not get, because it did not read as fast as the channel speaks.
	Dropped(why channel.SlowReader, messages int)
	// Gap is a gap that so many subscribers were told of.
	Gap(why wire.GapReason, recipients int)
	// Subscriptions and Channels change by these numbers.
	Subscriptions(change int)
	Channels(change int)
	// Members change by one: subscriptions to channels with presence.
	Members(change int)
	// Told is joins and leaves that were written or queued for so many of a channel's subscribers, in so many bytes on the wire.
	Told(notices []*wire.Notice, recipients, bytes int)
}

// Follower hears who does what on which channel. Its methods must not wait; locks of the hub are held during most of them, so they call nothing of it.
//
// What one connection does is told in its order, and so is what becomes of one channel; of what several publish on one channel at once, only the position
// says which came first.
type Follower interface {
	// Subscribed and Unsubscribed are a subscription of a connection of p's that began and ended. Every one that began ends, with its connection at the latest.
	Subscribed(p *auth.Principal, connection string, name channel.Name)
	Unsubscribed(p *auth.Principal, connection string, name channel.Name, why Ending)
	// Occupied and Vacated are a channel that has its first subscriber on this node, and has none any more.
	Occupied(ref channel.Ref)
	Vacated(ref channel.Ref)
	// Published is a message that the engine has, with its position. It must not be changed.
	Published(m message.Message)
}

// nobody follows a hub that nobody follows.
type nobody struct{}

func (nobody) Subscribed(*auth.Principal, string, channel.Name)           {}
func (nobody) Unsubscribed(*auth.Principal, string, channel.Name, Ending) {}
func (nobody) Occupied(channel.Ref)                                       {}
func (nobody) Vacated(channel.Ref)                                        {}
func (nobody) Published(message.Message)                                  {}

// Subscriber takes what a channel says.
type Subscriber interface {
	// Dialect says how; it is always the same.
	Dialect() wire.Dialect
	// Deliver takes what a channel says, to the subscription that is lane, nil for none. It never waits.
	Deliver(p *wire.Parcel, lane wire.Lane) Outcome
	// Await waits, until a time, for a crowded subscriber to have room again: only while it is this machine that has not sent yet what the client would take, never for the client.
	Await(until time.Time)
}

// Outcome is what became of a delivery.
type Outcome int

// The outcomes.
const (
	Lost    Outcome = iota // the subscriber is ending, perhaps for this
	Taken                  // on its way
	Kept                   // queued: the subscriber refers to the parcel, which must not change any more
	Crowded                // kept, and the subscriber has not much room left
)

// New returns a hub over an engine. Run moves it.
func New(b broker.Broker, o Observer, log *slog.Logger) *Hub {
	h := &Hub{
		broker: b, observer: o, follower: nobody{}, log: log, seed: maphash.MakeSeed(), slices: runtime.GOMAXPROCS(0), up: make(chan struct{}), reached: make(chan struct{}),
	}
	h.presence = presence.New(b.State(), h.tell, o.Members, log)
	for i := range h.rooms {
		h.rooms[i].rooms = make(map[channel.Ref]*room)
		h.rooms[i].audiences = make(map[channel.Ref]*audience)
	}
	return h
}

// Follow lets f hear what members do. It is called before the first one joins.
func (h *Hub) Follow(f Follower) { h.follower = f }

// OnCommand lets f hear the commands of one kind that any node gives to the engine. It is called before Run; f must return quickly.
func (h *Hub) OnCommand(kind string, f func(data []byte)) {
	if h.commands == nil {
		h.commands = make(map[string]func([]byte))
	}
	h.commands[kind] = f
}

// Run connects the hub with its engine until ctx ends. It returns when everything that had come in is delivered.
func (h *Hub) Run(ctx context.Context) error {
	engine, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	inner, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	var knowing sync.WaitGroup
	knowing.Go(func() {
		defer stop() // of those who left the engine hears before it is left
		failed(h.know(inner))
	})
	err := h.broker.Run(engine, sink{h})
	failed(err)
	knowing.Wait()
	h.dispatchers.Wait()
	h.breath.Close()
	if err == nil && ctx.Err() == nil {
		err = context.Cause(inner)
	}
	return err
}

// know keeps who is where, from the moment at which the engine is reached.
func (h *Hub) know(ctx context.Context) error {
	select {
	case <-h.up:
		return h.presence.Run(ctx, func() { close(h.reached) })
	case <-ctx.Done():
		return nil
	}
}

// Reached is closed once the engine was reached for the first time, and has told who is where.
func (h *Hub) Reached() <-chan struct{} { return h.reached }

// sink is the engine's way in.
type sink struct{ hub *Hub }

func (s sink) Message(m *message.Message) {
	if r := s.hub.shard(m.Channel).find(m.Channel); r != nil {
		r.enqueue(s.hub, m)
	}
}

// Command hands a command to whoever knows its kind. A newer node may have kinds that this one does not know.
func (s sink) Command(c broker.Command) {
	if f := s.hub.commands[c.Kind]; f != nil {
		f(c.Data)
	}
}

func (s sink) Up()        { s.hub.once.Do(func() { close(s.hub.up) }) }
func (s sink) Down(error) {}

func (h *Hub) shard(ref channel.Ref) *shard {
	return &h.rooms[maphash.Comparable(h.seed, ref)&(shards-1)]
}

func (s *shard) find(ref channel.Ref) *room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rooms[ref]
}

// join adds a subscription to the room of its channel, and makes the room where it is the first; a makes an account of both, for a member that has so
// many subscriptions. f hears of the room. confirm runs once nothing can fail, before the first delivery; a nil one is for a subscription that catches up first. What it writes to the client keeps nobody waiting but those of the same room:
// a shard is shared by all tenants.
func (h *Hub) join(ref channel.Ref, a *limit.Tenant, has int, s *Subscription, f Follower, confirm func()) *wire.Fault {
	r, made, fault := h.shard(ref).enter(h, ref, a, has, f)
	if fault != nil {
		return fault
	}
	if made {
		h.directory.note(ref, 1)
	}
	s.room = r
	r.slow.Store(int32(s.slow))
	h.observer.Subscriptions(1) // whoever is told of its subscription finds it counted
	if confirm == nil {
		r.begin(s)
	} else {
		r.add(s, confirm)
	}
	return nil
}

// enter takes a place in the room of a channel, which it makes where nobody has one.
func (s *shard) enter(h *Hub, ref channel.Ref, a *limit.Tenant, has int, f Follower) (r *room, made bool, fault *wire.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r = s.rooms[ref]
	if r != nil {
		a = r.account // where all of the room is taken from and given back to
	}
	if over := a.Subscribe(has, r == nil); over.Any() {
		return nil, false, &wire.Fault{Code: wire.QuotaExceeded, Message: over.Text()}
	}
	if r == nil {
		if err := h.broker.Interest([]channel.Ref{ref}, nil); err != nil {
			a.Unsubscribe(true)
			return nil, false, &wire.Fault{Code: wire.Unavailable, Message: "the engine cannot be reached", Retry: time.Second}
		}
		r = &room{ref: ref, account: a, follower: f, observer: h.observer}
		s.rooms[ref] = r
		h.observer.Channels(1)
		f.Occupied(ref)
		made = true
	}
	r.places++
	return r, made, nil
}

// leave removes a subscription, and its room where it was the last. Nothing more is delivered to it once settled, where there is one, is closed.
func (h *Hub) leave(s *Subscription) (settled <-chan struct{}) {
	settled = s.room.remove(s)
	if gone := h.shard(s.room.ref).leave(h, s.room); gone {
		h.directory.note(s.room.ref, -1)
	}
	h.observer.Subscriptions(-1)
	return settled
}

// leave gives back a place in a room, and reports whether it was the last.
func (s *shard) leave(h *Hub, r *room) (gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.places--
	r.account.Unsubscribe(r.places == 0)
	if r.places > 0 {
		return false
	}
	delete(s.rooms, r.ref)
	_ = h.broker.Interest(nil, []channel.Ref{r.ref}) // an engine that cannot be told sends what nobody hears
	h.observer.Channels(-1)
	r.follower.Vacated(r.ref)
	return true
}
