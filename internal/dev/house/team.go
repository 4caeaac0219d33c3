package house

import (
	"crypto"
	"encoding/json"
	"fmt"
	"time"

	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/mint"
	"portcullis/internal/listen/authority"
)

// Team is a tenant from the outside: its identity service and its certificate authority.
type Team struct {
	Issuer, Audience string
	KeyFile          string // PEM, what signs its tokens
	KeySet           []byte // RFC 7517, what verifies them
	Authority        *authority.Authority

	id    string
	roles func([]string) map[string]any // as this service writes them
	key   crypto.Signer
}

// foundTeams makes both tenants' services, and gives the gateway their public halves.
func (h *House) foundTeams() error {
	h.Acme = &Team{
		id: "acme", Issuer: "https://id.acme.example", Audience: "portcullis-of-acme",
		roles: func(roles []string) map[string]any { return map[string]any{"roles": roles} },
	}
	h.Globex = &Team{
		id: "globex", Issuer: "https://login.globex.example", Audience: "portcullis-of-globex",
		roles: func(roles []string) map[string]any {
			return map[string]any{"realm_access": map[string]any{"roles": roles}}
		},
	}
	for _, t := range []*Team{h.Acme, h.Globex} {
		if err := h.found(t); err != nil {
			return fmt.Errorf("tenant %s: %w", t.id, err)
		}
	}
	return nil
}

func (h *House) found(t *Team) (err error) {
	if t.key, err = mint.NewKey("ES256"); err != nil {
		return err
	}
	if t.Authority, err = authority.New(t.id + " devices, thrown away at the end of dev"); err != nil {
		return err
	}
	private, err := mint.Encode(t.key)
	if err != nil {
		return err
	}
	if t.KeySet, err = jwks.Encode(t.key.Public()); err != nil {
		return err
	}
	if t.KeyFile, err = h.Write(t.id+"/signing-key.pem", private); err != nil {
		return err
	}
	if _, err = h.Write("tenants/"+t.id+"-jwks.json", t.KeySet); err != nil {
		return err
	}
	_, err = h.Write("tenants/"+t.id+"-authority.pem", t.Authority.PEM())
	return err
}

// Claims say who a user is, as this tenant's service would.
func (t *Team) Claims(user string, from, to time.Time, roles ...string) map[string]any {
	claims := t.roles(roles)
	claims["iss"], claims["aud"], claims["sub"] = t.Issuer, t.Audience, user
	claims["iat"], claims["exp"] = from.Unix(), to.Unix()
	return claims
}

// Token returns a signed token with these claims.
func (t *Team) Token(user string, from, to time.Time, roles ...string) (string, error) {
	return mint.Token(t.key, "", "at+jwt", t.Claims(user, from, to, roles...))
}

// Assertion returns what this service says of its user's keys for end-to-end encryption, signed.
func (t *Team) Assertion(user string, from, to time.Time, keys []json.RawMessage) (string, error) {
	return mint.Token(t.key, "", "e2ee-key+jwt", map[string]any{
		"iss": t.Issuer, "sub": user, "tenant": t.id, "iat": from.Unix(), "exp": to.Unix(), "keys": keys,
	})
}
