package metrics

import (
	"math"

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

	held, most prometheus.Gauge
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
				"of a tenant together were too large, or, with outbox_per_node, those of all tenants. /metrics/tenants and the log (events tenant.limit_reached, node.limit_reached) say whose limit it is. Up to a second behind.",
			label("limit"), limits, other),
		unnamed: newCounter(f, "metric_label_overflow_total",
			"Tenants that have no series of their own at /metrics/tenants, because metrics.tenants others have: what they do stands there as _other."),
	}
	o.held = newGauge(f, "outbox_bytes", "What the outboxes of all tenants hold on this node, because clients do not read as fast as their channels speak. Up to a second behind.")
	o.most = newGauge(f, "outbox_limit_bytes", "How much they may hold together: limits.outbox_per_node, +Inf where that is unlimited. Slow readers of whoever holds most are closed when it is reached.")
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

// Outboxes implements the observer of the tenants.
func (o *tenantsObserver) Outboxes(held, most int64) {
	o.held.Set(float64(held))
	if o.most.Set(float64(most)); most == limit.Unlimited {
		o.most.Set(math.Inf(1))
	}
}

// Unnamed implements the observer of the tenants.
func (o *tenantsObserver) Unnamed() { o.unnamed.Inc() }

// Tenants hears what concerns all tenants together.
func (m *Metrics) Tenants() tenants.Observer { return &m.tenants }
