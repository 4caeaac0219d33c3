package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/config"
	"portcullis/internal/tenant"
)

// asker is who asks the rules something: whoever a token speaks for, or somebody who is made up.
type asker struct {
	source        tokenSource
	token, tenant string
	user          string
	roles, scopes []string
	claims        []string
	certificate   bool
}

func (a *asker) flags(c *cobra.Command) {
	a.source.flag(c)
	f := c.Flags()
	f.StringVar(&a.token, "token", "", "the `token` of who asks, - for standard input; other users of the machine may see it here")
	f.StringVar(&a.tenant, "tenant", "", "instead of a token: the `id` of a tenant")
	f.StringVar(&a.user, "user", "", "its user, as rules see it: with the issuer's prefix, or cert|")
	f.StringArrayVar(&a.roles, "role", nil, "a role; may be repeated")
	f.StringArrayVar(&a.scopes, "scope", nil, "a scope; may be repeated")
	f.StringArrayVar(&a.claims, "claim", nil, "a claim, `name=value`; may be repeated, a name too")
	f.BoolVar(&a.certificate, "certificate", false, "it shows a client certificate")
}

// tokenGiven reports whether a token says who asks.
func (a *asker) tokenGiven() bool { return a.token != "" || a.source.file != "" }

// check asks for one of the two, whole.
func (a *asker) check() error {
	made := a.tenant != "" || a.user != "" || a.roles != nil || a.scopes != nil || a.claims != nil || a.certificate
	switch {
	case a.tokenGiven() && made:
		return misuse("there are a token and parts of a user; give --token or --token-file, or --tenant, --user, --role, --scope, --claim and --certificate")
	case !a.tokenGiven() && (a.tenant == "" || a.user == ""):
		return misuse("it is not said who asks; give --token or --token-file, or --tenant and --user")
	}
	return nil
}

// verified returns whoever the token speaks for, as a gateway of the configuration would.
func (a *asker) verified(ctx context.Context, s *shell, file string) (*auth.Principal, error) {
	var args []string
	if a.token != "" {
		args = []string{a.token}
	}
	token, err := a.source.read(s, args)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.realms(ctx, file)
	if err != nil {
		return nil, err
	}
	p, _, err := snapshot.Authenticate(ctx, auth.Credential{Method: auth.Bearer, Token: token}, time.Now())
	return p, err
}

// made returns the principal that the flags describe.
func (a *asker) made(id tenant.ID) (*auth.Principal, error) {
	who := acl.Subject{User: a.user, Roles: a.roles, Scopes: a.scopes, Certificate: a.certificate}
	p, _ := who.Principal(id) // whose user is not empty
	for _, text := range a.claims {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, misuse(fmt.Sprintf("--claim %q has no value; write name=value", text))
		}
		one := acl.Subject{User: a.user, Claims: map[string]string{name: value}}
		of, problems := one.Principal(id)
		if problems != nil {
			return nil, misuse(fmt.Sprintf("--claim %q: %s", text, problems[0].Message))
		}
		p.Claims = append(p.Claims, of.Claims...)
	}
	slices.SortStableFunc(p.Claims, func(a, b auth.Claim) int { return cmp.Compare(a.Name, b.Name) })
	return p, nil
}

// tenantOf returns a tenant's part of a configuration.
func tenantOf(c *config.Config, id string) (*config.Tenant, error) {
	ids := make([]string, len(c.Tenants))
	for i := range c.Tenants {
		if ids[i] = c.Tenants[i].ID; ids[i] == id {
			return &c.Tenants[i], nil
		}
	}
	return nil, fmt.Errorf("there is no tenant %q; the configuration has %s", id, strings.Join(ids, ", "))
}
