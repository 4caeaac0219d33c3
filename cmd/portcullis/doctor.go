package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

// examination is what the administrators' API says of a run of the doctor.
type examination struct {
	Held    bool   `json:"held"`
	Seed    uint32 `json:"seed"`
	Tenants int    `json:"tenants"`
	Pairs   int    `json:"pairs"`
	Of      int    `json:"of"`
	Rules   int    `json:"rules"`
	Millis  int64  `json:"took_ms"`
	Walls   []wall `json:"walls"`
}

type wall struct {
	Name     string   `json:"name"`
	Tries    string   `json:"tries"`
	Must     string   `json:"must"`
	Tried    int      `json:"tried"`
	Verdict  string   `json:"verdict"`
	Findings []string `json:"findings"`
}

func doctorCommand(s *shell) *cobra.Command {
	var a side
	var seed uint32
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Try to break the walls between the tenants of a running node",
		Long: `Have a running node try to break the walls between its tenants: users who do not exist subscribe, publish, echo, read history, ask who is there, purge,
manage, revoke and redeem tickets across them, on the running rules and engine. No client can see it: the names are random, and all of it is taken back.
What the rules deny meanwhile is counted in acl_decisions_total and told in the security log, behind a line that says who asked for the run.

A wall is held, broken, or unproven when it could not be tried. A warning is held: the answers about another tenant's names took 1.5 times as long, or more. It is broken from three times and
20 microseconds on, three times in a row; medians of tries by turns, so that a busy machine alone does neither.

With more than 45 pairs of tenants a sample is tried; --seed takes it again. The exit code is 0 when every wall held, and 1 when one did not.`,
		Example: `  portcullis doctor --admin http://127.0.0.1:8081
  portcullis doctor --seed 2838123401 --json`,
		Args: takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			said, err := s.request(cmd.Context(), a, http.MethodPost, "/doctor", map[string]uint32{"seed": seed})
			if err != nil {
				return fmt.Errorf("examine: %w", err)
			}
			var e examination
			if err := json.Unmarshal(said, &e); err != nil {
				return fmt.Errorf("read the report: %w", err)
			}
			return s.examined(&e, asJSON)
		}),
	}
	a.flags(c)
	c.Flags().Uint32Var(&seed, "seed", 0, "take the sample of pairs of an earlier run; 0 takes a new one")
	jsonFlag(c, &asJSON)
	return c
}

// examined prints a report. Whoever does not read it sees the exit code.
func (s *shell) examined(e *examination, asJSON bool) error {
	if asJSON {
		if err := printJSON(s.stdout, e); err != nil {
			return err
		}
	} else {
		e.print(s)
	}
	if !e.Held {
		return fmt.Errorf("the walls between the tenants did NOT hold: see the findings above, and report them as SECURITY.md says")
	}
	return nil
}

func (e *examination) print(s *shell) {
	for _, w := range e.Walls {
		fmt.Fprintf(s.stdout, "%-10s %-9s %6d  %s: %s\n", plain(w.Name), plain(w.Verdict), w.Tried, plain(w.Tries), plain(w.Must))
		for _, f := range w.Findings {
			fmt.Fprintf(s.stdout, "%-10s !         %s\n", "", plain(f))
		}
	}
	word := "held"
	if !e.Held {
		word = "NOT HELD"
	}
	fmt.Fprintf(s.stdout, "%s: %s, %d of %s, %d of them on names that the running rules of both allow; seed %d, %d ms\n",
		word, count(e.Tenants, "tenant"), e.Pairs, count(e.Of, "pair"), e.Rules, e.Seed, e.Millis)
}
