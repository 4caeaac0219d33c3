package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// requests counts what sessions are asked and what they answer.
type requests struct {
	received counters[wire.Verb]
	bytes    prometheus.Counter
	sizes    prometheus.Histogram
	refused  counters[refusal]
	limited  prometheus.Counter
	sent     sent
}

func newRequests(f promauto.Factory, s sent) requests {
	verbs := rows[wire.Verb]{"": {unknown}} // the verb of what could not be read
	for _, v := range wire.Verbs {
		verbs.row(v, string(v))
	}
	return requests{
		received: newCounters(f, "messages_received_total",
			"Requests of clients, by what they ask for; unknown is what could not be read.",
			label("type"), verbs, other),
		bytes: newCounter(f, "received_bytes_total", "Bytes of clients' requests, without WebSocket framing and TLS."),
		sizes: newHistogram(f, "received_message_size_bytes",
			"Size of clients' requests, without WebSocket framing: says whether a tenant's message_size fits its use.",
			64, 256, 1<<10, 4<<10, 16<<10, 64<<10, 256<<10, 1<<20),
		refused: newCounters(f, "command_errors_total",
			"Requests that were answered with an error, by what they asked for and the error's code. The connection stays.",
			[]string{"command", "code"}, refusals(verbs), other, other),
		limited: newCounter(f, "rate_limited_total",
			"Requests that were not executed because a rate of the connection, the user or the tenant was over its limit."),
		sent: s,
	}
}

// refusal is how a request failed.
type refusal struct {
	verb wire.Verb
	code wire.Code
}

func refusals(verbs rows[wire.Verb]) rows[refusal] {
	r := make(rows[refusal])
	for verb, name := range verbs {
		for _, c := range wire.Codes {
			r.row(refusal{verb, c.Code}, name[0], string(c.Code))
		}
	}
	return r
}

// Received implements [session.Observer].
func (r *requests) Received(verb wire.Verb, bytes int) {
	r.received.of(verb).Inc()
	r.bytes.Add(float64(bytes))
	r.sizes.Observe(float64(bytes))
}

// Sent implements [session.Observer].
func (r *requests) Sent(kind string, bytes int) {
	r.sent.kinds.of(kind).Inc()
	r.sent.bytes.Add(float64(bytes))
}

// Refused implements [session.Observer].
func (r *requests) Refused(verb wire.Verb, code wire.Code) {
	r.refused.of(refusal{verb, code}).Inc()
	if code == wire.RateLimited {
		r.limited.Inc()
	}
}

// sent counts what goes to clients: the sessions' own frames, and the hub's messages.
type sent struct {
	kinds    counters[string]
	messages prometheus.Counter // the one kind that is the hub's
	bytes    prometheus.Counter
}

func newSent(f promauto.Factory) sent {
	const message = "message"
	kinds := rows[string]{message: {message}}
	for _, kind := range session.Kinds {
		kinds.row(kind, kind)
	}
	s := sent{
		kinds: newCounters(f, "messages_sent_total",
			"Messages written or queued for clients, by type; message is a delivery, counted once for each subscriber.",
			label("type"), kinds, other),
		bytes: newCounter(f, "sent_bytes_total", "Bytes written or queued for clients, with WebSocket framing, without pings and TLS."),
	}
	s.messages = s.kinds.of(message)
	return s
}
