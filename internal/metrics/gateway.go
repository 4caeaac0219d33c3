package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/auth"
	"portcullis/internal/gateway"
)

// gatewayObserver implements [gateway.Observer].
type gatewayObserver struct {
	decisions
	handshakes         counters[auth.Reason]
	accepted, rejected prometheus.Observer
}

func newGateway(f promauto.Factory, d decisions) gatewayObserver {
	const accepted, rejected = "accepted", "rejected"
	r := make(rows[auth.Reason])
	for _, a := range gateway.Answers {
		r.row(a.Reason, rejected, string(a.Fault), string(a.Reason))
	}
	r.row(gateway.Accepted, accepted, string(gateway.NoFault), string(gateway.Accepted))
	durations := f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "handshake_duration_seconds",
		Help:    "From the end of a handshake's headers to its answer: above all, how long it takes to verify a token or certificate.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, label("result"))
	return gatewayObserver{
		decisions: d,
		handshakes: newCounters(f, "handshakes_total",
			"WebSocket handshakes that were answered, by result, by whose fault a rejection is, and why. Those with fault server are the ones to be woken up "+
				"for; a wave of client ones is a client's mistake, an expired key, or an attack.",
			[]string{"result", "fault", "reason"}, r, rejected, string(gateway.ServerFault), other),
		accepted: durations.WithLabelValues(accepted),
		rejected: durations.WithLabelValues(rejected),
	}
}

// Handshake implements [gateway.Observer]. The fault is the one in the gateway's table.
func (o *gatewayObserver) Handshake(reason auth.Reason, _ gateway.Fault, took time.Duration) {
	o.handshakes.of(reason).Inc()
	if reason == gateway.Accepted {
		o.accepted.Observe(took.Seconds())
	} else {
		o.rejected.Observe(took.Seconds())
	}
}
