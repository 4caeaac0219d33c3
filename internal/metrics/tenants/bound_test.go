package tenants_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portcullis/internal/config"
	"portcullis/internal/limit"
	"portcullis/internal/metrics"
)

// bound reads a number out of a file.
func bound(t *testing.T, text, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("there is no %s", pattern)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The scrape of a gateway that names as many tenants as it may is one that the shipped Prometheus takes.
func TestPrometheusTakesAsManyTenantsAsMayBeNamed(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, job, _ := strings.Cut(string(text), "metrics_path: /metrics/tenants")
	samples, size := bound(t, job, `sample_limit: (\d+)`), bound(t, job, `body_size_limit: (\d+)MB`)*1_000_000
	field, _ := reflect.TypeFor[config.Metrics]().FieldByName("Tenants")
	most, err := strconv.Atoi(field.Tag.Get("max"))
	if err != nil {
		t.Fatal(err)
	}
	const part = 10 // a tenth of them says as much about each
	w := newWorld(most)
	var all limit.Limits
	for _, f := range reflect.VisibleFields(reflect.TypeFor[limit.Limits]()) {
		reflect.ValueOf(&all).Elem().FieldByIndex(f.Index).SetInt(1_000_000_000)
	}
	for i := range most / part {
		id := fmt.Sprintf("%s%04d", strings.Repeat("t", 59), i) // of 63 letters
		w.come(id, all).Account.Counts().Sent(math.MaxUint32, math.MaxInt)
	}
	answer := httptest.NewRecorder()
	metrics.NewPage(w.register).Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics/tenants", nil))
	lines := slices.Collect(strings.Lines(answer.Body.String()))
	got := len(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") }))
	if got < 43*most/part || got*part > samples || answer.Body.Len()*part > size {
		t.Errorf("got %d samples in %d bytes for a part of %d, want at least 43 a tenant, and for all at most the %d in %d of deploy/prometheus.yml", got, answer.Body.Len(), part, samples, size)
	}
}
