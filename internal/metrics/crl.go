package metrics

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/tenant"
)

// crlObserver implements [crl.Observer]. No label has the tenants' names; the log has.
type crlObserver struct {
	// Set by newCRL, then read-only.
	loads counters[bool] // by success
	next  *prometheus.GaugeVec

	// Guarded by mu. As many as the configuration has tenants with lists.
	mu   sync.Mutex
	ends map[tenant.ID]time.Time
}

func newCRL(f promauto.Factory) *crlObserver {
	return &crlObserver{
		loads: newCounters(f, "crl_loads_total",
			"Files of certificate revocation lists that were taken, at the start and when they changed (ok), or could not be used, so that the last good lists count "+
				"further (failed). The log names what failed.",
			label("result"), rows[bool]{true: {"ok"}, false: {"failed"}}, "failed"),
		// Without a label, and still a family of children: at 0, without lists, it would say that one ran out in 1970.
		next: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "crl_next_update_timestamp_seconds",
			Help: "When the first of the certificate revocation lists that count now runs out (nextUpdate). From then on the certificates of its authority are refused. " +
				"Missing where no tenant has lists.",
		}, nil),
		ends: make(map[tenant.ID]time.Time),
	}
}

// Loaded implements [crl.Observer]. It takes a lock; lists are rarely loaded.
func (o *crlObserver) Loaded(of tenant.ID, nextUpdate time.Time) {
	o.loads.of(true).Inc()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ends[of] = nextUpdate
	o.tell()
}

// Dropped implements [crl.Observer].
func (o *crlObserver) Dropped(of tenant.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.ends, of)
	o.tell()
}

// tell says when the first list runs out. The caller holds mu.
func (o *crlObserver) tell() {
	if len(o.ends) == 0 {
		o.next.Reset()
		return
	}
	first := slices.MinFunc(slices.Collect(maps.Values(o.ends)), time.Time.Compare)
	o.next.WithLabelValues().Set(float64(first.Unix()))
}

// Failed implements [crl.Observer].
func (o *crlObserver) Failed(tenant.ID) { o.loads.of(false).Inc() }
