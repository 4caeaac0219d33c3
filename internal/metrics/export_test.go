package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gatherer lets tests read what a scrape would.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }
