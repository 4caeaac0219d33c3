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
	Gap    *Gap            // gap

	Position message.Position // subscribed: everything after it comes; zero on channels without history
}

// Gap is messages of a channel that a subscriber does not get, or may not. Its ends are exclusive, and 0 where they are not known.
type Gap struct {
	After, Before uint64
	Epoch         string // of Before; empty on channels without history, which have no offsets
	Reason        GapReason
}

// GapReason says why messages are missing. The set is closed: it is a metric label.
type GapReason string

// The reasons.
const (
	Slow   GapReason = "slow"   // the client did not keep up
	Engine GapReason = "engine" // the engine lost them, or cannot say
)

// GapReasons lists every reason, for label sets that are created at zero.
var GapReasons = []GapReason{Slow, Engine}

// NoticeKind says what a notice is about. The set is closed: it is a metric label.
type NoticeKind string

// The kinds.
const (
	Expiring     NoticeKind = "expiring"     // the credential ends soon: refresh it
	Subscribed   NoticeKind = "subscribed"   // the gateway began a subscription
	Unsubscribed NoticeKind = "unsubscribed" // the gateway ended a subscription
	Join         NoticeKind = "join"         // a user is on a channel
	Leave        NoticeKind = "leave"        // and is no more
	JoinLeave    NoticeKind = "join_leave"   // joins and leaves of a channel are told no more, or again
	Missing      NoticeKind = "gap"          // messages of a channel do not come
)

// NoticeKinds lists every kind, for label sets that are created at zero.
var NoticeKinds = []NoticeKind{Expiring, Subscribed, Unsubscribed, Join, Leave, JoinLeave, Missing}
