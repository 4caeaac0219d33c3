package story

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

const metricsPage = `# HELP portcullis_handshakes_total WebSocket handshakes
# TYPE portcullis_handshakes_total counter
portcullis_handshakes_total{fault="client",reason="token_expired",result="rejected"} 3
portcullis_handshakes_total{fault="none",reason="ok",result="accepted"} 4
portcullis_handshakes_total{fault="server",reason="internal",result="rejected"} 0
portcullis_handshakes_total_more{fault="none",reason="ok",result="accepted"} 100
`

func TestSeriesAreAddedUp(t *testing.T) {
	tests := []struct {
		name, labels string
		want         int
	}{
		{"one", `result="accepted"`, 4},
		{"several labels in any order", `result="rejected",reason="token_expired"`, 3},
		{"several series", `result="rejected"`, 3},
		{"zero", `reason="internal"`, 0},
		{"none", `reason="unheard_of"`, -1},
		{"a part of a label", `reason="token"`, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (series{"", "portcullis_handshakes_total", tt.labels}).in(metricsPage); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Counts that differ from what the story did stand in the line, and are not as expected.
func TestTheScrapeTellsOtherCounts(t *testing.T) {
	page := metricsPage
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }))
	defer admin.Close()
	s := newStage(Gateway{Metrics: admin.URL}, new(Cast))
	for range 4 {
		s.count(admissions)
	}
	s.count(*refusals("token_expired"))
	steps := s.counted(t.Context())
	for i, want := range []struct{ expected, happened string }{{"4", "4"}, {"1", "3"}} {
		if got := steps[i].do(t.Context()); got != want.happened || steps[i].expected != want.expected {
			t.Errorf("%s: got %s for expected %s, want %s for %s", steps[i].tries, got, steps[i].expected, want.happened, want.expected)
		}
	}
	admin.Close()
	if got := s.counted(t.Context())[0].do(t.Context()); got == "4" {
		t.Error("got the count of a listener that is gone")
	}
}

// Columns stay columns: no text is wider than its own.
func TestTheStoryIsAligned(t *testing.T) {
	s := newStage(Gateway{}, new(Cast))
	for _, what := range []series{admissions, *denials, *refusals("certificate_untrusted")} {
		s.count(what)
	}
	for _, one := range append(s.script(), s.rows("", nil)...) {
		if len(one.tries) > 46 || len(one.expected) > 28 {
			t.Errorf("%q is %d wide, want 46; %q is %d wide, want 28", one.tries, len(one.tries), one.expected, len(one.expected))
		}
	}
}
