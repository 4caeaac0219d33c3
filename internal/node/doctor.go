package node

import (
	"portcullis/internal/auth"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/doctor"
	"portcullis/internal/gateway/rehearsal"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/metrics"
	"portcullis/internal/metrics/tenants"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// newDoctor makes what examines this node: what runs here, and nothing that was made for it, but for metrics pages on which nothing has happened.
func (n *Node) newDoctor(dialects []wire.Dialect) *doctor.Doctor {
	return doctor.New(doctor.Config{
		Tenants: func() []*realm.Tenant { return n.realms.Current().Tenants() },
		Join: func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) doctor.Member {
			return n.hub.Join(t, p, place, connection, s).Aside()
		},
		Speak:       func(t *realm.Tenant, p *auth.Principal) doctor.Speaker { return n.hub.Speaker(t, p).Aside() },
		Dialect:     dialects[0],
		Directory:   n.hub,
		Engine:      n.engine,
		Ledger:      n.ledger,
		Tickets:     ticket.NewOffice(n.engine.State()),
		Connections: rehearsal.Backend{Roster: n.gateway.Roster()},
		Rehearse:    func() doctor.Rehearsal { return rehearsal.New(n.hub, dialects[0]) },
		Live: func(f func(*auth.Principal)) {
			n.gateway.Roster().Each(func(s *session.Session) { f(s.Principal()) })
		},
		Metrics:    n.metrics.Scrape,
		Quiet:      metrics.New(n.options.Version, dialects).Scrape,
		Named:      n.page.Scrape,
		QuietNamed: metrics.NewPage(tenants.New(tenants.Config{Tenants: func() []*realm.Tenant { return nil }})).Scrape,
		Log:        n.log,
	})
}
