package limit

import (
	"slices"
	"time"
)

// Quota is one limit of a tenant. The set is closed: its names are those of the configuration, and values of a metric's label. The zero Quota is none.
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

// Quotas lists every quota, for label sets that are created at zero.
var Quotas = []Quota{
	Connections, ConnectionsPerUser, ConnectionsPerSecond, Subscriptions, SubscriptionsPerConnection, Channels,
	MessagesPerSecond, MessagesPerSecondPerUser, MessagesPerSecondPerConnection, BytesPerSecond, BytesPerSecondPerConnection, Outbox,
}

// Scope says whose limit a quota is. The set is closed: it is a metric label.
type Scope string

// The scopes.
const (
	PerConnection Scope = "connection"
	PerUser       Scope = "user"
	PerTenant     Scope = "tenant"
)

// rows say of each quota how it is written, whose it is, and what somebody can do who meets it.
var rows = [quotas]struct {
	name   string
	scope  Scope
	remedy string
}{
	Connections:                    {"connections", PerTenant, "connect again once others have left, or ask the operator for more"},
	ConnectionsPerUser:             {"connections_per_user", PerUser, "close one first"},
	ConnectionsPerSecond:           {"connections_per_second", PerTenant, "connect again later, and keep connections open"},
	Subscriptions:                  {"subscriptions", PerTenant, "unsubscribe from what is not needed, or ask the operator for more"},
	SubscriptionsPerConnection:     {"subscriptions_per_connection", PerConnection, "unsubscribe from a channel first"},
	Channels:                       {"channels", PerTenant, "use fewer channels at a time, or ask the operator for more"},
	MessagesPerSecond:              {"messages_per_second", PerTenant, "send less often, or ask the operator for more"},
	MessagesPerSecondPerUser:       {"messages_per_second_per_user", PerUser, "send less often"},
	MessagesPerSecondPerConnection: {"messages_per_second_per_connection", PerConnection, "send less often"},
	BytesPerSecond:                 {"bytes_per_second", PerTenant, "send less, or ask the operator for more"},
	BytesPerSecondPerConnection:    {"bytes_per_second_per_connection", PerConnection, "send less"},
	Outbox:                         {"outbox", PerTenant, "read faster, or subscribe to less"},
}

func (q Quota) String() string { return rows[q].name }

// Scope says whose limit it is.
func (q Quota) Scope() Scope { return rows[q].scope }

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

// Wide reports whether it is a limit of the whole tenant, of which may be said how much is used.
func (q Quota) Wide() bool { return q.Scope() == PerTenant }

// WideQuotas lists the limits of whole tenants.
var WideQuotas = slices.DeleteFunc(slices.Clone(Quotas), func(q Quota) bool { return !q.Wide() })
