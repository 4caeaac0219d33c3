package jwt

import (
	"slices"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/jws"
)

// issuer is everything about one iss: the entries of all tenants that take its tokens, and the keys that they share. Many tenants may
// share one, so nothing here looks at all of them.
type issuer struct {
	keys    *jwks.Source
	entries map[audience]*group
	// logouts and events are the entries by the audience of what the issuer reports.
	logouts, events map[string]*entry

	// What at least one entry uses.
	claims, algorithms, types []string
}

// audience is a text in a claim: a token for ana's shop in aud is not one for ana's shop in client_id.
type audience struct{ claim, text string }

// group are the entries of one audience: one, or several that a claim tells apart.
type group struct {
	only    *entry
	claim   string
	byValue map[string]*entry
}

// of returns the entry that a token belongs to, nil when there is none.
func (g *group) of(t *jws.Token) *entry {
	if g.claim == "" {
		return g.only
	}
	v, ok := t.Claims.Lookup(g.claim)
	if !ok {
		return nil
	}
	text, _ := v.Text()
	return g.byValue[text]
}

func (i *issuer) add(e *entry) {
	key := audience{e.AudienceClaim, e.Audience}
	g := i.entries[key]
	if g == nil {
		g = &group{only: e, claim: e.TenantClaim.Name, byValue: make(map[string]*entry)}
		i.entries[key] = g
	}
	g.byValue[e.TenantClaim.Value] = e
	if e.LogoutAudience != "" {
		i.logouts[e.LogoutAudience] = e
	}
	if e.EventsAudience != "" {
		i.events[e.EventsAudience] = e
	}
	i.claims = union(i.claims, e.AudienceClaim)
	i.algorithms = union(i.algorithms, e.Algorithms...)
	i.types = union(i.types, e.Types...)
}

func union(set []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(set, s) {
			set = append(set, s)
		}
	}
	return set
}

// choose returns the entry whose audience the token names. Naming those of two tenants is naming neither: one of them would have to be
// picked by a rule that nobody who issued the token knows.
func (i *issuer) choose(t *jws.Token) (*entry, error) {
	var chosen *entry
	for _, claim := range i.claims {
		value, ok := t.Claims.Lookup(claim)
		if !ok {
			continue
		}
		texts, _ := value.Texts()
		for _, text := range texts {
			g := i.entries[audience{claim, text}]
			if g == nil {
				continue
			}
			e := g.of(t)
			if e == nil {
				return nil, auth.Refuse(auth.BadAudience, "the token names audience %.128q, and its %s is no tenant's", text, g.claim)
			}
			if chosen != nil && chosen.Tenant != e.Tenant {
				return nil, auth.Refuse(auth.BadAudience, "the token names the audiences of tenants %s and %s", chosen.Tenant, e.Tenant)
			}
			if chosen == nil || e.order < chosen.order {
				chosen = e
			}
		}
	}
	if chosen == nil {
		return nil, auth.Refuse(auth.BadAudience, "the token names no audience that is configured for iss %.128q", t.Claims.Issuer)
	}
	return chosen, nil
}
