package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/webhook"
	"portcullis/internal/webhook/courier"
)

// webhookObserver implements [webhook.Observer]. The addresses are the tenants', so no label has them; the log names a receiver that fails.
type webhookObserver struct {
	happened  counters[webhook.Kind]
	lost      counters[webhook.Loss]
	requests  counters[courier.Result]
	durations prometheus.Histogram
	underWay  prometheus.Gauge
	events    prometheus.Gauge
	bytes     prometheus.Gauge
}

func newWebhooks(f promauto.Factory) webhookObserver {
	kinds, losses, results := make(rows[webhook.Kind]), make(rows[webhook.Loss]), make(rows[courier.Result])
	for _, k := range webhook.Kinds {
		kinds.row(k, string(k))
	}
	for _, l := range webhook.Losses {
		losses.row(l, string(l))
	}
	for _, r := range courier.Results {
		results.row(r, string(r))
	}
	return webhookObserver{
		happened: newCounters(f, "webhook_events_total",
			"Events for webhooks by what happened, one for each webhook that is told of it, those that are lost too.",
			label("event"), kinds, other),
		lost: newCounters(f, "webhook_events_lost_total",
			"Events that never reached a receiver, by why: more happened than it took (queue_full), it would not have them (refused), it took nothing for an hour "+
				"(expired), it said that it is gone (gone), the webhook was removed (removed), or the node ended first (shutdown). The receiver is told how many. Alert on any increase.",
			label("reason"), losses, other),
		requests: newCounters(f, "webhook_requests_total",
			"Requests to the receivers of webhooks by what became of them: taken (ok); to be sent again, because of 408 or 429 (throttled), 5xx (failed), no answer in time "+
				"(timeout) or no connection (unreachable); given up, because of 3xx (redirected), another 4xx (refused) or 410 (gone); or interrupted (cancelled).",
			label("result"), results, other),
		durations: newHistogram(f, "webhook_request_duration_seconds",
			"From the beginning of a request to a webhook's receiver to the end of its answer, or until it was given up.",
			.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30),
		underWay: newGauge(f, "webhook_requests_in_flight", "Requests to receivers of webhooks that are under way now, at most one for each webhook."),
		events:   newGauge(f, "webhook_queue_events", "Events that wait to be taken by receivers of webhooks now, at most 10,000 for each."),
		bytes:    newGauge(f, "webhook_queue_bytes", "How large the events are that wait to be taken, at most 4 MiB for each receiver and 256 MiB for all of the node."),
	}
}

// Happened implements [webhook.Observer].
func (o *webhookObserver) Happened(k webhook.Kind) { o.happened.of(k).Inc() }

// Lost implements [webhook.Observer].
func (o *webhookObserver) Lost(why webhook.Loss, events int) { o.lost.of(why).Add(float64(events)) }

// Requested implements [webhook.Observer].
func (o *webhookObserver) Requested(r courier.Result, took time.Duration) {
	o.requests.of(r).Inc()
	o.durations.Observe(took.Seconds())
}

// UnderWay implements [webhook.Observer].
func (o *webhookObserver) UnderWay(change int) { o.underWay.Add(float64(change)) }

// Waiting implements [webhook.Observer].
func (o *webhookObserver) Waiting(events, bytes int) {
	o.events.Add(float64(events))
	o.bytes.Add(float64(bytes))
}
