package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/realm"
)

// gatewayObserver implements the observers of the gateway, its door and its API.
type gatewayObserver struct {
	decisions
	handshakes         counters[auth.Reason]
	requests           counters[request]
	accepted, rejected prometheus.Observer
	tickets            prometheus.Counter
	revocations        counters[revoked]
	notices            counters[notice]
}

// request is a request of the API and what became of it.
type request struct {
	purpose door.Purpose
	reason  auth.Reason
}

// revoked is what ended and who ended it.
type revoked struct {
	kind   revocation.Kind
	source api.Source
}

// notice is a message of an identity service.
type notice struct {
	source api.Source
	taken  bool
}

const accepted, rejected = "accepted", "rejected"

func newGateway(f promauto.Factory, d decisions) gatewayObserver {
	handshakes, requests := make(rows[auth.Reason]), make(rows[request])
	add := func(reason auth.Reason, result string, fault door.Fault) {
		handshakes.row(reason, result, string(fault), string(reason))
		for _, p := range door.Purposes[1:] {
			requests.row(request{p, reason}, string(p), result, string(fault), string(reason))
		}
	}
	for _, a := range door.Answers {
		add(a.Reason, rejected, a.Fault)
	}
	add(door.Accepted, accepted, door.NoFault)
	durations := f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "handshake_duration_seconds",
		Help:    "From the end of a handshake's headers to its answer: above all, how long it takes to verify a token or certificate.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, label("result"))
	revocations, notices := make(rows[revoked]), make(rows[notice])
	for _, s := range api.Sources {
		for _, k := range revocation.Kinds {
			revocations.row(revoked{k, s}, string(k), string(s))
		}
	}
	for _, s := range []api.Source{api.ByLogout, api.ByEvent} {
		notices.row(notice{s, true}, string(s), "taken")
		notices.row(notice{s, false}, string(s), "refused")
	}
	return gatewayObserver{
		decisions: d,
		handshakes: newCounters(f, "handshakes_total",
			"WebSocket handshakes that were answered, by result, by whose fault a rejection is, and why. Those with fault server are the ones to be woken up "+
				"for; a wave of client ones is a client's mistake, an expired key, or an attack.",
			[]string{"result", "fault", "reason"}, handshakes, rejected, string(door.ServerFault), other),
		requests: newCounters(f, "api_requests_total",
			"Requests of the HTTP API whose sender was asked who it is, and refreshes on connections, by purpose (ticket, api, notice of an identity service, refresh), result, fault and reason, as for handshakes. One whose body cannot be used "+
				"is not among them.",
			[]string{"purpose", "result", "fault", "reason"}, requests, string(door.API), rejected, string(door.ServerFault), other),
		accepted: durations.WithLabelValues(accepted),
		rejected: durations.WithLabelValues(rejected),
		tickets:  newCounter(f, "tickets_total", "Tickets that were given to clients which cannot set headers."),
		revocations: newCounters(f, "revocations_total",
			"Revocations that this node was asked for, by what they name and who asked: a backend, an operator, or an identity service by a logout or a security event.",
			[]string{"kind", "source"}, revocations, other, other),
		notices: newCounters(f, "identity_notices_total",
			"Logout tokens and security events that identity services sent to this node. A refused one is a wrong audience, a wrong key, or somebody who plays at being the service.",
			[]string{"source", "result"}, notices, other, "refused"),
	}
}

var outcomes = map[door.Fault]realm.Outcome{door.NoFault: realm.LetIn, door.ClientFault: realm.ClientsFault, door.ServerFault: realm.ServersFault}

// Answered implements [door.Observer]. The fault is the one in the door's table.
func (o *gatewayObserver) Answered(a *door.Attempt) {
	if a.Purpose != door.Handshake {
		o.requests.of(request{a.Purpose, a.Reason}).Inc()
		return
	}
	o.handshakes.of(a.Reason).Inc()
	if a.Tenant != nil { // whoever was not believed is nobody's
		a.Tenant.Counts.Handshake(outcomes[a.Fault])
	}
	if a.Reason == door.Accepted {
		o.accepted.Observe(a.Took.Seconds())
	} else {
		o.rejected.Observe(a.Took.Seconds())
	}
}

// Minted implements [api.Observer].
func (o *gatewayObserver) Minted(*door.Caller) { o.tickets.Inc() }

// Managed implements [api.Observer]: connections that end are counted by their sessions.
func (o *gatewayObserver) Managed(*door.Caller, string, string) {}

// Revoked implements [api.Observer].
func (o *gatewayObserver) Revoked(r *revocation.Revocation, s api.Source) {
	o.revocations.of(revoked{r.Kind, s}).Inc()
}

// Notified implements [api.Observer].
func (o *gatewayObserver) Notified(s api.Source, failure string) {
	o.notices.of(notice{s, failure == ""}).Inc()
}
