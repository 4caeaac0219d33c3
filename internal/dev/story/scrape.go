package story

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// series are those of a metric that have some labels.
type series struct {
	tells  string // in words
	metric string
	labels string // as they stand in the text, in any order
}

var (
	admissions = series{"handshakes accepted", "portcullis_handshakes_total", `result="accepted"`}
	denials    = &series{"publishes denied by a rule", "portcullis_acl_decisions_total",
		`action="publish",basis="explicit_deny",decision="deny"`}
)

func refusals(reason string) *series {
	return &series{"refused, " + reason, "portcullis_handshakes_total", `reason="` + reason + `",result="rejected"`}
}

// count is how often the story did what a series counts.
type count struct {
	series
	times int
}

func (s *stage) count(what series) {
	i := slices.IndexFunc(s.tally, func(c count) bool { return c.series == what })
	if i < 0 {
		i = len(s.tally)
		s.tally = append(s.tally, count{series: what})
	}
	s.tally[i].times++
}

const (
	// scrapeBy is how long the count of accepted handshakes may lag behind what clients have seen: they are counted behind their answer.
	scrapeBy = time.Second
	// scrapeMost is far more than the gateway has to tell.
	scrapeMost = 8 << 20
)

// counted is the last step: for each kind of thing that the story did, how often it did that, and how often the gateway says it was.
func (s *stage) counted(ctx context.Context) []step {
	page, err := s.scrape(ctx)
	for end := time.Now().Add(scrapeBy); err == nil && s.behind(page) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		page, err = s.scrape(ctx)
	}
	return s.rows(page, err)
}

func (s *stage) rows(page string, err error) []step {
	steps := make([]step, len(s.tally))
	for i, c := range s.tally {
		happened := func(context.Context) string { return strconv.Itoa(c.in(page)) }
		if err != nil {
			happened = func(context.Context) string { return err.Error() }
		}
		steps[i] = step{tries: "              " + c.tells, expected: strconv.Itoa(c.times), do: happened}
		if i == 0 {
			steps[i].number, steps[i].tries = 10, "GET /metrics: "+c.tells
		}
	}
	return steps
}

// behind reports whether an accepted handshake is not counted yet. Everything else is counted before it is answered.
func (s *stage) behind(page string) bool {
	return slices.ContainsFunc(s.tally, func(c count) bool { return c.series == admissions && c.in(page) < c.times })
}

// scrape asks for the metrics as Prometheus would.
func (s *stage) scrape(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.gateway.Metrics, nil)
	if err != nil {
		return "", err
	}
	t := &http.Transport{DisableKeepAlives: true} // no proxy: the listener is on this machine
	answer, err := t.RoundTrip(r)
	if err != nil {
		return "", fmt.Errorf("scrape: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("scrape: %s", answer.Status)
	}
	page, err := io.ReadAll(io.LimitReader(answer.Body, scrapeMost))
	return string(page), err
}

// in adds up the series on a page of metrics; -1 when there are none, since those that exist are there at zero.
func (s series) in(page string) int {
	sum := -1
	for line := range strings.Lines(page) {
		rest, ok := strings.CutPrefix(line, s.metric+"{")
		if !ok {
			continue
		}
		labels, value, _ := strings.Cut(rest, "} ")
		if !s.describes(labels) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return -1
		}
		sum = max(sum, 0) + int(n)
	}
	return sum
}

func (s series) describes(labels string) bool {
	for want := range strings.SplitSeq(s.labels, ",") {
		if !slices.Contains(strings.Split(labels, ","), want) {
			return false
		}
	}
	return true
}
