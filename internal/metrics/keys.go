package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// keysObserver implements [jwks.Observer]. The issuers' names are the tenants', so no label has them; the log has.
type keysObserver struct {
	// Set by newKeys, then read-only.
	fetches   counters[bool] // by success
	durations prometheus.Histogram
	keys      prometheus.Gauge
	issuers   map[state]prometheus.Gauge

	// Guarded by mu. As many as the configuration has issuers.
	mu    sync.Mutex
	known map[string]standing
}

// state is how an issuer's keys are.
type state string

// The states.
const (
	fresh   state = "fresh"
	kept    state = "kept"
	missing state = "missing"
)

// standing is what the last fetch left of an issuer.
type standing struct {
	state state
	keys  int
}

func newKeys(f promauto.Factory) *keysObserver {
	issuers := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jwks_issuers",
		Help: "Issuers by the state of their keys: fresh ones were read at the last try; kept ones could not be read again, and the last good keys are used until " +
			"they are a day old; of missing ones there are no keys, and every token is refused.",
	}, label("keys"))
	o := &keysObserver{
		fetches: newCounters(f, "jwks_fetches_total",
			"Attempts to read an issuer's key set, from its address or file. The log names an issuer that fails.",
			label("result"), rows[bool]{true: {"ok"}, false: {"failed"}}, "failed"),
		durations: newHistogram(f, "jwks_fetch_duration_seconds",
			"How long reading an issuer's key set took, with or without success. No handshake waits for it.",
			.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10),
		keys:    newGauge(f, "jwks_keys", "Public keys in use now, of all issuers together."),
		issuers: make(map[state]prometheus.Gauge),
		known:   make(map[string]standing),
	}
	for _, s := range []state{fresh, kept, missing} {
		o.issuers[s] = issuers.WithLabelValues(string(s))
	}
	return o
}

// Dropped implements [jwks.Observer].
func (o *keysObserver) Dropped(issuer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before, ok := o.known[issuer]; ok {
		o.issuers[before.state].Dec()
		o.keys.Sub(float64(before.keys))
		delete(o.known, issuer)
	}
}

// Fetched implements [jwks.Observer]. It takes a lock that no handshake needs.
func (o *keysObserver) Fetched(issuer string, err error, took time.Duration, keys int) {
	o.fetches.of(err == nil).Inc()
	o.durations.Observe(took.Seconds())
	now := standing{fresh, keys}
	switch {
	case keys == 0:
		now.state = missing
	case err != nil:
		now.state = kept
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if before, ok := o.known[issuer]; ok {
		o.issuers[before.state].Dec()
		o.keys.Sub(float64(before.keys))
	}
	o.known[issuer] = now
	o.issuers[now.state].Inc()
	o.keys.Add(float64(keys))
}
