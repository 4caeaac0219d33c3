package metrics

import (
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/audit"
)

// auditObserver implements [audit.Observer].
type auditObserver struct {
	events, suppressed counters[audit.Event]
}

func newAudit(f promauto.Factory) *auditObserver {
	events, suppressed := make(rows[audit.Event]), make(rows[audit.Event])
	for e, level := range audit.Levels {
		events.row(e, string(e), string(level))
		suppressed.row(e, string(e))
	}
	return &auditObserver{
		events: newCounters(f, "security_events_total",
			"Events of the security log, by the names of the OWASP Logging Vocabulary and how much they matter. Those that are CRITICAL are attempts, or look like them.",
			[]string{"event", "severity"}, events, other, other),
		suppressed: newCounters(f, "security_events_suppressed_total",
			"Events that were counted and not written, because too many of their kind came in a second.", label("event"), suppressed, other),
	}
}

// Happened implements [audit.Observer].
func (o *auditObserver) Happened(e audit.Event, written bool) {
	o.events.of(e).Inc()
	if !written {
		o.suppressed.of(e).Inc()
	}
}
