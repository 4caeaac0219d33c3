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

// metrics tries the wall of that name. A tenant may be called like a word of the program's own: such a word stands there when nothing has happened too.
func metrics(v *visit) {
	said, err := v.config.Metrics()
	if err != nil {
		v.unproven("/metrics: %v", err)
		return
	}
	quiet, err := v.config.Quiet()
	if err != nil {
		v.unproven("/metrics: %v", err)
		return
	}
	known := make(map[string]bool)
	for label := range labels(quiet) {
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
		if id, ok := namesOne(label, ids); ok {
			v.broken("/metrics has the label %s, which names tenant %s", label, id)
		}
		for _, m := range v.meetings {
			if strings.Contains(label, m.sides[0].principal.User) {
				v.broken("/metrics has the label %s, which a user has chosen", label)
			}
		}
	}
}
