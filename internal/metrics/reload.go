package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// reloads tells whether the configuration that counts is the one in the files.
type reloads struct {
	total        counters[bool] // by success
	good, goodAt prometheus.Gauge
	tenants      prometheus.Gauge
}

func newReloads(f promauto.Factory) reloads {
	return reloads{
		total: newCounters(f, "config_reloads_total",
			"Attempts to take the configuration anew while running: applied, or refused, because something is wrong with it; then the last good one counts further. The log says what is wrong "+
				"(event config.refused).",
			label("result"), rows[bool]{true: {"applied"}, false: {"refused"}}, "refused"),
		good: newGauge(f, "config_last_reload_successful",
			"1 while the configuration that was read last counts, the one of the start included; 0 after one that was refused: the files are not what the gateway does, and it would not start with them."),
		goodAt:  newGauge(f, "config_last_reload_success_timestamp_seconds", "When the configuration that counts now was taken."),
		tenants: newGauge(f, "config_tenants", "Tenants of the configuration that counts now."),
	}
}

// Configured says that a configuration counts from now on. The first one is no reload.
func (m *Metrics) Configured(tenants int, again bool) {
	if again {
		m.reloads.total.of(true).Inc()
	}
	m.reloads.good.Set(1)
	m.reloads.goodAt.Set(float64(time.Now().UnixMilli()) / 1000)
	m.reloads.tenants.Set(float64(tenants))
}

// ConfigurationRefused says that a configuration was not taken, and the one before it counts further.
func (m *Metrics) ConfigurationRefused() {
	m.reloads.total.of(false).Inc()
	m.reloads.good.Set(0)
}
