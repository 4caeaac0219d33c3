// Package metrics counts what the gateway does, for Prometheus. It implements the observers of the floors below.
//
// Every label value stands in the program, in the tables of the packages that own them: none comes from a client, a tenant or a file. What names tenants is a page of
// its own, see [portcullis/internal/metrics/tenants]. Every series
// exists, at zero, from the start, so that a rate sees the first event. What hot paths count is found once, here, and then only
// looked up: no observer's method takes a lock, waits or allocates, unless its comment says so.
package metrics

import (
	"regexp"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/audit"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/mtls/crl"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/listen"
	"portcullis/internal/session"
	"portcullis/internal/webhook"
	"portcullis/internal/wire"
)

//go:generate go test . -run TestTheDocumentListsEveryMetric -update

// prefix stands before every name that is ours.
const prefix = "portcullis_"

// The bounds of a scrape. Within scrapeBy it is answered or refused, and that before the listener's own write deadline of ten seconds.
const (
	scrapesAtOnce = 4
	scrapeBy      = 8 * time.Second
)

// Build says which program this is.
type Build struct {
	Version  string
	Revision string // of the source
}

// Metrics is everything that one node counts.
type Metrics struct {
	Page // what it tells

	// Set by New, then read-only.
	ready    prometheus.Gauge
	draining prometheus.Gauge
	hub      hubObserver
	sessions sessionObserver
	gateway  gatewayObserver
	tls      *tlsObserver
	keys     *keysObserver
	crl      *crlObserver
	audit    *auditObserver
	proxies  counters[listen.ProxyResult]
	lobby    lobbyObserver
	reloads  reloads
	webhooks webhookObserver

	candidates candidateObserver
	tenants    tenantsObserver

	verifications counters[Verified]
}

// New returns the metrics of a node whose clients may speak these dialects.
func New(b Build, dialects []wire.Dialect) *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{
			Matcher: regexp.MustCompile(`^/sched/latencies:seconds$|^/sched/pauses/total/gc:seconds$`),
		})),
	)
	f := promauto.With(prometheus.WrapRegistererWithPrefix(prefix, registry))
	f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "build_info",
		Help: "Always 1; the labels say which program runs.",
	}, []string{"version", "revision", "goversion"}).WithLabelValues(b.Version, b.Revision, runtime.Version()).Set(1)
	decided, sent := newDecisions(f), newSent(f)
	return &Metrics{
		Page:     Page{registry},
		ready:    newGauge(f, "ready", "1 while the node answers that it is ready, else 0."),
		draining: newGauge(f, "draining", "1 from the moment that the node was asked to stop. Few nodes should be at 1 at the same time."),
		hub:      newHub(f, decided, sent),
		sessions: sessionObserver{newConnections(f, dialects), newRequests(f, sent)},
		gateway:  newGateway(f, decided),
		tls:      newTLS(f),
		keys:     newKeys(f),
		crl:      newCRL(f),
		audit:    newAudit(f),
		proxies:  newProxyHeaders(f),
		lobby:    newLobby(f),
		reloads:  newReloads(f),
		webhooks: newWebhooks(f),

		candidates: newCandidates(f),
		tenants:    newTenants(f),

		verifications: newVerifications(f),
	}
}

// Ready says whether the node can serve.
func (m *Metrics) Ready(yes bool) { m.ready.Set(oneIf(yes)) }

// Draining says whether the node is being stopped.
func (m *Metrics) Draining(yes bool) { m.draining.Set(oneIf(yes)) }

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Hub hears the hub.
func (m *Metrics) Hub() hub.Observer { return &m.hub }

// Sessions hears all sessions.
func (m *Metrics) Sessions() session.Observer { return &m.sessions }

// Gateway hears the door, the handshakes and the API.
func (m *Metrics) Gateway() interface {
	gateway.Observer
	door.Observer
	api.Observer
} {
	return &m.gateway
}

// TLS hears the clients' listener.
func (m *Metrics) TLS() listen.Observer { return m.tls }

// Lists hears of the certificate revocation lists.
func (m *Metrics) Lists() crl.Observer { return m.crl }

// Audit hears the security log.
func (m *Metrics) Audit() audit.Observer { return m.audit }

// Keys hears of the issuers' key sets.
func (m *Metrics) Keys() jwks.Observer { return m.keys }

// Webhooks hears of what backends are told.
func (m *Metrics) Webhooks() webhook.Observer { return &m.webhooks }

// Lobby hears of connections that have no session yet.
func (m *Metrics) Lobby() limit.LobbyObserver { return &m.lobby }
