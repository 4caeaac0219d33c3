package tenants

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"portcullis/internal/limit"
)

// SeriesOfOne is how many series one tenant has at most.
var SeriesOfOne = len(counters) + 2*len(limit.Whole)

// Describe implements [prometheus.Collector].
func (r *Register) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{used, most, messages, bytes, refusals, denials, disagreements, handshakes, slow, dropped} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (r *Register) Collect(ch chan<- prometheus.Metric) {
	for _, m := range r.page() {
		ch <- m
	}
}

// page is every series of those who are named now, and of _other.
func (r *Register) page() (page []prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow(time.Now())
	rest := slices.Clone(r.past)
	var unnamed [len(limit.Whole)]int
	for _, e := range r.known {
		count, uses := read(e.Tenant), e.uses()
		if !e.named {
			rest.add(count)
			for i, n := range uses {
				unnamed[i] += n
			}
			continue
		}
		for i, n := range e.before {
			count[i] -= n
		}
		id := e.ID.String()
		page = append(append(page, count.series(id)...), gauges(used, id, uses)...)
		limits := e.Account.Limits()
		for _, q := range limit.Whole {
			if n := limits.Most(q); n != limit.Unlimited {
				page = append(page, gauge(most, n, id, q))
			}
		}
	}
	return append(append(page, rest.series(Other)...), gauges(used, Other, unnamed)...)
}

func (t tally) series(id string) []prometheus.Metric {
	all := make([]prometheus.Metric, len(t))
	for i, n := range t {
		c := &counters[i]
		all[i] = prometheus.MustNewConstMetric(c.family, prometheus.CounterValue, float64(n), append([]string{id}, c.labels...)...)
	}
	return all
}

func gauges(family *prometheus.Desc, id string, values [len(limit.Whole)]int) []prometheus.Metric {
	all := make([]prometheus.Metric, len(values))
	for i, n := range values {
		all[i] = gauge(family, n, id, limit.Whole[i])
	}
	return all
}

func gauge(family *prometheus.Desc, n int, id string, q limit.Quota) prometheus.Metric {
	return prometheus.MustNewConstMetric(family, prometheus.GaugeValue, float64(n), id, q.String())
}

// uses is how much of each quota is used now.
func (e *entry) uses() (n [len(limit.Whole)]int) {
	for i := range n {
		n[i] = e.used(i)
	}
	return n
}
