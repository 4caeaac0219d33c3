package wire

import (
	"time"

	"portcullis/internal/message"
)

// Verb is what a client asks for. The set is closed: it is a metric label.
type Verb string

// The verbs. Those without an answer of their own yet are answered [NotAvailable].
const (
	Echo        Verb = "echo"
	Subscribe   Verb = "subscribe"
	Unsubscribe Verb = "unsubscribe"
	Publish     Verb = "publish"
	History     Verb = "history"
	Presence    Verb = "presence"
	Refresh     Verb = "refresh"
	Ping        Verb = "ping"
)

// Verbs lists every verb, for label sets that are created at zero.
var Verbs = []Verb{Echo, Subscribe, Unsubscribe, Publish, History, Presence, Refresh, Ping}

// Request is one thing that a client asks for.
type Request struct {
	Verb    Verb
	ID      int64 // 0: the client wants no ok
	Size    int   // bytes that it took on the wire, framing apart
	Channel string
	Data    []byte // a JSON text, or any bytes where it is Binary or the dialect is raw; borrowed from the codec's input: whoever keeps it copies it
	Binary  bool
	Sealed  bool   // echo, publish: the client says that Data is end-to-end encrypted
	Opcode  Opcode // how Data came, for a dialect that returns it as it was

	Token string // refresh

	// Since is where a subscriber wants to continue, or a reader of history; nil starts with the present, or at the end.
	Since     *message.Position
	Strict    bool   // an error, rather than with something missing
	Mute      bool   // subscribe: without what the connection says itself
	JoinLeave bool   // subscribe: to hear who comes to the channel and who leaves it
	Key       string // publish: of the client's own, so that a repetition is known
	Limit     int    // history: how many messages; 0 is as many as it is without one
	Reverse   bool   // history: the newest first
}

// Fault is what is wrong with one request: the answer to it is an error, and the connection stays.
type Fault struct {
	Code    Code
	Message string
	Retry   time.Duration // only where a retry helps
}

func (f *Fault) Error() string { return string(f.Code) + ": " + f.Message }

// Recovery is the answer to whoever wanted to continue.
type Recovery struct {
	Recovered bool
	Replayed  int         // subscribe: how many messages come before the first new one
	Reason    Unrecovered // why not
}

// Unrecovered says why nobody can continue from a position. The set is closed: it is a metric label.
type Unrecovered string

// The reasons.
const (
	NoHistory Unrecovered = "no_history" // the channel keeps none, or none for this user
	Trimmed   Unrecovered = "trimmed"    // something since is not stored any more
	Epoch     Unrecovered = "epoch"      // the position is of another numbering: the engine began anew, or it never was one
	TooMany   Unrecovered = "limit"      // it is more than is sent at once
)

// Unrecovereds lists every reason, for label sets that are created at zero.
var Unrecovereds = []Unrecovered{NoHistory, Trimmed, Epoch, TooMany}

// Page is a part of a channel's history.
type Page struct {
	Messages []message.Message
	More     bool // behind it, in the same direction
}

// Reply answers one request. Exactly one of its outcomes is encoded: Fault when it is set, else the verb's ok.
type Reply struct {
	Verb      Verb
	ID        int64
	Channel   string
	Data      []byte           // echo: what came
	Opcode    Opcode           // echo: how it came
	Sealed    bool             // echo: it came as one that is end-to-end encrypted
	Time      time.Time        // ping
	Expires   time.Time        // refresh
	Position  message.Position // publish: what the message has; subscribe: everything after it comes; history: where the page ends. Zero on channels without history
	Duplicate bool             // publish: it is a repetition
	Recovery  *Recovery        // subscribe, history: nil for whoever did not want to continue
	Page      *Page            // history
	Presence  *Attendance
	Fault     *Fault
}

// Attendance is the answer to presence.
type Attendance struct {
	Members []message.Member // nil where there are more than the channel lists
	Count   int              // of members, listed or not
}

// Limits are what a client is told in its welcome, by the names of the tenant's configuration. 0 is unlimited.
type Limits struct {
	MessageSize                    int
	SubscriptionsPerConnection     int
	MessagesPerSecondPerConnection int
	BytesPerSecondPerConnection    int
}

// Welcome is the first thing that a server says: who the client is to it.
type Welcome struct {
	Connection, Tenant, User, Segment, Node string
	Expires                                 time.Time
	Ping                                    time.Duration
	Limits                                  Limits
	Subscriptions                           []Subscription // that others chose for the client
}

// Subscription is where a subscription begins: everything after its position comes. That is zero on channels without history.
type Subscription struct {
	Channel  string
	Position message.Position
}
