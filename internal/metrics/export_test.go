package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gatherer lets tests read what a scrape would.
func (p Page) Gatherer() prometheus.Gatherer { return p.registry }
