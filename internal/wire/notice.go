package wire

import (
	"time"

	"portcullis/internal/message"
)

// Notice is something that the gateway tells a client by itself: no answer to a request, and no message of a channel.
type Notice struct {
	Kind    NoticeKind
	In      time.Duration // expiring: until the connection ends
	Channel string        // of all but expiring
	Fault   *Fault        // unsubscribed and join_leave: why, where it is the client's own matter

	Member *message.Member // join and leave
	Told   bool            // join_leave: whether joins and leaves are told from now on
	Count  int             // join_leave: members that the channel has, 0 where it is not for this client to know
}

// NoticeKind says what a notice is about. The set is closed: it is a metric label.
type NoticeKind string

// The kinds.
const (
	Expiring     NoticeKind = "expiring"     // the credential ends soon: refresh it
	Unsubscribed NoticeKind = "unsubscribed" // the gateway ended a subscription
	Join         NoticeKind = "join"         // a user is on a channel
	Leave        NoticeKind = "leave"        // and is no more
	JoinLeave    NoticeKind = "join_leave"   // joins and leaves of a channel are told no more, or again
)

// NoticeKinds lists every kind, for label sets that are created at zero.
var NoticeKinds = []NoticeKind{Expiring, Unsubscribed, Join, Leave, JoinLeave}
