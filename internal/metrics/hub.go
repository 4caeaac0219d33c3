package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// hubObserver implements [hub.Observer].
type hubObserver struct {
	decisions
	messages      prometheus.Counter
	bytes         prometheus.Counter
	recipients    prometheus.Histogram
	durations     prometheus.Histogram
	subscriptions prometheus.Gauge
	channels      prometheus.Gauge
	unsubscribed  counters[hub.Ending]
	members       prometheus.Gauge
	joins, leaves prometheus.Counter
	told          counters[string]
	recoveries    counters[wire.Unrecovered]
	replayed      prometheus.Histogram
	read          prometheus.Histogram
	gaps          counters[wire.GapReason]
	dropped       counters[channel.SlowReader]
	chosen        counters[choice]
}

// choice is what becomes of a subscription that somebody chose for a client.
type choice struct {
	by      hub.Chooser
	refused wire.Code
}

func newHub(f promauto.Factory, d decisions, s sent) hubObserver {
	endings := make(rows[hub.Ending])
	for _, e := range hub.Endings {
		endings.row(e, string(e))
	}
	recoveries := rows[wire.Unrecovered]{}
	recoveries.row("", "recovered")
	for _, why := range wire.Unrecovereds {
		recoveries.row(why, string(why))
	}
	gaps := make(rows[wire.GapReason])
	for _, why := range wire.GapReasons {
		gaps.row(why, string(why))
	}
	choices := make(rows[choice])
	for _, by := range hub.Choosers {
		choices.row(choice{by, ""}, string(by), "subscribed")
		for _, code := range hub.NotChosen {
			choices.row(choice{by, code}, string(by), string(code))
		}
	}
	dropped := make(rows[channel.SlowReader])
	for _, way := range channel.SlowReaders[1:] {
		dropped.row(way, way.String())
	}
	return hubObserver{
		chosen: newCounters(f, "chosen_subscriptions_total",
			"Subscriptions that clients did not ask for, by who chose them: tenant, its configuration; service, a backend of the tenant; and by what came of it: subscribed, or why not: forbidden (the rules do not "+
				"allow it to that user), quota_exceeded, already_subscribed, unavailable (the engine did not answer).",
			[]string{"by", "result"}, choices, other, other),
		decisions: d,
		dropped: newCounters(f, "dropped_messages_total",
			"Messages that waited for a subscriber which did not read as fast as the channel speaks, and were dropped, by the channel's slow_reader. The subscriber was told by a gap. Where one is disconnected "+
				"instead it is in portcullis_slow_consumers_total. They were counted as sent when they were queued.",
			label("slow_reader"), dropped, other),
		recoveries: newCounters(f, "recoveries_total",
			"Subscriptions that were to continue from a position, by what came of it: recovered, or why not: trimmed (something is not stored any more), epoch (a position "+
				"of another numbering, as all are after the engine in memory was restarted), limit (more than is sent at once), no_history.",
			label("result"), recoveries, other),
		replayed: newHistogram(f, "recovered_messages",
			"How many messages a subscription that continued had missed, one observation each.", 0, 1, 10, 50, 100, 250, 500),
		read: newHistogram(f, "history_messages", "How many messages a page of history had, one observation a page.", 0, 1, 10, 100, 250, 500, 1000),
		gaps: newCounters(f, "gaps_total",
			"Gaps that subscribers were told of, one for each, by why messages are missing: slow, the client did not keep up; engine, the engine lost them or cannot say.",
			label("reason"), gaps, other),
		messages: s.messages,
		bytes:    s.bytes,
		recipients: newHistogram(f, "fanout_recipients",
			"To how many subscribers of this node a message went, one observation a message.",
			1, 10, 100, 1e3, 1e4, 1e5),
		durations: newHistogram(f, "delivery_duration_seconds",
			"From the moment that the gateway accepted a message until it was written or queued for its last subscriber on this node, one "+
				"observation a message. What waits in the queue of a slow subscriber is not in it.",
			.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10),
		subscriptions: newGauge(f, "subscriptions", "Subscriptions that connections of this node have now."),
		channels:      newGauge(f, "channels", "Channels that have at least one subscriber on this node now."),
		unsubscribed: newCounters(f, "unsubscribes_total",
			"Subscriptions that ended before their connection, by why: the client unsubscribed, its new credential gives no right to the channel, the tenant's rules "+
				"give none any more, or a backend of the tenant ended it. A peak of policy is a change of rules that takes much away.",
			label("reason"), endings, other),
		members: newGauge(f, "presence_members", "Subscriptions of this node's connections to channels with presence now: each is a lease that the node keeps in the engine."),
		joins:   newCounter(f, "presence_joins_total", "Subscriptions of this node's connections to channels with presence that began."),
		leaves:  newCounter(f, "presence_leaves_total", "Those that ended. Clients hear less: of a user's first connection, and that the last one has been gone for a while."),
		told:    s.kinds,
	}
}

// Members implements [hub.Observer].
func (o *hubObserver) Members(change int) {
	if o.members.Add(float64(change)); change > 0 {
		o.joins.Add(float64(change))
	} else {
		o.leaves.Add(-float64(change))
	}
}

// Told implements [hub.Observer].
func (o *hubObserver) Told(notices []*wire.Notice, recipients, bytes int) {
	for _, n := range notices {
		o.told.of(string(n.Kind)).Add(float64(recipients))
	}
	o.bytes.Add(float64(bytes))
}

// Delivered implements [hub.Observer].
func (o *hubObserver) Delivered(b *hub.Batch) {
	o.messages.Add(float64(len(b.Messages) * b.Recipients))
	o.bytes.Add(float64(b.Bytes))
	for _, m := range b.Messages {
		o.recipients.Observe(float64(b.Recipients))
		// A clock that was set back, on a machine that a message came from, must not make the sum go down.
		o.durations.Observe(max(0, b.Done.Sub(m.Time).Seconds()))
	}
}

// Recovered implements [hub.Observer].
func (o *hubObserver) Recovered(why wire.Unrecovered, replayed int) {
	o.recoveries.of(why).Inc()
	if why == "" {
		o.replayed.Observe(float64(replayed))
	}
}

// Read implements [hub.Observer].
func (o *hubObserver) Read(messages int) { o.read.Observe(float64(messages)) }

// Caught implements [hub.Observer].
func (o *hubObserver) Caught(messages, bytes int) {
	o.messages.Add(float64(messages))
	o.bytes.Add(float64(bytes))
}

// Gap implements [hub.Observer].
func (o *hubObserver) Gap(why wire.GapReason, recipients int) {
	o.gaps.of(why).Add(float64(recipients))
}

// Chosen implements [hub.Observer].
func (o *hubObserver) Chosen(by hub.Chooser, refused wire.Code) {
	o.chosen.of(choice{by, refused}).Inc()
}

// Dropped implements [hub.Observer].
func (o *hubObserver) Dropped(why channel.SlowReader, messages int) {
	o.dropped.of(why).Add(float64(messages))
}

// Unsubscribed implements [hub.Observer].
func (o *hubObserver) Unsubscribed(why hub.Ending) { o.unsubscribed.of(why).Inc() }

// Subscriptions implements [hub.Observer].
func (o *hubObserver) Subscriptions(change int) { o.subscriptions.Add(float64(change)) }

// Channels implements [hub.Observer].
func (o *hubObserver) Channels(change int) { o.channels.Add(float64(change)) }

// decision is what tells one decision from another, without the rule's name: rules are the tenants'.
type decision struct {
	action  acl.Action
	allowed bool
	basis   acl.Basis
}

// decisions counts answers of the policy, whoever asked.
type decisions struct{ counted counters[decision] }

func newDecisions(f promauto.Factory) decisions {
	r := make(rows[decision])
	for _, action := range acl.Actions {
		for _, basis := range acl.Bases {
			allowed, word := basis == acl.ExplicitAllow, "deny"
			if allowed {
				word = "allow"
			}
			r.row(decision{action, allowed, basis}, action.String(), word, string(basis))
		}
	}
	return decisions{newCounters(f, "acl_decisions_total",
		"Questions that the rules answered, by what was asked, the answer and what it rests on: a rule that allows, a rule that denies, no rule at all "+
			"(no_match), a token that was narrowed to other things (not_granted), or a user of another tenant, which should never happen.",
		[]string{"action", "decision", "basis"}, r, other, other, other)}
}

// Denied implements [hub.Observer]: a decision is counted by Decided.
func (*hubObserver) Denied(*auth.Principal, acl.Action, channel.Name, acl.Decision) {}

// Decided implements [hub.Observer] and [gateway.Observer].
func (d decisions) Decided(action acl.Action, answer acl.Decision) {
	d.counted.of(decision{action, answer.Allowed, answer.Basis}).Inc()
}
