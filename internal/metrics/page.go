package metrics

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Page is what one path tells a scraper.
type Page struct{ registry *prometheus.Registry }

// NewPage returns a page that tells what c collects, and nothing else.
func NewPage(c prometheus.Collector) Page {
	p := Page{prometheus.NewRegistry()}
	p.registry.MustRegister(c)
	return p
}

// Handler answers a scrape, as OpenMetrics where the scraper wants it. Scrapes that come at the same moment share one collection, and those beyond
// scrapesAtOnce are answered 503. Who may ask is the caller's to decide.
func (p Page) Handler() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		CoalesceGather:      true,
		MaxRequestsInFlight: scrapesAtOnce,
		Timeout:             scrapeBy,
	})
}

// Scrape returns what a scraper reads, in the text format.
func (p Page) Scrape() (string, error) {
	r, err := http.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	a := answer{header: make(http.Header), status: http.StatusOK}
	p.Handler().ServeHTTP(&a, r)
	if a.status != http.StatusOK {
		return "", fmt.Errorf("the scrape was answered %d: %.200s", a.status, a.text.String())
	}
	return a.text.String(), nil
}

// answer is one that stays in the process.
type answer struct {
	header http.Header
	status int
	text   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.text.Write(b) }
