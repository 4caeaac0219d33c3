package wire

import "time"

// Notice is something that the gateway tells a client by itself: no answer to a request, and no message of a channel.
type Notice struct {
	Kind    NoticeKind
	In      time.Duration // expiring: until the connection ends
	Channel string        // unsubscribed
	Fault   *Fault        // unsubscribed: why
}

// NoticeKind says what a notice is about. The set is closed: it is a metric label.
type NoticeKind string

// The kinds.
const (
	Expiring     NoticeKind = "expiring"     // the credential ends soon: refresh it
	Unsubscribed NoticeKind = "unsubscribed" // the gateway ended a subscription
)

// NoticeKinds lists every kind, for label sets that are created at zero.
var NoticeKinds = []NoticeKind{Expiring, Unsubscribed}
