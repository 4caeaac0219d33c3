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
	Data    []byte // a JSON text, or any bytes where the dialect is raw; borrowed from the codec's input: whoever keeps it copies it
	Opcode  Opcode // how Data came, for a dialect that returns it as it was

	Token string // refresh

	// Since is where a subscriber wants to continue; nil starts with the present.
	Since  *message.Position
	Strict bool
	// JoinLeave asks to hear who comes to the channel and who leaves it.
	JoinLeave bool
	// Wants names a field of the request that this gateway does not serve yet; the answer is [NotAvailable].
	Wants string
}

// Fault is what is wrong with one request: the answer to it is an error, and the connection stays.
type Fault struct {
	Code    Code
	Message string
	Retry   time.Duration // only where a retry helps
}

func (f *Fault) Error() string { return string(f.Code) + ": " + f.Message }

// Recovery is the answer to a subscriber that wanted to continue.
type Recovery struct {
	Recovered bool
	Reason    string // why not: no_history, trimmed, epoch or limit
}

// Reply answers one request. Exactly one of its outcomes is encoded: Fault when it is set, else the verb's ok.
type Reply struct {
	Verb     Verb
	ID       int64
	Channel  string
	Data     []byte           // echo: what came
	Opcode   Opcode           // echo: how it came
	Time     time.Time        // ping
	Expires  time.Time        // refresh
	Position message.Position // publish: where the channel has it; zero on channels without history
	Recovery *Recovery
	Presence *Attendance
	Fault    *Fault
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
}
