package metrics

import (
	"crypto/tls"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/listen"
)

// tlsObserver implements [listen.Observer].
type tlsObserver struct {
	handshakes counters[uint16]
	errors     counters[listen.Reason]
	reloads    counters[bool] // by success
	notAfter   *prometheus.GaugeVec
	loaded     atomic.Bool
}

func newTLS(f promauto.Factory) *tlsObserver {
	reasons := make(rows[listen.Reason])
	for _, reason := range listen.Reasons() {
		reasons.row(reason, string(reason))
	}
	return &tlsObserver{
		handshakes: newCounters(f, "tls_handshakes_total",
			"TLS handshakes by the version that was agreed on. When 1.2 stays at 0 it can be switched off.",
			label("version"), rows[uint16]{tls.VersionTLS12: {"1.2"}, tls.VersionTLS13: {"1.3"}}, other),
		errors: newCounters(f, "tls_handshake_errors_total",
			"TLS handshakes that failed, by reason. client_left is mostly health checks and scanners; client_alert most often a client that does not trust the "+
				"certificate.",
			label("reason"), reasons, string(listen.OtherTLSProblems)),
		reloads: newCounters(f, "tls_reloads_total",
			"Changed certificate files that were taken (ok), or could not be used, so that the last certificate is served further (failed).",
			label("result"), rows[bool]{true: {"ok"}, false: {"failed"}}, "failed"),
		// Without a label, and still a family of children: it has none before a certificate is served. At 0, without TLS, it would
		// say that the certificate expired in 1970.
		notAfter: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tls_certificate_not_after_timestamp_seconds",
			Help: "When the certificate that is served now expires. Missing where the gateway serves no TLS.",
		}, nil),
	}
}

// Handshake implements [listen.Observer].
func (o *tlsObserver) Handshake(version uint16) { o.handshakes.of(version).Inc() }

// HandshakeError implements [listen.Observer].
func (o *tlsObserver) HandshakeError(reason listen.Reason) { o.errors.of(reason).Inc() }

// CertificateLoaded implements [listen.Observer]. It takes a lock; certificates are rarely loaded.
func (o *tlsObserver) CertificateLoaded(notAfter time.Time) {
	o.notAfter.WithLabelValues().Set(float64(notAfter.Unix()))
	if o.loaded.Swap(true) { // the first one is no reload
		o.reloads.of(true).Inc()
	}
}

// ReloadFailed implements [listen.Observer].
func (o *tlsObserver) ReloadFailed(error) { o.reloads.of(false).Inc() }
