package doctor

import (
	"context"
	"reflect"
	"strings"

	"portcullis/internal/tenant"
)

// takesBack returns what lifts a revocation.
func (r *run) takesBack(of tenant.ID, id string) (now func() error) {
	return r.later(func(ctx context.Context) error {
		_, err := r.config.Ledger.Lift(ctx, of, id)
		return err
	})
}

// snapshot tries the wall of that name, for all tenants.
func snapshot(v *visit) {
	held := make(map[any]tenant.ID)
	for _, t := range v.tenants {
		v.tried()
		for what, it := range map[string]any{"rules": t.Policy, "an account, and the one uses up what the other may": t.Account, "settings of channels": t.Channels, "choices of channels": t.Choices} {
			if other, shared := held[it]; shared && !reflect.ValueOf(it).IsNil() {
				v.broken("%s and %s share %s", other, t.ID, what)
			}
			held[it] = t.ID
		}
	}
}

// metrics tries the wall of that name.
func metrics(v *visit) {
	v.page("/metrics", v.config.Metrics, v.config.Quiet, func(string) bool { return false })
	v.page("/metrics/tenants", v.config.Named, v.config.QuietNamed, func(label string) bool { return strings.HasPrefix(label, `tenant="`) })
}

// page looks for what no label of a page may have, but for those that may name a tenant. A tenant may be called like a word of the program's own: such a word stands
// there when nothing has happened too.
func (v *visit) page(path string, scrape, quiet func() (string, error), may func(label string) bool) {
	said, err := scrape()
	if err != nil {
		v.unproven("%s: %v", path, err)
		return
	}
	before, err := quiet()
	if err != nil {
		v.unproven("%s: %v", path, err)
		return
	}
	known := make(map[string]bool)
	for label := range labels(before) {
		known[label] = true
	}
	ids := make(map[string]bool)
	for _, t := range v.tenants {
		ids[t.ID.String()] = true
	}
	for label := range labels(said) {
		v.tried()
		if known[label] {
			continue
		}
		if id, ok := namesOne(label, ids); ok && !may(label) {
			v.broken("%s has the label %s, which names tenant %s", path, label, id)
		}
		for _, m := range v.meetings {
			if strings.Contains(label, m.sides[0].principal.User) {
				v.broken("%s has the label %s, which a user has chosen", path, label)
			}
		}
	}
}
