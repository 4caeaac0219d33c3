package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/limit"
	"portcullis/internal/metrics/tenants"
)

// tenantsObserver says of all tenants together what /metrics/tenants says of each.
type tenantsObserver struct {
	near    map[limit.Quota]prometheus.Gauge
	met     counters[limit.Quota]
	unnamed prometheus.Counter
}

func newTenants(f promauto.Factory) tenantsObserver {
	limits := make(rows[limit.Quota])
	for _, q := range limit.Quotas {
		limits.row(q, q.String())
	}
	o := tenantsObserver{
		near: make(map[limit.Quota]prometheus.Gauge),
		met: newCounters(f, "limit_refusals_total",
			"What was not done because of a limit of a tenant: connections, subscriptions and messages that were refused, and slow readers that were closed because all outboxes "+
				"of a tenant together were too large. /metrics/tenants and the log (event tenant.limit_reached) say whose limit it is. Up to a second behind.",
			label("limit"), limits, other),
		unnamed: newCounter(f, "metric_label_overflow_total",
			"Tenants that have no series of their own at /metrics/tenants, because metrics.tenants others have: what they do stands there as _other."),
	}
	family := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tenants_near_limit",
		Help: "Tenants that use 80 % or more of a limit of theirs as a whole, on this node: who they are stands in /metrics/tenants and in the log (event tenant.limit_near). Up to a second behind.",
	}, label("limit"))
	for _, q := range limit.Whole {
		o.near[q] = family.WithLabelValues(q.String())
	}
	return o
}

// Near implements the observer of the tenants.
func (o *tenantsObserver) Near(q limit.Quota, tenants int) { o.near[q].Set(float64(tenants)) }

// Met implements the observer of the tenants.
func (o *tenantsObserver) Met(q limit.Quota, n uint64) { o.met.of(q).Add(float64(n)) }

// Unnamed implements the observer of the tenants.
func (o *tenantsObserver) Unnamed() { o.unnamed.Inc() }

// Tenants hears what concerns all tenants together.
func (m *Metrics) Tenants() tenants.Observer { return &m.tenants }
