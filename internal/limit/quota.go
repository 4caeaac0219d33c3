package limit

import "time"

// Quota is one limit of a tenant, or what its clients meet of a limit of the node. The set is closed: its names are those of the configuration, and a metric label. The zero Quota is none.
type Quota uint8

// The quotas.
const (
	Connections Quota = iota + 1
	ConnectionsPerUser
	ConnectionsPerSecond
	Subscriptions
	SubscriptionsPerConnection
	Channels
	MessagesPerSecond
	MessagesPerSecondPerUser
	MessagesPerSecondPerConnection
	BytesPerSecond
	BytesPerSecondPerConnection
	Outbox
	OutboxPerNode // of the node: what its slow readers lost for it
	quotas        = iota + 1
)

// rows say of each quota how it is written, what somebody can do who meets it, where it stands among the limits, and whether it is of what may happen in a second.
var rows = [quotas]struct {
	name   string
	remedy string
	of     func(*Limits) int
	rated  bool
}{
	Connections:                    {"connections", "connect again once others have left, or ask the operator for more", func(l *Limits) int { return l.Connections }, false},
	ConnectionsPerUser:             {"connections_per_user", "close one first", func(l *Limits) int { return l.ConnectionsPerUser }, false},
	ConnectionsPerSecond:           {"connections_per_second", "connect again later, and keep connections open", func(l *Limits) int { return l.ConnectionsPerSecond }, true},
	Subscriptions:                  {"subscriptions", "unsubscribe from what is not needed, or ask the operator for more", func(l *Limits) int { return l.Subscriptions }, false},
	SubscriptionsPerConnection:     {"subscriptions_per_connection", "unsubscribe from a channel first", func(l *Limits) int { return l.SubscriptionsPerConn }, false},
	Channels:                       {"channels", "use fewer channels at a time, or ask the operator for more", func(l *Limits) int { return l.Channels }, false},
	MessagesPerSecond:              {"messages_per_second", "send less often, or ask the operator for more", func(l *Limits) int { return l.MessagesPerSecond }, true},
	MessagesPerSecondPerUser:       {"messages_per_second_per_user", "send less often", func(l *Limits) int { return l.MessagesPerSecondPerUser }, true},
	MessagesPerSecondPerConnection: {"messages_per_second_per_connection", "send less often", func(l *Limits) int { return l.MessagesPerSecondPerConn }, true},
	BytesPerSecond:                 {"bytes_per_second", "send less, or ask the operator for more", func(l *Limits) int { return l.BytesPerSecond }, true},
	BytesPerSecondPerConnection:    {"bytes_per_second_per_connection", "send less", func(l *Limits) int { return l.BytesPerSecondPerConn }, true},
	Outbox:                         {"outbox", "read faster, or subscribe to less", func(l *Limits) int { return l.Outbox }, false},
	OutboxPerNode:                  {"outbox_per_node", "read faster, or subscribe to less", func(*Limits) int { return Unlimited }, false},
}

func (q Quota) String() string { return rows[q].name }

// Over is a limit that was reached. The zero Over is none.
type Over struct {
	Quota Quota
	Retry time.Duration // after which trying again helps; 0 where time alone does not help
}

// Any reports whether a limit was reached.
func (o Over) Any() bool { return o.Quota != 0 }

// Text names the limit and the remedy, for whoever met it.
func (o Over) Text() string {
	return rows[o.Quota].name + " is reached: " + rows[o.Quota].remedy
}
