package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// reloadJSON is what the administrators' API says of a reload.
type reloadJSON struct {
	Applied  bool          `json:"applied"`
	Report   *reloadedJSON `json:"report,omitempty"`
	Problems []problemJSON `json:"problems"`
}

type reloadedJSON struct {
	Added       []string `json:"added"`
	Changed     []string `json:"changed"`
	Removed     []string `json:"removed"`
	Tenants     int      `json:"tenants"`
	Connections int      `json:"connections"`
	Ended       int      `json:"ended"`
	Lost        int      `json:"subscriptions_lost"`
	Millis      int64    `json:"took_ms"`
}

func reloadCommand(s *shell) *cobra.Command {
	var a side
	var asJSON bool
	c := &cobra.Command{
		Use: "reload", Short: "Have a running node take its configuration anew",
		Long: `Have a running node read its configuration again: the main file, its tenants, and the keys and authorities that they name. All of it is checked, and the tests of the rules are
run, before anything changes; then the tenants are swapped at once, and whoever is connected follows. With an error nothing changes, every problem is told as config check tells it,
and the exit code is 1. Keys outside the tenants are read at the start alone; a change of one is such an error.

It acts on that node alone. SIGHUP does the same.`,
		Example: `  portcullis reload --admin http://127.0.0.1:8081
  portcullis reload --json`,
		Args: takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			said, err := s.request(cmd.Context(), a, http.MethodPost, "/reload", nil)
			if err != nil {
				return fmt.Errorf("reload: %w", err)
			}
			var r reloadJSON
			if err := json.Unmarshal(said, &r); err != nil {
				return fmt.Errorf("read what came of it: %w", err)
			}
			return s.reloaded(&r, asJSON)
		}),
	}
	a.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

// reloaded prints what came of a reload.
func (s *shell) reloaded(r *reloadJSON, asJSON bool) error {
	if asJSON {
		if err := printJSON(s.stdout, r); err != nil {
			return err
		}
	} else {
		for _, p := range r.Problems {
			fmt.Fprintln(s.stdout, plain(p.String()))
		}
		if r.Report != nil {
			r.Report.print(s)
		}
	}
	if !r.Applied {
		return errors.New("the configuration was refused, and nothing has changed")
	}
	return nil
}

func (r *reloadedJSON) print(s *shell) {
	for _, part := range []struct {
		sign string
		ids  []string
	}{{"added", r.Added}, {"changed", r.Changed}, {"removed", r.Removed}} {
		if len(part.ids) > 0 {
			fmt.Fprintf(s.stdout, "%-8s %s\n", part.sign, plain(strings.Join(part.ids, " ")))
		}
	}
	fmt.Fprintf(s.stdout, "applied: %s, %s, of which %d ended, %s lost; %d ms\n",
		count(r.Tenants, "tenant"), count(r.Connections, "connection"), r.Ended, count(r.Lost, "subscription"), r.Millis)
}
