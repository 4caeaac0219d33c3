package limit

import "time"

// Quota is one limit of a tenant. The set is closed: its names are those of the configuration. The zero Quota is none.
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
	quotas = iota + 1
)

// rows say of each quota how it is written, and what somebody can do who meets it.
var rows = [quotas]struct {
	name   string
	remedy string
}{
	Connections:                    {"connections", "connect again once others have left, or ask the operator for more"},
	ConnectionsPerUser:             {"connections_per_user", "close one first"},
	ConnectionsPerSecond:           {"connections_per_second", "connect again later, and keep connections open"},
	Subscriptions:                  {"subscriptions", "unsubscribe from what is not needed, or ask the operator for more"},
	SubscriptionsPerConnection:     {"subscriptions_per_connection", "unsubscribe from a channel first"},
	Channels:                       {"channels", "use fewer channels at a time, or ask the operator for more"},
	MessagesPerSecond:              {"messages_per_second", "send less often, or ask the operator for more"},
	MessagesPerSecondPerUser:       {"messages_per_second_per_user", "send less often"},
	MessagesPerSecondPerConnection: {"messages_per_second_per_connection", "send less often"},
	BytesPerSecond:                 {"bytes_per_second", "send less, or ask the operator for more"},
	BytesPerSecondPerConnection:    {"bytes_per_second_per_connection", "send less"},
	Outbox:                         {"outbox", "read faster, or subscribe to less"},
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
