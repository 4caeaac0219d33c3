package session

import (
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// Observer hears what sessions do. Its methods must not wait.
type Observer interface {
	// Opened is a connection, from remote and p's, that was let in.
	Opened(id, remote, protocol string, p *auth.Principal)
	// Received is one request; verb is empty for one that could not be read.
	Received(verb wire.Verb, bytes int)
	// Sent is one frame of the connection's own: one of [Kinds]. Messages are the hub's to count, and so are joins and leaves.
	Sent(kind string, bytes int)
	// Refused is a request that was answered with an error.
	Refused(verb wire.Verb, code wire.Code)
	Pong(rtt time.Duration)
	// Renewed is a connection, from remote, whose credential was replaced: it is p's now.
	Renewed(id, remote string, p *auth.Principal)
	// Lost is a connection, from remote and p's, that lost n subscriptions.
	Lost(id, remote string, p *auth.Principal, why hub.Ending, n int)
	Closed(r *Report)
}

// Kinds lists what Sent may tell, for label sets that are created at zero.
var Kinds = []string{"welcome", "ok", "error", string(wire.Expiring), string(wire.Subscribed), string(wire.Unsubscribed), string(wire.Join), string(wire.Leave), string(wire.JoinLeave)}
