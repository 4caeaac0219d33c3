package realm

import (
	"crypto/x509"
	"slices"
	"strings"

	"portcullis/internal/tenant"
)

// Difference is what a snapshot makes of the one before it, by the ids of the tenants, each in their order.
type Difference struct{ Added, Changed, Removed []tenant.ID }

// Since returns what is other than it was in an earlier snapshot. A tenant whose keys or revocation lists are read anew is no other tenant.
func (s *Snapshot) Since(was *Snapshot) (c Difference) {
	for id, t := range s.tenants {
		switch before := was.tenants[id]; {
		case before == nil:
			c.Added = append(c.Added, id)
		case !before.config.Same(t.config) || !slices.EqualFunc(before.authorities, t.authorities, (*x509.Certificate).Equal):
			c.Changed = append(c.Changed, id)
		}
	}
	for id := range was.tenants {
		if s.tenants[id] == nil {
			c.Removed = append(c.Removed, id)
		}
	}
	for _, ids := range [][]tenant.ID{c.Added, c.Changed, c.Removed} {
		slices.SortFunc(ids, func(a, b tenant.ID) int { return strings.Compare(a.String(), b.String()) })
	}
	return c
}
