// Package broker is the contract between the gateway and the engine that carries its messages.
//
// Every publication takes the same road, near or far: hub, broker, every node's hub. Presence, revocation, tickets and the list of
// nodes are built on Control and State; they add nothing to this contract. An engine is one folder beside this one, and it
// passes brokertest.Run.
package broker

import (
	"context"
	"errors"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/message"
)

// Why a call failed. An engine may return other errors too.
var (
	// ErrClosed is returned by every call on a broker whose Run has ended.
	ErrClosed = errors.New("the broker is closed")
	// ErrUnavailable is returned while the engine is not reached: before the sink heard Up, and between Down and Up. Interest
	// alone works then: it is remembered.
	ErrUnavailable = errors.New("the engine is not reached")
	// ErrConflict is returned for a publication whose ID another one had, with other data.
	ErrConflict = errors.New("another message was published with this id")
	// ErrFull is returned for a publication whose ID cannot be remembered, because the tenant has so many already. It is not published.
	ErrFull = errors.New("the tenant has as many ids of publications as it may")
)

// Broker is an engine. All methods but Run may be called concurrently, before, while and after Run runs.
//
// An engine may call the sink from inside Publish and Control, on the caller's goroutine. So nobody may call these two while it holds a lock
// that the sink's methods take. The others never wait for the sink, and may be called with such a lock held.
type Broker interface {
	// Publish hands m to the engine and returns once the engine has it, with the position that it gave: the zero
	// Position where keep is zero. Messages of one channel from one caller arrive in the order of the calls.
	// An error other than ErrConflict and ErrFull means that nothing is known about m: it may still arrive.
	//
	// Of publications with one ID within [Window] the first is published. The others get its receipt, marked as a duplicate, or ErrConflict where their data
	// is another; an engine that does not have the first any more may take them for the same.
	Publish(ctx context.Context, m message.Message, keep Keep) (Receipt, error)

	// Interest changes the set of channels whose messages this node wants. It takes effect before it returns: what is published after an
	// addition arrives; after a removal, only what was on its way. A channel in both lists stays. Adding one that is there and removing one
	// that is not do nothing.
	Interest(add, remove []channel.Ref) error

	// Since returns up to limit messages of ref after from, oldest first, and whether none is missing between from and the last of them: false when
	// something between was trimmed, or may have been, when the epoch is another, or when the channel keeps no history. A full page may have more
	// behind it. Where from names no place in this epoch, as the zero Position does not, the page begins with the oldest that is stored.
	//
	// Whatever this node's sink was given before the call is in it: so who listens first, and asks then, misses nothing between the two.
	Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) (page []message.Message, complete bool, err error)

	// Before returns up to limit messages of ref before from, newest first, and whether from names a place in this epoch. Where it does not, the page begins with
	// the newest. It says nothing of what is not stored any more.
	Before(ctx context.Context, ref channel.Ref, from message.Position, limit int) (page []message.Message, known bool, err error)

	// Purge forgets what is stored of ref, and returns a position behind it. It is a trim: the epoch stays, and offsets grow on. Nothing that was acknowledged before the
	// call is found any more; what is published meanwhile may be.
	Purge(ctx context.Context, ref channel.Ref) (message.Position, error)

	// Heads returns a position of each ref, in the same order: that of its newest message; where none is stored, one behind everything that was
	// published. It is for channels that keep history; of others it says nothing, and may be zero.
	Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error)

	// Control hands a command to every node, this one included, and returns once the engine has it. Commands from one caller arrive in the
	// order of the calls. The caller does not change Data afterwards.
	Control(ctx context.Context, command Command) error

	// State is the engine's small shared memory.
	State() State

	// Run connects sink with the engine until ctx ends; it then returns nil after the last call of sink. It returns an error only when the engine
	// cannot go on. It is called once; a second call is an error.
	Run(ctx context.Context, sink Sink) error
}

// Window is for how long the engine remembers the ID of a publication, at least.
const Window = 5 * time.Minute

// Keep is how much of a channel the engine stores. The zero Keep stores nothing.
type Keep struct {
	Messages int           // the newest so many; 0 stores nothing
	Age      time.Duration // and none older than this; 0 is for ever
	// Total is about how many bytes all channels of the tenant may store together; 0 is as many as they like. When it is more, the oldest go, of whatever channel. It is
	// for engines that store in this process's memory; another has a bound of its own.
	Total int
	// ID makes a repeated publication one with the first; the zero ID makes none. Whoever makes one puts into it whose it is: the engine does not tell channels apart by
	// it. Only what is stored has one.
	ID ID
}

// ID names a publication.
type ID [16]byte

// Receipt is what an engine says of a message that it has.
type Receipt struct {
	Position  message.Position
	Duplicate bool // it was published before, and the position is that of the first
}

// Command is something that every node must do, as the package that Kind names spells it.
type Command struct {
	Kind string
	Data []byte
}

// Sink hears from the engine. Its methods must return quickly, never wait for a client, and not call Publish or Control. They are called from several
// goroutines at once; the messages of a channel that keeps history come one after the other, in the order of their offsets.
type Sink interface {
	// Message is a publication on a channel of interest. The sink may keep it and must not change it.
	Message(m *message.Message)
	// Gap says that messages of ref may have been lost.
	Gap(ref channel.Ref)
	// Command is what a node, perhaps this one, gave to Control.
	Command(c Command)
	// Up and Down say whether the engine is reached. Up is called first, and returns soon: whoever hears of it is served, but hears nothing else before it has returned.
	Up()
	Down(err error)
}

// State is a map shared by all nodes.
type State interface {
	// Put stores a copy of value under key for ttl, 0 for ever. A newer Put replaces value and ttl. A negative ttl is over already: it
	// removes the key.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Add is Put for a key that is not there, and does nothing for one that is. Of any number of concurrent calls for one key, on any nodes, exactly
	// one is told that it added it.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (added bool, err error)
	// Take removes key and returns its value. Of any number of concurrent calls, on any nodes, exactly one gets it; the
	// others, and a call for a key that is not there, get ok false.
	Take(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Watch calls changed with every entry whose key begins with prefix, first those that are there, then each change; a nil value
	// is a removal, also by ttl. Of changes of one key that follow each other faster than changed returns, it may be told the last alone.
	// changed must not change value. current is called once, from the same goroutine, when everything that was there at the call has been told.
	// Watch returns nil when ctx ends, ErrClosed when Run does.
	Watch(ctx context.Context, prefix string, changed func(key string, value []byte), current func()) error
}
