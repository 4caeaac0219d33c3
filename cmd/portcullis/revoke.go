package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// revoking is what the flags of revoke say.
type revoking struct {
	side
	tenant, issuer, reason, before, lift string
	named                                [5]string // by the kinds
	lasts                                time.Duration
	list, asJSON                         bool
}

// kinds are what can be revoked, by the names of the flags and of the API.
var kinds = [5]struct{ flag, kind, what string }{
	{"token-id", "token", "one token, by its `jti`"},
	{"user", "user", "all that was issued to a `user` until now, or until --before"},
	{"session", "session", "one session at the identity service, by its `sid`"},
	{"key", "key", "all that a key signed, by its `kid`"},
	{"certificate", "certificate", "one certificate, by its SHA-256 in lower-case `hex`"},
}

func revokeCommand(s *shell) *cobra.Command {
	var r revoking
	c := &cobra.Command{
		Use: "revoke --tenant TENANT (--user USER | --token-id JTI | --session SID | --key KID | --certificate SHA256)", Short: "End credentials before their time, on every node",
		Long: `End credentials of a tenant before their time. Whoever is connected with one is closed with 4201 within a second, and nobody gets in with one any more. --list shows what is
revoked, --lift takes one revocation back.

A revocation lasts as long as a token of the tenant may live, of a key or a certificate for ever; --for says otherwise.`,
		Example: `  portcullis revoke --tenant acme --user ana --reason stolen
  portcullis revoke --tenant acme --key 2026-01
  portcullis revoke --tenant acme --list`,
		Args: takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error { return s.revoke(cmd.Context(), r) }),
	}
	r.flags(c)
	f := c.Flags()
	f.StringVar(&r.tenant, "tenant", "", "whose credentials (required)")
	for i, k := range kinds {
		f.StringVar(&r.named[i], k.flag, "", k.what)
	}
	f.StringVar(&r.issuer, "issuer", "", "only those of this `issuer`: with --token-id, --session or --key")
	f.StringVar(&r.before, "before", "", "only what was issued until this `time` (RFC 3339)")
	f.DurationVar(&r.lasts, "for", 0, "how long the revocation lasts, like 24h")
	f.StringVar(&r.reason, "reason", "", "why, for people; it is in the security log")
	f.BoolVar(&r.list, "list", false, "show what is revoked")
	f.StringVar(&r.lift, "lift", "", "take the revocation with this `id` back")
	jsonFlag(c, &r.asJSON)
	c.MarkFlagsMutuallyExclusive("token-id", "user", "session", "key", "certificate", "list", "lift")
	needs(c, "tenant")
	return c
}

// revocationJSON is a revocation as the administrators' API shows it. Times are milliseconds since 1970, 0 for none.
type revocationJSON struct {
	ID     string `json:"id"`
	Tenant string `json:"tenant"`
	Kind   string `json:"kind"`
	Value  string `json:"value"`
	Issuer string `json:"issuer,omitempty"`
	User   string `json:"user,omitempty"`
	Before int64  `json:"before,omitempty"`
	Until  int64  `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
	Made   int64  `json:"made,omitempty"`
}

func (s *shell) revoke(ctx context.Context, r revoking) error {
	switch {
	case r.list:
		return s.listRevoked(ctx, r)
	case r.lift != "":
		if _, err := s.request(ctx, r.side, http.MethodDelete, tenantPath(r.tenant, "/revocations/"+r.lift), nil); err != nil {
			return fmt.Errorf("lift %s: %w", plain(r.lift), err)
		}
		fmt.Fprintln(s.stdout, "lifted", plain(r.lift))
		return nil
	}
	body, err := r.body(time.Now())
	if err != nil {
		return err
	}
	said, err := s.request(ctx, r.side, http.MethodPost, tenantPath(r.tenant, "/revocations"), body)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	var done revocationJSON
	if err := json.Unmarshal(said, &done); err != nil {
		return fmt.Errorf("read the revocation: %w", err)
	}
	if r.asJSON {
		return printJSON(s.stdout, done)
	}
	fmt.Fprint(s.stdout, "revoked ")
	done.print(s)
	return nil
}

// body is the request that the flags say.
func (r *revoking) body(now time.Time) (map[string]any, error) {
	body := map[string]any{}
	for i, k := range kinds {
		if r.named[i] != "" {
			body["kind"], body["value"] = k.kind, r.named[i]
		}
	}
	if body["kind"] == nil {
		return nil, misuse("nothing is named; give one of --user, --token-id, --session, --key and --certificate, or --list or --lift")
	}
	if r.issuer != "" {
		body["issuer"] = r.issuer
	}
	if r.reason != "" {
		body["reason"] = r.reason
	}
	if r.before != "" {
		at, err := time.Parse(time.RFC3339, r.before)
		if err != nil {
			return nil, misuse(fmt.Sprintf("--before %q is no time; write it like %s", r.before, now.UTC().Format(time.RFC3339)))
		}
		body["before"] = at.UnixMilli()
	}
	if r.lasts < 0 {
		return nil, misuse("--for must be positive")
	}
	if r.lasts > 0 {
		body["until"] = now.Add(r.lasts).UnixMilli()
	}
	return body, nil
}

func (s *shell) listRevoked(ctx context.Context, r revoking) error {
	said, err := s.request(ctx, r.side, http.MethodGet, tenantPath(r.tenant, "/revocations"), nil)
	if err != nil {
		return fmt.Errorf("list what is revoked: %w", err)
	}
	var all []revocationJSON
	if err := json.Unmarshal(said, &all); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	if r.asJSON {
		return printJSON(s.stdout, all)
	}
	for i := range all {
		all[i].print(s)
	}
	return nil
}

func (r *revocationJSON) print(s *shell) {
	line := fmt.Sprintf("%s  %s %s", r.ID, r.Kind, r.Value)
	if r.Issuer != "" {
		line += " of " + r.Issuer
	}
	if r.Before > 0 {
		line += ", issued until " + moment(time.UnixMilli(r.Before))
	}
	if r.Until > 0 {
		line += ", lasts until " + moment(time.UnixMilli(r.Until))
	} else {
		line += ", for ever"
	}
	line += ", made " + moment(time.UnixMilli(r.Made))
	if r.Reason != "" {
		line += ": " + r.Reason
	}
	fmt.Fprintln(s.stdout, plain(line))
}
