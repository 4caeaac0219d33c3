package doctor

import (
	"encoding/hex"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
)

// mostKinds is how many visits revoke every kind. Each costs what outlives a restart, a write that reaches the disk; the others take turns.
const mostKinds = 6

// revoke tries the wall of that name.
func revoke(v *visit) {
	ours, theirs := *v.from.principal, *v.to.principal
	ours.Certificate, theirs.Certificate = certificate(ours.User, ours.Expires), certificate(ours.User, ours.Expires)
	theirs.Issuer, theirs.User, theirs.TokenID, theirs.Session, theirs.KeyID = ours.Issuer, ours.User, ours.TokenID, ours.Session, ours.KeyID
	values := map[revocation.Kind]string{
		revocation.Token: ours.TokenID, revocation.User: ours.User, revocation.Session: ours.Session, revocation.Key: ours.KeyID,
		revocation.Certificate: hex.EncodeToString(ours.Certificate.Fingerprint[:]),
	}
	for i, kind := range revocation.Kinds {
		if v.number > mostKinds && v.number%len(revocation.Kinds) != i || v.ctx.Err() != nil {
			continue
		}
		now := time.Now()
		v.ends(revocation.Revocation{
			Tenant: ours.Tenant, Kind: kind, Value: values[kind], Before: now, Until: now.Add(lifetime), Reason: "portcullis doctor",
		}, &ours, &theirs)
	}
}

// ends revokes, looks whom that ended, and takes it back.
func (v *visit) ends(r revocation.Revocation, ours, theirs *auth.Principal) {
	v.tried()
	l, id := v.config.Ledger, r.ID()
	before := auth.ReasonOf(l.Check(ours, time.Now()))
	taken := v.takesBack(r.Tenant, id)
	if err := l.Revoke(v.ctx, r); err != nil {
		v.unproven("%s: a %s could not be revoked: %v", r.Tenant, r.Kind, err)
		return
	}
	if before == "" && auth.ReasonOf(l.Check(ours, time.Now())) != auth.Revoked {
		v.unproven("%s: a %s was revoked, and ended nobody", r.Tenant, r.Kind)
	}
	if err := l.Check(theirs, time.Now()); auth.ReasonOf(err) == auth.Revoked {
		v.broken("a %s revoked by %s ends the one of %s", r.Kind, r.Tenant, theirs.Tenant)
	}
	v.config.Live(func(p *auth.Principal) {
		if p.Tenant != r.Tenant && r.Ends(p) {
			v.broken("a %s revoked by %s ends a connection of %s", r.Kind, r.Tenant, p.Tenant)
		}
	})
	if there, err := l.Lift(v.ctx, theirs.Tenant, id); there || err != nil {
		v.broken("%s lifts a revocation of %s: %v", theirs.Tenant, r.Tenant, err)
	}
	if err := taken(); err != nil {
		v.unproven("%s: a %s is revoked until %s, and could not be lifted: %v", r.Tenant, r.Kind, r.Until.Format(time.TimeOnly), err)
	}
}

// tickets tries the wall of that name.
func tickets(v *visit) {
	now := time.Now()
	var minted [2]string
	for i, s := range []*side{v.from, v.to} {
		p := *s.principal
		p.Certificate = nil
		text, _, err := v.config.Tickets.Mint(v.ctx, &p, ticket.Origin{}, now)
		if err != nil {
			v.unproven("%s: no ticket: %v", s.tenant.ID, err)
			return
		}
		minted[i] = text
	}
	for i, s := range []*side{v.from, v.to} {
		v.tried()
		p, err := v.config.Tickets.Redeem(v.ctx, minted[i], ticket.Origin{}, [32]byte{}, now)
		switch {
		case err != nil:
			v.unproven("%s: its ticket was refused: %v", s.tenant.ID, err)
		case p.Tenant != s.tenant.ID || p.User != s.principal.User:
			v.broken("a ticket of %s makes somebody a user of %s", s.tenant.ID, p.Tenant)
		}
		if p, err := v.config.Tickets.Redeem(v.ctx, minted[i], ticket.Origin{}, [32]byte{}, now); err == nil {
			v.broken("a ticket of %s counts a second time, for %s", s.tenant.ID, p.Tenant)
		}
	}
}
