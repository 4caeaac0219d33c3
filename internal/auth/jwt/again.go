package jwt

import (
	"slices"
	"strings"
	"time"

	"portcullis/internal/auth"
)

// Again asks about the token that made p, which an earlier verifier believed: whether the settings would have it believed again, as the same user. It looks at no
// key and no signature. A key that left its set ends nobody's session; an issuer that left does.
func (v *Verifier) Again(p *auth.Principal, now time.Time) error {
	i := v.issuers[p.Issuer]
	if i == nil {
		return auth.Refuse(auth.BadIssuer, "%q is no issuer any more", p.Issuer)
	}
	e := i.under(p)
	switch {
	case e == nil:
		return auth.Refuse(auth.BadAudience, "the settings of issuer %q under which the token was believed are other ones", p.Issuer)
	case !slices.Contains(e.Algorithms, p.Algorithm):
		return auth.Refuse(auth.AlgNotAllowed, "alg %s is not one of %q any more", p.Algorithm, e.Algorithms)
	case !slices.Contains(e.Types, p.Type):
		return auth.Refuse(auth.TokenType, "typ %q is not one of %q any more", p.Type, e.Types)
	}
	if err := e.own(strings.TrimPrefix(p.User, e.Prefix)); err != nil {
		return err
	}
	return e.shortLived(p.Issued, p.Expires.Add(-p.Terms.Leeway), now)
}

// under returns the entry whose terms are those that p was believed under, nil when there is none.
func (i *issuer) under(p *auth.Principal) *entry {
	if p.Terms == nil {
		return nil
	}
	g := i.entries[audience{p.Terms.AudienceClaim, p.Terms.Audience}]
	if g == nil {
		return nil
	}
	e := g.byValue[p.Terms.Value]
	if e == nil || e.Tenant != p.Tenant || !e.terms.Same(p.Terms) {
		return nil
	}
	return e
}
