package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// sessionObserver implements [session.Observer].
type sessionObserver struct {
	connections
	requests
}

// connections counts how sessions begin and end.
type connections struct {
	live      prometheus.Gauge
	opened    counters[string]
	closed    counters[ending]
	frames    counters[int]
	slow      prometheus.Counter
	durations prometheus.Histogram
	rtts      prometheus.Histogram
	renewed   prometheus.Counter
}

func newConnections(f promauto.Factory, dialects []wire.Dialect) connections {
	return connections{
		live: newGauge(f, "connections", "WebSocket connections that are open now."),
		opened: newCounters(f, "connections_opened_total",
			"Connections that were let in, by the subprotocol that they speak. A rate far above the usual one is a reconnect storm.",
			label("protocol"), protocols(dialects), other),
		closed: newCounters(f, "connections_closed_total",
			"Connections that ended, by who ended them and why: the server for one of its close reasons, the client with a normal or another close code, or the "+
				"network without a word (lost) or because the client took nothing for too long (stuck).",
			[]string{"initiator", "reason"}, endings(), other, other),
		frames: newCounters(f, "close_frames_sent_total",
			"Connections that the server ended, by the close code that it gave. A client that reads nothing may not have seen it.",
			label("code"), codes(), other),
		slow: newCounter(f, "slow_consumers_total",
			"Connections that ended because the client did not read as fast as its channels spoke: closed as slow_consumer, or found stuck."),
		durations: newHistogram(f, "connection_duration_seconds",
			"How long connections lasted, told at their end. Many short ones point at clients that reconnect in a loop, or at a balancer's timeout.",
			1, 10, 60, 300, 1800, 3600, 4*3600, 12*3600, 24*3600),
		renewed: newCounter(f, "credentials_refreshed_total", "Connections whose credential was replaced by a newer one of the same user, without a new connection."),
		rtts: newHistogram(f, "ping_rtt_seconds",
			"From a ping of the server to the client's answer: the network, and how busy clients are.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10),
	}
}

func protocols(dialects []wire.Dialect) rows[string] {
	r := make(rows[string])
	for _, d := range dialects {
		r.row(d.Subprotocol(), d.Subprotocol())
	}
	return r
}

// ending is how a connection ended.
type ending struct {
	initiator session.Initiator
	reason    string
}

func endings() rows[ending] {
	r := make(rows[ending])
	add := func(i session.Initiator, reason string) { r.row(ending{i, reason}, string(i), reason) }
	for _, c := range wire.Closes {
		add(session.Server, c.Name)
	}
	add(session.Client, session.ClientNormal)
	add(session.Client, session.ClientOther)
	add(session.Network, session.NetworkLost)
	add(session.Network, session.NetworkStuck)
	return r
}

func codes() rows[int] {
	r := make(rows[int])
	for _, c := range wire.Closes {
		r.row(c.Status, strconv.Itoa(c.Status))
	}
	return r
}

// Opened implements [session.Observer].
func (c *connections) Opened(_, _, protocol string, _ *auth.Principal) {
	c.live.Inc()
	c.opened.of(protocol).Inc()
}

// Pong implements [session.Observer].
func (c *connections) Pong(rtt time.Duration) { c.rtts.Observe(rtt.Seconds()) }

// Renewed implements [session.Observer].
func (c *connections) Renewed(string, string, *auth.Principal) { c.renewed.Inc() }

// Lost implements [session.Observer]: lost subscriptions are counted by the hub.
func (c *connections) Lost(string, string, *auth.Principal, hub.Ending, int) {}

// Closed implements [session.Observer]. A code is counted when it is the server's own: clients choose theirs freely.
func (c *connections) Closed(r *session.Report) {
	c.live.Dec()
	c.closed.of(ending{r.Initiator, r.Reason}).Inc()
	c.durations.Observe(r.Duration.Seconds())
	if r.Initiator == session.Server {
		c.frames.of(r.Code).Inc()
	}
	if r.Slow() {
		c.slow.Inc()
	}
}
