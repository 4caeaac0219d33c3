package node

import (
	"context"
	"errors"
	"runtime"
	"time"

	"portcullis/internal/audit"
	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/dpop"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/config"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/metrics"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// gates bound verification. Tokens and chains have one each: a stranger's chain costs more than a token, and must not keep the honest tokens waiting.
type gates struct{ tokens, chains auth.Gate }

func newGates(m *metrics.Metrics) gates {
	return gates{m.Counted(metrics.Signatures, auth.NewSlots(runtime.GOMAXPROCS(0))), m.Counted(metrics.Chains, auth.NewSlots(runtime.GOMAXPROCS(0)/2))}
}

// newDoor makes what asks everybody who they are, and the lobby in front of it.
func (n *Node) newDoor(g gates, problems []config.Problem) (*door.Door, []config.Problem) {
	trust, faults := Trust(n.config)
	if problems = append(problems, faults...); trust == nil {
		return nil, problems
	}
	n.trust = trust
	n.lobby = n.newLobby(trust.Trusts)
	return door.New(door.Config{
		Realms:    n.realms,
		Proxies:   trust,
		Addresses: n.newAddresses(trust.Trusts),
		Ledger:    n.ledger,
		Tickets:   ticket.NewOffice(n.engine.State()),
		Proofs: dpop.New(dpop.Config{
			Names: n.config.Listen.Names, Plaintext: n.config.Listen.Plaintext, Gate: g.tokens, First: n.first,
		}),
		Observer: door.Observers{n.metrics.Gateway(), n.audit},
		Log:      n.log,
	}), problems
}

func (n *Node) newAPI() *api.API {
	return api.New(api.Config{
		Door: n.door, Realms: n.realms, Ledger: n.ledger, Tickets: ticket.NewOffice(n.engine.State()), Memory: n.engine.State(), Roster: func() *gateway.Roster { return n.gateway.Roster() },
		Observer: api.Observers{n.metrics.Gateway(), n.audit},
	})
}

// revocationCommand is the kind of the commands by which nodes tell each other what was revoked.
const revocationCommand = "revocation"

func (n *Node) announce(ctx context.Context, data []byte) error {
	return n.engine.Control(ctx, broker.Command{Kind: revocationCommand, Data: data})
}

// remember keeps the ledger of what was revoked until ctx ends.
func (n *Node) remember(ctx context.Context) error {
	select {
	case <-n.hub.Reached():
	case <-ctx.Done():
		return nil
	}
	if err := n.ledger.Run(ctx); err != nil && !errors.Is(err, broker.ErrClosed) {
		return err
	}
	return nil
}

// knows reports whether there is a tenant of this id now.
func (n *Node) knows(id tenant.ID) bool { return n.realms.Current().Tenant(id) != nil }

// ended ends the sessions whose right a change has ended. New ones are refused already.
func (n *Node) ended(c revocation.Change) {
	n.gateway.Roster().EndIf(c.Tenant(), func(p *auth.Principal) (wire.Close, bool) {
		if !c.Concerns(p) {
			return wire.Close{}, false
		}
		return n.door.Ended(p)
	})
}

// listed asks about the certificates of a tenant again, whose revocation lists are other ones.
func (n *Node) listed(id tenant.ID) {
	n.gateway.Roster().EndIf(id, func(p *auth.Principal) (wire.Close, bool) {
		if p.Certificate == nil {
			return wire.Close{}, false
		}
		return n.door.Ended(p)
	})
}

// first reports whether a key is new to all nodes.
func (n *Node) first(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	return n.engine.State().Add(ctx, key, nil, ttl)
}

// operated hears what administrators did, for the metrics and for the security log.
type operated struct {
	metrics api.Observer
	audit   *audit.Log
}

func (o operated) Administered(operation, target, remote string) {
	o.audit.Administered(operation, target, remote)
}

func (o operated) Revoked(r *revocation.Revocation, by api.Source) {
	o.metrics.Revoked(r, by)
	o.audit.Revoked(r, by)
}
