package metrics

import (
	"bytes"
	"fmt"
	"net/http"
)

// Scrape returns what a scraper reads, in the text format.
func (m *Metrics) Scrape() (string, error) {
	r, err := http.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	p := page{header: make(http.Header), status: http.StatusOK}
	m.Handler().ServeHTTP(&p, r)
	if p.status != http.StatusOK {
		return "", fmt.Errorf("the scrape was answered %d: %.200s", p.status, p.text.String())
	}
	return p.text.String(), nil
}

// page is an answer that stays in the process.
type page struct {
	header http.Header
	status int
	text   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) WriteHeader(status int)      { p.status = status }
func (p *page) Write(b []byte) (int, error) { return p.text.Write(b) }
