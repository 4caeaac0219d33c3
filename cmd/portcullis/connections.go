package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"portcullis/internal/gateway/api"
)

func connectionsCommand(s *shell) *cobra.Command {
	return group("connections", "List who is connected to a node, show one, end some", `  portcullis connections list acme
  portcullis connections show acme c_7LQ3JW2HTA6ZB5ME
  portcullis connections kick acme --user alice`,
		connectionsListCommand(s), connectionsShowCommand(s), connectionsKickCommand(s))
}

func connectionsListCommand(s *shell) *cobra.Command {
	var a side
	var user string
	var asJSON bool
	c := &cobra.Command{
		Use: "list TENANT", Short: "List a tenant's connections to one node",
		Example: `  portcullis connections list acme
  portcullis connections list acme --user alice --json`,
		Args: takes("TENANT"),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			all, err := s.connections(cmd.Context(), a, args[0], user)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(s.stdout, all)
			}
			for i := range all {
				printConnection(s, &all[i])
			}
			return nil
		}),
	}
	a.flags(c)
	c.Flags().StringVar(&user, "user", "", "only those of this `user`")
	jsonFlag(c, &asJSON)
	return c
}

// connections reads all pages.
func (s *shell) connections(ctx context.Context, a side, id, user string) ([]api.Connection, error) {
	all := []api.Connection{}
	q := url.Values{"limit": {"1000"}}
	if user != "" {
		q.Set("user", user)
	}
	for {
		said, err := s.request(ctx, a, http.MethodGet, tenantPath(id, "/connections?"+q.Encode()), nil)
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		var page api.Page
		if err := json.Unmarshal(said, &page); err != nil {
			return nil, fmt.Errorf("read the list of connections: %w", err)
		}
		if all = append(all, page.Connections...); page.Next == "" {
			return all, nil
		}
		q.Set("cursor", page.Next)
	}
}

func printConnection(s *shell, c *api.Connection) {
	fmt.Fprintf(s.stdout, "%s  %s  %-11s since %s  %s\n", plain(c.Connection), plain(c.User), plain(c.Method),
		time.UnixMilli(c.Since).UTC().Format(time.RFC3339), count(c.Subscriptions, "subscription"))
	for _, name := range c.Channels {
		fmt.Fprintf(s.stdout, "  %s\n", plain(name))
	}
}

func connectionsShowCommand(s *shell) *cobra.Command {
	var a side
	var asJSON bool
	c := &cobra.Command{
		Use: "show TENANT CONNECTION", Short: "Show one connection, and the channels that it is subscribed to",
		Example: `  portcullis connections show acme c_7LQ3JW2HTA6ZB5ME`,
		Args:    takes("TENANT", "CONNECTION"),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			said, err := s.request(cmd.Context(), a, http.MethodGet, tenantPath(args[0], "/connections/"+url.PathEscape(args[1])), nil)
			if err != nil {
				return fmt.Errorf("show connection %s: %w", plain(args[1]), err)
			}
			var shown api.Connection
			if err := json.Unmarshal(said, &shown); err != nil {
				return fmt.Errorf("read the connection: %w", err)
			}
			if asJSON {
				return printJSON(s.stdout, shown)
			}
			printConnection(s, &shown)
			return nil
		}),
	}
	a.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

func connectionsKickCommand(s *shell) *cobra.Command {
	var a side
	var user string
	var asJSON bool
	c := &cobra.Command{
		Use: "kick TENANT [CONNECTION]", Short: "End one connection, or all of a user",
		Long: `End one connection to a node, or with --user all that the user has to it. Each is closed with 4505. Whoever was disconnected may come back with a credential
that is good; portcullis revoke keeps somebody out.`,
		Example: `  portcullis connections kick acme c_7LQ3JW2HTA6ZB5ME
  portcullis connections kick acme --user alice`,
		Args: cobra.ArbitraryArgs,
		RunE: does(func(cmd *cobra.Command, args []string) error {
			one := len(args) == 2
			if one == (user != "") || len(args) == 0 || len(args) > 2 {
				return misuse("give a TENANT and either a CONNECTION or --user")
			}
			ended := api.Disconnected{Disconnected: 1}
			path := "/users/" + url.PathEscape(user) + "/connections"
			if one {
				path = "/connections/" + url.PathEscape(args[1])
			}
			said, err := s.request(cmd.Context(), a, http.MethodDelete, tenantPath(args[0], path), nil)
			if err != nil {
				return fmt.Errorf("kick: %w", err)
			}
			if !one {
				if err := json.Unmarshal(said, &ended); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
			}
			if asJSON {
				return printJSON(s.stdout, ended)
			}
			fmt.Fprintf(s.stdout, "ended %s\n", count(ended.Disconnected, "connection"))
			return nil
		}),
	}
	a.flags(c)
	c.Flags().StringVar(&user, "user", "", "end all connections of this `user`")
	jsonFlag(c, &asJSON)
	return c
}
