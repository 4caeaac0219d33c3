package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portcullis/internal/auth"
	"portcullis/internal/config"
	"portcullis/internal/realm"
)

func tokenVerifyCommand(s *shell) *cobra.Command {
	var source tokenSource
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use: "verify --config FILE [TOKEN | - | --token-file FILE]", Short: "Print the gateway's verdict on a token, and why",
		Long: `Verify a token as the gateway of this configuration would at a handshake: signature, issuer, audience, tenant, times. Keys behind a jwks_uri
are fetched. The exit code is 1 when it is refused.`,
		Example: `  portcullis token verify --config portcullis.yaml --token-file token.jwt
  portcullis token verify --config portcullis.yaml --json - < token.jwt`,
		RunE: does(func(cmd *cobra.Command, args []string) error {
			token, err := source.read(s, args)
			if err != nil {
				return err
			}
			return s.tokenVerify(cmd.Context(), file, token, asJSON)
		}),
	}
	configFlag(c, &file)
	source.flag(c)
	jsonFlag(c, &asJSON)
	return c
}

// verdict is what a gateway decides of a token, for programs.
type verdict struct {
	Accepted bool `json:"accepted"`

	Tenant  string     `json:"tenant,omitempty"`
	User    string     `json:"user,omitempty"`
	Segment string     `json:"segment,omitempty"`
	Roles   []string   `json:"roles,omitempty"`
	Scopes  []string   `json:"scopes,omitempty"`
	Grants  *[]string  `json:"grants,omitempty"` // what the token was narrowed to; absent where it was not
	Issuer  string     `json:"issuer,omitempty"`
	Expires *time.Time `json:"expires,omitempty"` // leeway included

	Reason auth.Reason `json:"reason,omitempty"`
	Detail string      `json:"detail,omitempty"`
}

func (s *shell) tokenVerify(ctx context.Context, file, token string, asJSON bool) error {
	snapshot, err := s.realms(ctx, file)
	if err != nil {
		return err
	}
	v := verdict{}
	p, _, err := snapshot.Authenticate(ctx, auth.Credential{Method: auth.Bearer, Token: token}, time.Now())
	if err != nil {
		r := refusal(err)
		v.Reason, v.Detail = r.Reason, r.Detail
	} else {
		v = verdict{
			Accepted: true, Tenant: p.Tenant.String(), User: p.User, Segment: p.Segment, Roles: p.Roles, Scopes: p.Scopes,
			Issuer: p.Issuer, Expires: &p.Expires,
		}
		v.Grants = grantsOf(p)
	}
	if asJSON {
		if err := printJSON(s.stdout, v); err != nil {
			return err
		}
	} else {
		v.print(s)
	}
	if !v.Accepted {
		return errTold
	}
	return nil
}

// realms builds the tenants of a configuration, with the newest keys that can be had.
func (s *shell) realms(ctx context.Context, file string) (*realm.Snapshot, error) {
	c, problems := config.Load(file)
	var snapshot *realm.Snapshot
	if !config.Failed(problems) {
		var more []config.Problem
		snapshot, more = realm.Build(c, quiet())
		problems = append(problems, more...)
	}
	if config.Failed(problems) {
		return nil, s.refuse(file, problems)
	}
	if err := snapshot.Fetch(ctx); err != nil { // a token of another issuer can be verified all the same
		fmt.Fprintf(s.stderr, "portcullis: %v\n", err)
	}
	return snapshot, nil
}

func (v *verdict) print(s *shell) {
	if !v.Accepted {
		fmt.Fprintf(s.stdout, "refused: %s: %s\n", v.Reason, plain(v.Detail))
		return
	}
	fmt.Fprintln(s.stdout, "accepted")
	all := []struct{ name, text string }{
		{"tenant", v.Tenant}, {"user", v.User}, {"roles", strings.Join(v.Roles, ", ")}, {"scopes", strings.Join(v.Scopes, ", ")},
		{"issuer", v.Issuer}, {"expires", moment(*v.Expires) + ", leeway included"},
	}
	if v.Grants != nil {
		all = append(all, struct{ name, text string }{"grants", narrowedTo(*v.Grants)})
	}
	for _, line := range all {
		if line.text == "" {
			line.text = "-"
		}
		fmt.Fprintf(s.stdout, "  %-8s %s\n", line.name, plain(line.text))
	}
}
