package metrics_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const document = "../../docs/metrics.md"

const head = `# Metrics

What ` + "`/metrics`" + ` on the administrators' listener says, besides Go's own ` + "`go_*` and `process_*`" + `. This page is generated from the program:
` + "`go generate ./internal/metrics`" + `.

Every series exists from the start, at zero until something is counted, but for what the table says otherwise. Every label value stands in the
program: none comes from a client, and none names a tenant, a user or a channel. The value ` + "`other`" + ` is for what should not exist; where it
grows, please report it.

| metric | type | labels | what it says |
|---|---|---|---|
`

func TestTheDocumentListsEveryMetric(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/metrics.md is not what the program counts; run  go generate ./internal/metrics\n%s", difference(string(got), want))
	}
}

// generate writes the document from what a node tells that serves TLS.
func generate(t *testing.T) string {
	m := newMetrics()
	m.TLS().CertificateLoaded(notAfter)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(head)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "portcullis_") {
			continue
		}
		var names []string
		values := make(map[string][]string)
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if _, known := values[l.GetName()]; !known {
					names = append(names, l.GetName())
				}
				values[l.GetName()] = append(values[l.GetName()], "`"+l.GetValue()+"`")
			}
		}
		var labels []string
		for _, name := range names {
			said := ""
			if f.GetName() != "portcullis_build_info" {
				slices.Sort(values[name])
				said = ": " + strings.Join(slices.Compact(values[name]), " ")
			}
			labels = append(labels, "**"+name+"**"+said)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()),
			cmp.Or(strings.Join(labels, "<br>"), "-"), f.GetHelp())
	}
	return b.String()
}

// difference returns the first line that is not as it should be.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		var is, should string
		if i < len(a) {
			is = a[i]
		}
		if i < len(b) {
			should = b[i]
		}
		if is != should {
			return fmt.Sprintf("line %d\ngot  %s\nwant %s", i+1, is, should)
		}
	}
	return ""
}
