package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strconv"
	"testing"
	"time"

	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

func TestAProblemIsADocument(t *testing.T) {
	tests := []struct {
		name    string
		problem problem.Problem
		want    map[string]any
	}{
		{"as short as it can be", problem.Problem{Code: wire.NotFound}, map[string]any{"type": "about:blank", "title": "Not Found", "status": 404.0, "code": "not_found"}},
		{"with everything", problem.Problem{Code: wire.Unavailable, Detail: `"draining"`, Instance: "urn:x:1", Retry: 5 * time.Second},
			map[string]any{"type": "about:blank", "title": "Service Unavailable", "status": 503.0, "code": "unavailable", "detail": `"draining"`, "instance": "urn:x:1"}},
		{"with a status of its own", problem.Problem{Code: wire.BadRequest, Status: 415},
			map[string]any{"type": "about:blank", "title": "Unsupported Media Type", "status": 415.0, "code": "bad_request"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			problem.Write(w, tt.problem)
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) || float64(w.Code) != tt.want["status"] {
				t.Errorf("got %d %v, want %v", w.Code, got, tt.want)
			}
			retry, _ := strconv.Atoi(w.Header().Get("Retry-After"))
			if most := int(tt.problem.Retry / time.Second); retry > most || most > 0 && retry < 1 {
				t.Errorf("got Retry-After %d, want 1 to %d", retry, most)
			}
		})
	}
}

// Whoever met a limit, or found nobody to serve it, is told when to come again, in whole seconds, however soon that is; nobody else is.
func TestALimitSaysWhenToComeAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		problem problem.Problem
		most    int // seconds
	}{
		{"in a moment", problem.Problem{Code: wire.RateLimited, Retry: 20 * time.Millisecond}, 1},
		{"in a second", problem.Problem{Code: wire.RateLimited, Retry: time.Second}, 1},
		{"in less than two", problem.Problem{Code: wire.RateLimited, Retry: 1900 * time.Millisecond}, 2},
		{"when somebody leaves", problem.Problem{Code: wire.QuotaExceeded}, 5},
		{"when the engine is back", problem.Problem{Code: wire.Unavailable}, 5},
		{"a status of its own", problem.Problem{Code: wire.BadRequest, Status: 415}, 0},
		{"what does not pass", problem.Problem{Code: wire.Forbidden}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			least, most := 0, 0
			for range 200 {
				w := httptest.NewRecorder()
				problem.Write(w, tt.problem)
				text := w.Header().Get("Retry-After")
				if (text != "") != (tt.most > 0) {
					t.Fatalf("got Retry-After %q, want one: %v", text, tt.most > 0)
				}
				seconds, _ := strconv.Atoi(text)
				if most = max(most, seconds); least == 0 || seconds < least {
					least = seconds
				}
			}
			if want := min(tt.most, 1); least != want || most != tt.most {
				t.Errorf("got %d to %d seconds, want %d to %d", least, most, want, tt.most)
			}
		})
	}
}
