package doctor

import (
	"fmt"
	"time"
)

// Verdict says what became of a wall. The set is closed.
type Verdict string

// The verdicts, from the best to the worst.
const (
	Held     Verdict = "held"
	Warning  Verdict = "warning"  // it held, and something about it should be looked at
	Unproven Verdict = "unproven" // it could not be tried, or not to the end
	Broken   Verdict = "broken"
)

var order = map[Verdict]int{Held: 0, Warning: 1, Unproven: 2, Broken: 3}

// Report is what a run found.
type Report struct {
	Held    bool          `json:"held"` // every wall did, warnings apart
	Seed    uint32        `json:"seed"` // the sample of pairs is taken anew with it
	Tenants int           `json:"tenants"`
	Pairs   int           `json:"pairs"` // that were examined
	Of      int           `json:"of"`    // so many
	Rules   int           `json:"rules"` // pairs that met on a channel that the running rules of both allow; the others met below their rules
	Took    time.Duration `json:"-"`
	Millis  int64         `json:"took_ms"`
	Walls   []*Result     `json:"walls"`
}

// Result is what became of one wall.
type Result struct {
	Name     string   `json:"name"`
	Tries    string   `json:"tries"`
	Must     string   `json:"must"`
	Tried    int      `json:"tried"`
	Verdict  Verdict  `json:"verdict"`
	Findings []string `json:"findings"` // the first few; they name tenants
}

// mostFindings is how many findings of one wall are worth reading.
const mostFindings = 5

func (r *Result) found(v Verdict, format string, args ...any) {
	if order[v] > order[r.Verdict] {
		r.Verdict = v
	}
	if len(r.Findings) < mostFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

// report closes the books. A wall that nobody tried has not held.
func (r *run) report(seed uint32, pairs, of int) *Report {
	took := time.Since(r.started)
	report := &Report{
		Seed: seed, Tenants: len(r.tenants), Pairs: pairs, Of: of, Rules: r.metByRules, Took: took, Millis: took.Milliseconds(), Walls: r.results,
	}
	for _, result := range r.results {
		switch {
		case r.ctx.Err() != nil:
			result.found(Unproven, "the run was cut off after %v", took.Round(time.Millisecond))
		case result.Tried == 0:
			result.found(Unproven, "it was not tried")
		}
	}
	report.Held = order[report.worst()] < order[Unproven]
	return report
}

func (r *Report) worst() Verdict {
	worst := Held
	for _, w := range r.Walls {
		if order[w.Verdict] > order[worst] {
			worst = w.Verdict
		}
	}
	return worst
}
