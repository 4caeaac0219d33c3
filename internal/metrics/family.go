package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Label values that stand in no table below.
const (
	unknown = "unknown" // a request that could not be read
	other   = "other"   // what no table has: a mistake of ours, counted where it can be seen, and never a new series
)

// rows are the label values of each event of a closed set.
type rows[K comparable] map[K][]string

// row adds an event.
func (r rows[K]) row(k K, values ...string) { r[k] = values }

// counters are one counter for each event of a closed set. They are safe for concurrent use, because the map never changes.
type counters[K comparable] struct {
	known map[K]prometheus.Counter
	rest  prometheus.Counter
}

// newCounters makes a family and all its children. rest is where events that have no row are counted.
func newCounters[K comparable](f promauto.Factory, name, help string, labels []string, r rows[K], rest ...string) counters[K] {
	family := f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	c := counters[K]{known: make(map[K]prometheus.Counter, len(r)), rest: family.WithLabelValues(rest...)}
	for k, values := range r {
		c.known[k] = family.WithLabelValues(values...)
	}
	return c
}

func (c counters[K]) of(k K) prometheus.Counter {
	if counter, ok := c.known[k]; ok {
		return counter
	}
	return c.rest
}

// label is a family's only label.
func label(name string) []string { return []string{name} }

func newGauge(f promauto.Factory, name, help string) prometheus.Gauge {
	return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func newCounter(f promauto.Factory, name, help string) prometheus.Counter {
	return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func newHistogram(f promauto.Factory, name, help string, buckets ...float64) prometheus.Histogram {
	return f.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}
