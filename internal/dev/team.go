package dev

import (
	"crypto"
	"fmt"
	"time"

	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/mint"
	"portcullis/internal/listen/authority"
)

// demoLifetime is how long the demo user's token is good: longer than a day's work, shorter than the longest that a tenant believes.
const demoLifetime = 12 * time.Hour

// team is a tenant from the outside: its identity service and its certificate authority.
type team struct {
	id, issuer, audience string
	roles                func([]string) map[string]any // as this service writes them
	key                  crypto.Signer
	keyFile              string
	authority            *authority.Authority
}

// foundTeams makes both tenants' services, and gives the gateway their public halves.
func (h *house) foundTeams(addresses) error {
	h.acme = &team{
		id: "acme", issuer: "https://id.acme.example", audience: "portcullis-of-acme",
		roles: func(roles []string) map[string]any { return map[string]any{"roles": roles} },
	}
	h.globex = &team{
		id: "globex", issuer: "https://login.globex.example", audience: "portcullis-of-globex",
		roles: func(roles []string) map[string]any {
			return map[string]any{"realm_access": map[string]any{"roles": roles}}
		},
	}
	for _, t := range []*team{h.acme, h.globex} {
		if err := h.found(t); err != nil {
			return fmt.Errorf("tenant %s: %w", t.id, err)
		}
	}
	return nil
}

func (h *house) found(t *team) (err error) {
	if t.key, err = mint.NewKey("ES256"); err != nil {
		return err
	}
	if t.authority, err = authority.New(t.id + " devices, thrown away at the end of dev"); err != nil {
		return err
	}
	private, err := mint.Encode(t.key)
	if err != nil {
		return err
	}
	public, err := jwks.Encode(t.key.Public())
	if err != nil {
		return err
	}
	if t.keyFile, err = h.write(t.id+"/signing-key.pem", private); err != nil {
		return err
	}
	if _, err = h.write("tenants/"+t.id+"-jwks.json", public); err != nil {
		return err
	}
	_, err = h.write("tenants/"+t.id+"-authority.pem", t.authority.PEM())
	return err
}

// claims say who a user is, as this tenant's service would.
func (t *team) claims(user string, from, to time.Time, roles ...string) map[string]any {
	claims := t.roles(roles)
	claims["iss"], claims["aud"], claims["sub"] = t.issuer, t.audience, user
	claims["iat"], claims["exp"] = from.Unix(), to.Unix()
	return claims
}

func (t *team) token(user string, from, to time.Time, roles ...string) (string, error) {
	return mint.Token(t.key, "", "at+jwt", t.claims(user, from, to, roles...))
}

// device issues a client certificate for a name of this tenant's.
func (t *team) device(name string) (*authority.Pair, error) { return device(t.authority, name) }

func device(a *authority.Authority, name string) (*authority.Pair, error) {
	return a.Issue(authority.Leaf{Name: name, DNS: []string{name}, Client: true})
}
