package metrics

import (
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/listen"
)

func newProxyHeaders(f promauto.Factory) counters[listen.ProxyResult] {
	r := make(rows[listen.ProxyResult])
	for _, result := range listen.ProxyResults {
		r.row(result, string(result))
	}
	return newCounters(f, "proxy_headers_total",
		"Connections that had to begin with a header of the PROXY protocol, by what became of it. Untrusted ones came past the proxies; malformed ones from a proxy that is configured otherwise.",
		label("result"), r, other)
}

// ProxyHeader hears of a connection that had to begin with a header of the PROXY protocol.
func (m *Metrics) ProxyHeader(r listen.ProxyResult) { m.proxies.of(r).Inc() }
