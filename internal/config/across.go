package config

import (
	"fmt"
	"slices"
)

// across finds what is wrong between tenants, or between a tenant and the listener. A tenant that cannot be beside an earlier one is left out, as one with an error of its
// own is, so that the packages above do not tell of the two again.
func (c *Config) across() (problems []Problem) {
	broken := make(map[part]bool)
	add := func(p Problem) { problems = append(problems, p) }
	type choice struct{ issuer, claim, audience string }
	type place struct{ keys, of string }
	chosen, reported := make(map[choice]chosenBy), make(map[choice]string)
	places := make(map[string]place)
	ids := make(map[string]bool)
	for i := range c.Tenants {
		t := &c.Tenants[i]
		clash := func(path, format string, args ...any) {
			add(t.Problem(path, format, args...))
			broken[t.part()] = true
		}
		if ids[t.ID] {
			clash("id", "%q is another tenant's id too; take another", t.ID)
		}
		ids[t.ID] = true
		for j, issuer := range t.Issuers {
			path, here := fmt.Sprintf("issuers[%d]", j), fmt.Sprintf("issuers[%d] of tenant %s", j, t.ID)
			key := choice{issuer.Issuer, issuer.AudienceClaim, issuer.Audience}
			if other, taken := chosen[key]; taken && !toldApart(issuer.TenantClaim, other.claims) {
				clash(path, "issuer %q with audience %q already chooses %s; use an audience for each, or a tenant_claim of one name with different values",
					issuer.Issuer, issuer.Audience, other.of)
			}
			chosen[key] = chosenBy{here, append(chosen[key].claims, issuer.TenantClaim)}
			for _, report := range []struct{ key, audience string }{{"logout_audience", issuer.LogoutAudience}, {"events_audience", issuer.EventsAudience}} {
				key := choice{issuer.Issuer, report.key, report.audience}
				if other, taken := reported[key]; taken && report.audience != "" && other != t.ID {
					clash(path+"."+report.key, "%q of issuer %q is tenant %s's too; use one for each", report.audience, issuer.Issuer, other)
				}
				reported[key] = t.ID
			}
			keys := issuer.JWKSURI + string(issuer.JWKSFile)
			if first, known := places[issuer.Issuer]; known && first.keys != keys {
				clash(path, "reads the keys of issuer %q from %s, and %s from %s; an issuer has one set of keys, so name one place",
					issuer.Issuer, keys, first.of, first.keys)
			} else if !known {
				places[issuer.Issuer] = place{keys, here}
			}
		}
		c.checkDoor(t, add)
	}
	c.Tenants = slices.DeleteFunc(c.Tenants, func(t Tenant) bool { return broken[t.part()] })
	return problems
}

// part is where a tenant stands.
type part struct{ file, prefix string }

func (t *Tenant) part() part { return part{t.file, t.prefix} }

// chosenBy are the entries of one issuer and audience so far.
type chosenBy struct {
	of     string // the last one, for people
	claims []*TenantClaim
}

// toldApart reports whether a claim tells an entry from all others of its issuer and audience.
func toldApart(c *TenantClaim, others []*TenantClaim) bool {
	for _, other := range others {
		if c == nil || other == nil || c.Name != other.Name || c.Value == other.Value {
			return false
		}
	}
	return true
}

// checkDoor compares the credentials that a tenant believes with those that the listener lets clients show.
func (c *Config) checkDoor(t *Tenant, add func(Problem)) {
	asked := c.Listen.ClientCertificates
	switch {
	case asked == "none" && t.Certificates != nil && len(t.Issuers) == 0:
		add(t.Problem("certificates", "nobody can come in: listen.client_certificates is none; make it request or require, or give issuers"))
	case asked == "none" && t.Certificates != nil:
		add(t.Warning("certificates", "no client will be asked for one: listen.client_certificates is none; make it request or require"))
	case asked == "require" && t.Certificates == nil:
		add(t.Problem("",
			"nobody can come in: listen.client_certificates is require and this tenant believes none; give certificates, or make it request"))
	}
}
