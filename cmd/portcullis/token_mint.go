package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portcullis/internal/auth/jwt/mint"
)

// usualLifetime is the default of an issuer's max_lifetime.
const usualLifetime = 24 * time.Hour

// minting is what token mint was asked for.
type minting struct {
	dev                         bool
	key, issuer, audience, user string
	roles, scopes, claims       []string
	ttl                         time.Duration
	asJSON                      bool
}

func tokenMintCommand(s *shell) *cobra.Command {
	var m minting
	c := &cobra.Command{
		Use: "mint [--dev] [--key FILE --issuer ISS --audience AUD --sub USER]", Short: "Print a development token",
		Long: `Print a token, signed by a key of yours: the one that config init wrote, or any PEM key whose public half the tenant's jwks_file holds.
With --dev it is signed by the running development gateway's key, and everything else may be left out.

--claim adds a claim or replaces one; its value is JSON where it can be read as such, and text otherwise.`,
		Example: `  portcullis token mint --dev --sub bob --role member
  portcullis token mint --key gateway/signing.key --issuer https://id.acme.example --audience portcullis --sub alice --role member
  portcullis token mint --dev --claim 'org={"id":7}' --scope rt:read --scope rt:write --ttl 5m
  portcullis token mint --dev --sub svc-backend --scope portcullis:manage --ttl 10m`,
		Args: takes(),
		RunE: does(func(*cobra.Command, []string) error { return s.tokenMint(&m) }),
	}
	f := c.Flags()
	f.BoolVar(&m.dev, "dev", false, "sign as the running development gateway's issuer")
	f.StringVar(&m.key, "key", "", "the private key, a PEM `file`")
	f.StringVar(&m.issuer, "issuer", "", "the iss claim")
	f.StringVar(&m.audience, "audience", "", "the aud claim")
	f.StringVar(&m.user, "sub", "", "the sub claim, who the token is for")
	f.StringArrayVar(&m.roles, "role", nil, "a role, as a claim in roles; may be repeated")
	f.StringArrayVar(&m.scopes, "scope", nil, "a scope, as a word of the claim scope; may be repeated")
	f.StringArrayVar(&m.claims, "claim", nil, "a claim, `name=value`; may be repeated")
	f.DurationVar(&m.ttl, "ttl", time.Hour, "how long it is valid")
	jsonFlag(c, &m.asJSON)
	return c
}

func (s *shell) tokenMint(m *minting) error {
	if m.dev {
		if err := m.fromDev(); err != nil {
			return err
		}
	}
	if err := m.complete(); err != nil {
		return err
	}
	claims, err := m.all(time.Now())
	if err != nil {
		return err
	}
	key, err := mint.Load(m.key)
	if err != nil {
		return err
	}
	token, err := mint.Token(key, "", "JWT", claims)
	if err != nil {
		return err
	}
	if m.ttl > usualLifetime {
		fmt.Fprintf(s.stderr, "portcullis: warning: --ttl %v: a gateway refuses a token that lives longer than its issuer's max_lifetime, %v by default\n",
			m.ttl, usualLifetime)
	}
	if m.asJSON {
		return printJSON(s.stdout, struct {
			Token  string         `json:"token"`
			Claims map[string]any `json:"claims"`
		}{token, claims})
	}
	fmt.Fprintln(s.stdout, token)
	return nil
}

// complete asks for what a token cannot do without.
func (m *minting) complete() error {
	var missing []string
	for _, f := range []struct{ name, value string }{{"--key", m.key}, {"--issuer", m.issuer}, {"--audience", m.audience}, {"--sub", m.user}} {
		if f.value == "" {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		return misuse("missing " + strings.Join(missing, ", ") + "; or give --dev while portcullis dev runs")
	}
	if m.ttl <= 0 {
		return misuse(fmt.Sprintf("--ttl %v is no lifetime; for an expired token give --claim exp=1", m.ttl))
	}
	return nil
}

// all returns the token's claims. Those that were given by name win.
func (m *minting) all(now time.Time) (map[string]any, error) {
	claims := map[string]any{
		"iss": m.issuer, "aud": m.audience, "sub": m.user, "iat": now.Unix(), "exp": now.Add(m.ttl).Unix(),
	}
	if len(m.roles) > 0 {
		claims["roles"] = m.roles
	}
	if len(m.scopes) > 0 {
		claims["scope"] = strings.Join(m.scopes, " ")
	}
	for _, claim := range m.claims {
		name, value, ok := strings.Cut(claim, "=")
		if !ok || name == "" {
			return nil, misuse(fmt.Sprintf("--claim %q has no name and value; write name=value", claim))
		}
		claims[name] = claimValue(value)
	}
	return claims, nil
}

// claimValue reads JSON, keeping numbers as they are written. Anything else is text.
func claimValue(text string) any {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return text
	}
	if _, err := d.Token(); err != io.EOF {
		return text
	}
	return v
}
