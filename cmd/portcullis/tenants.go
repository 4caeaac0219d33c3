package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func tenantsCommand(s *shell) *cobra.Command {
	return group("tenants", "List tenants, suspend one, let it in again", `  portcullis tenants list
  portcullis tenants suspend acme
  portcullis tenants resume acme`,
		tenantsListCommand(s),
		tenantCommand(s, "suspend", "Refuse a tenant's clients, and end those that are connected, on every node",
			"A suspended tenant's handshakes are answered 403 tenant_suspended, its connections are closed with 4502. It stays suspended until resume, also over restarts where\nthe engine keeps what it is told (broker.state_dir)."),
		tenantCommand(s, "resume", "Let a suspended tenant's clients in again", ""))
}

// tenantState is a tenant as the administrators' API shows it.
type tenantState struct {
	ID          string `json:"id"`
	Suspended   bool   `json:"suspended"`
	Connections int    `json:"connections"`
}

func (t *tenantState) print(s *shell) {
	state := "active"
	if t.Suspended {
		state = "suspended"
	}
	fmt.Fprintf(s.stdout, "%-24s %-10s %d connections on this node\n", plain(t.ID), state, t.Connections)
}

func tenantsListCommand(s *shell) *cobra.Command {
	var a side
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the tenants, which of them are suspended, and their connections on one node",
		Example: `  portcullis tenants list --admin http://127.0.0.1:8081`,
		Args:    takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			said, err := s.request(cmd.Context(), a, http.MethodGet, "/tenants", nil)
			if err != nil {
				return err
			}
			var all []tenantState
			if err := json.Unmarshal(said, &all); err != nil {
				return fmt.Errorf("read the list of tenants: %w", err)
			}
			if asJSON {
				return printJSON(s.stdout, all)
			}
			for i := range all {
				all[i].print(s)
			}
			return nil
		}),
	}
	a.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

func tenantCommand(s *shell, verb, short, long string) *cobra.Command {
	var a side
	var asJSON bool
	c := &cobra.Command{
		Use: verb + " TENANT", Short: short, Long: long,
		Example: "  portcullis tenants " + verb + " acme",
		Args:    takes("TENANT"),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			return s.tenant(cmd.Context(), a, args[0], verb, asJSON)
		}),
	}
	a.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

func (s *shell) tenant(ctx context.Context, a side, id, verb string, asJSON bool) error {
	said, err := s.request(ctx, a, http.MethodPost, tenantPath(id, "/"+verb), nil)
	if err != nil {
		return fmt.Errorf("%s tenant %s: %w", verb, plain(id), err)
	}
	var t tenantState
	if err := json.Unmarshal(said, &t); err != nil {
		return fmt.Errorf("read the tenant: %w", err)
	}
	if asJSON {
		return printJSON(s.stdout, t)
	}
	t.print(s)
	return nil
}
