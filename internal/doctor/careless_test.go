package doctor_test

import (
	"context"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/doctor"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

// forgetful is an engine that keeps history by the name alone.
type forgetful struct{ doctor.Engine }

var nowhere = tenant.MustParse("nowhere")

func (f forgetful) Publish(ctx context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	m.Channel.Tenant = nowhere
	return f.Engine.Publish(ctx, m, keep)
}

func (f forgetful) Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	ref.Tenant = nowhere
	return f.Engine.Since(ctx, ref, from, limit)
}

func (f forgetful) Purge(ctx context.Context, ref channel.Ref) (message.Position, error) {
	if _, err := f.Engine.Purge(ctx, ref); err != nil { // what the hub had it keep
		return message.Position{}, err
	}
	ref.Tenant = nowhere
	return f.Engine.Purge(ctx, ref)
}

// careless is a ledger that looks up one kind by its value alone.
type careless struct {
	doctor.Ledger
	kind revocation.Kind
	ends map[string]bool
}

func (c careless) Revoke(ctx context.Context, r revocation.Revocation) error {
	if r.Kind == c.kind {
		c.ends[r.Value] = true
	}
	return c.Ledger.Revoke(ctx, r)
}

func (c careless) Check(p *auth.Principal, now time.Time) error {
	if c.ends[p.TokenID] || c.ends[p.User] {
		return auth.Refuse(auth.Revoked, "revoked")
	}
	return c.Ledger.Check(p, now)
}

// generous is a ledger that lifts whatever it is asked to.
type generous struct{ doctor.Ledger }

func (g generous) Lift(ctx context.Context, of tenant.ID, id string) (bool, error) {
	there, err := g.Ledger.Lift(ctx, of, id)
	return there || err == nil, err
}

// mixedUp is an office whose tickets say nothing of the tenant.
type mixedUp struct{ doctor.Tickets }

func (m mixedUp) Redeem(ctx context.Context, text string, origin ticket.Origin, certificate [32]byte, now time.Time) (*auth.Principal, error) {
	p, err := m.Tickets.Redeem(ctx, text, origin, certificate, now)
	if err == nil {
		p.Tenant = tenant.MustParse("globex")
	}
	return p, err
}
