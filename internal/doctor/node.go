package doctor

import (
	"context"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

// takesBack returns what lifts a revocation. It is done at the end of the run where it was not before.
func (r *run) takesBack(of tenant.ID, id string) (now func() error) {
	over := false
	lift := func(ctx context.Context) (err error) {
		if !over {
			_, err = r.config.Ledger.Lift(ctx, of, id)
			over = err == nil
		}
		return err
	}
	r.undo = append(r.undo, func(ctx context.Context) { _ = lift(ctx) }) // it ends by itself within lifetime
	return func() error { return lift(r.ctx) }
}

// snapshot tries the wall of that name, for all tenants.
func snapshot(v *visit) {
	policies, accounts := make(map[*acl.Policy]tenant.ID), make(map[*limit.Tenant]tenant.ID)
	for _, t := range v.tenants {
		v.tried()
		if other, shared := policies[t.Policy]; shared {
			v.broken("%s and %s share their rules", other, t.ID)
		}
		if other, shared := accounts[t.Account]; shared {
			v.broken("%s and %s share an account: the one uses up what the other may", other, t.ID)
		}
		policies[t.Policy], accounts[t.Account] = t.ID, t.ID
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
