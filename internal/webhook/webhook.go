// Package webhook tells the backends of tenants what happens on this node: whose connections are opened and closed, what they subscribe to, which channels are
// occupied and vacated, and that something was published.
//
// A hook is one address that one tenant is told at. It has a queue, a goroutine and HTTP connections of its own, so that a receiver that is slow, or gone, costs its own events and nobody
// else's. What happened is encoded where it happened, into the batch that will be sent: whoever connects or publishes waits for nobody, and a tenant without hooks costs a look into a map.
//
// A batch is a POST of CloudEvents (JSON Batch Format, 1.0), signed as Standard Webhooks says. One is under way at a time and is sent until it is taken or given up, so that events
// arrive in their order, at least once. Whatever is lost, in a full queue or because a receiver would not have it, is counted, logged, and told to the receiver
// as an event of its own, at the place in the order where it is missing.
package webhook

import (
	"time"

	"portcullis/internal/webhook/courier"
)

// Kind is what happened, as configurations name it. The set is closed: it is a metric label.
type Kind string

// The kinds.
const (
	ConnectionOpened    Kind = "connection.opened"
	ConnectionClosed    Kind = "connection.closed"
	SubscriptionStarted Kind = "subscription.started"
	SubscriptionEnded   Kind = "subscription.ended"
	ChannelOccupied     Kind = "channel.occupied"
	ChannelVacated      Kind = "channel.vacated"
	MessagePublished    Kind = "message.published"
)

// Kinds lists every kind, for label sets that are created at zero.
var Kinds = []Kind{ConnectionOpened, ConnectionClosed, SubscriptionStarted, SubscriptionEnded, ChannelOccupied, ChannelVacated, MessagePublished}

// Loss is why an event never reached a receiver. The set is closed: it is a metric label.
type Loss string

// The losses.
const (
	QueueFull Loss = "queue_full" // more happened than the receiver took; the newest is lost
	Refused   Loss = "refused"    // the receiver will not have it: 3xx, or 4xx other than 408 and 429
	Expired   Loss = "expired"    // the receiver did not take it for an hour
	Gone      Loss = "gone"       // the receiver said 410, and is told nothing until a reload
	Removed   Loss = "removed"    // the hook, or its tenant, is not configured any more
	Shutdown  Loss = "shutdown"   // the node ended first
)

// Losses lists every loss, for label sets that are created at zero.
var Losses = []Loss{QueueFull, Refused, Expired, Gone, Removed, Shutdown}

// Observer hears what hooks do. Its methods must not wait.
type Observer interface {
	// Happened is one event for one hook, whether it finds room in its queue or not.
	Happened(k Kind)
	// Lost is events that never reached a receiver.
	Lost(why Loss, events int)
	// Requested is a request that ended. Under way are so many more or less.
	Requested(r courier.Result, took time.Duration)
	UnderWay(change int)
	// Waiting is so many more or fewer events, of so many bytes, that wait to be taken.
	Waiting(events, bytes int)
}
