package metrics_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/limit"
	"portcullis/internal/metrics"
	"portcullis/internal/metrics/tenants"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const document = "../../docs/metrics.md"

const head = `# Metrics

What ` + "`/metrics` and `/metrics/tenants`" + ` on the administrators' listener say, besides Go's own ` + "`go_*` and `process_*`" + `. This page is generated from the
program: ` + "`go generate ./internal/metrics`" + `.

## /metrics

Every series exists from the start, at zero until something is counted, but for what the table says otherwise. Every label value stands in the
program: none comes from a client, and none names a tenant, a user or a channel. The value ` + "`other`" + ` is for what should not exist; where it
grows, please report it.

` + table

const tenantsHead = `
## /metrics/tenants

What each tenant uses and meets on this node. The label **tenant** is a tenant's id, or ` + "`_other`" + `: all those together that have no series of their own. As many tenants are named as
` + "`metrics.tenants`" + ` says (200, if it says nothing): all, as long as there are no more; else whoever is busy first. A tenant keeps its series while it is configured, and what
happened before it was named stays in ` + "`_other`" + `, as what happened to a tenant without a name that is gone. So no counter ever goes down, and the sum over all tenants counts everything
once. The other labels stand in the program. Nothing here comes from a client.

` + table

const table = `| metric | type | labels | what it says |
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
	r := tenants.New(tenants.Config{Tenants: func() []*realm.Tenant { return []*realm.Tenant{everything(t)} }, Named: 1})
	return head + rows(t, m.Page) + tenantsHead + rows(t, metrics.NewPage(r))
}

// everything is a tenant that has a limit of everything.
func everything(t *testing.T) *realm.Tenant {
	t.Helper()
	var all limit.Limits
	for _, f := range reflect.VisibleFields(reflect.TypeFor[limit.Limits]()) {
		reflect.ValueOf(&all).Elem().FieldByIndex(f.Index).SetInt(10)
	}
	return &realm.Tenant{ID: tenant.MustParse("acme"), Account: limit.NewTenant(all), Counts: new(realm.Counts)}
}

// rows writes a line for each family of ours.
func rows(t *testing.T, p metrics.Page) string {
	t.Helper()
	families, err := p.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
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
			if f.GetName() != "portcullis_build_info" && name != "tenant" {
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
