package tenants

import (
	"github.com/prometheus/client_golang/prometheus"

	"portcullis/internal/acl"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
)

// Other is the name of all who have none. No tenant's id begins so.
const Other = "_other"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("portcullis_tenant_"+name, help, append([]string{"tenant"}, labels...), nil)
}

// The families. Each has the label tenant, and those that stand behind its help.
var (
	used = desc("used", "What a tenant uses now of a limit of its own as a whole, on this node: what is held, or, of a rate, how much was taken in a second, "+
		"averaged over some seconds. A rate is counted where there is a limit.", "limit")
	most = desc("limit", "How much it may use. Missing where there is no limit, and for _other.", "limit")

	messages = desc("messages_total", "Messages of a tenant's clients (received), and those that were written or queued for them (sent): answers, and what channels said, once for each subscriber.", "direction")
	bytes    = desc("bytes_total", "Bytes of these messages; received ones without WebSocket framing.", "direction")
	refusals = desc("limit_refusals_total", "What was not done because of a limit of the tenant: connections, subscriptions and messages that were refused, and slow readers that were "+
		"closed because all outboxes together were too large, or, with outbox_per_node, those of all tenants while this one held most.", "limit")
	denials       = desc("acl_denials_total", "Questions that the tenant's rules answered with no.", "action")
	disagreements = desc("candidate_disagreements_total", "Questions that the tenant's candidate would have answered otherwise than its rules did.", "change")
	handshakes    = desc("handshakes_total", "WebSocket handshakes of the tenant, by result and whose fault a rejection is. Those whose credential was not believed are nobody's, and are only "+
		"in portcullis_handshakes_total.", "result", "fault")
	slow    = desc("slow_consumers_total", "Connections that ended because the client did not read as fast as its channels spoke.")
	dropped = desc("dropped_messages_total", "Messages that clients were told they do not get, because they did not read as fast as a channel with slow_reader drop_oldest or conflate spoke.")
)

// counter is one series of each tenant.
type counter struct {
	family *prometheus.Desc
	labels []string // beside the tenant
	of     func(*counted) uint64
}

// counted is what was counted of a tenant.
type counted struct {
	account limit.Counted
	rules   realm.Counted
}

// counters are all series that only grow, in the order of a tally.
var counters = all()

func all() []counter {
	list := []counter{
		{messages, []string{"received"}, func(c *counted) uint64 { return c.account.Received }},
		{messages, []string{"sent"}, func(c *counted) uint64 { return c.account.Sent }},
		{bytes, []string{"received"}, func(c *counted) uint64 { return c.account.ReceivedBytes }},
		{bytes, []string{"sent"}, func(c *counted) uint64 { return c.account.SentBytes }},
		{slow, nil, func(c *counted) uint64 { return c.account.Slow }},
		{dropped, nil, func(c *counted) uint64 { return c.account.Dropped }},
		{handshakes, []string{"accepted", "none"}, func(c *counted) uint64 { return c.rules.Handshakes[realm.LetIn] }},
		{handshakes, []string{"rejected", "client"}, func(c *counted) uint64 { return c.rules.Handshakes[realm.ClientsFault] }},
		{handshakes, []string{"rejected", "server"}, func(c *counted) uint64 { return c.rules.Handshakes[realm.ServersFault] }},
	}
	for _, q := range limit.Quotas {
		list = append(list, counter{refusals, []string{q.String()}, func(c *counted) uint64 { return c.account.Refused[q] }})
	}
	for _, a := range acl.Actions {
		list = append(list, counter{denials, []string{a.String()}, func(c *counted) uint64 { return c.rules.Denied[a] }})
	}
	for i, change := range realm.Changes {
		list = append(list, counter{disagreements, []string{string(change)}, func(c *counted) uint64 { return c.rules.Disagreed[i] }})
	}
	return list
}

// tally is the value of every counter.
type tally []uint64

func newTally() tally { return make(tally, len(counters)) }

// read returns what was counted of a tenant until now.
func read(t *realm.Tenant) tally {
	c := counted{t.Account.Counts().Read(), t.Counts.Read()}
	all := newTally()
	for i := range counters {
		all[i] = counters[i].of(&c)
	}
	return all
}

func (t tally) add(more tally) {
	for i, n := range more {
		t[i] += n
	}
}

// business is how much has happened to a tenant: its messages, and whoever came. It is asked of everybody once a second.
func business(t *realm.Tenant) uint64 { return t.Account.Counts().Messages() + t.Counts.Arrivals() }
