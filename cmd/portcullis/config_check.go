package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"portcullis/internal/auth"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/webhook"
)

func configCheckCommand(s *shell) *cobra.Command {
	var file string
	var offline, asJSON bool
	c := &cobra.Command{
		Use: "check --config FILE", Short: "Read everything that serve would read, and tell every problem",
		Long: `Read everything that serve would read, and tell every problem: the main file and its tenants, keys, certificates and authorities, and the
tests of the rules. Keys behind a jwks_uri are fetched. No port is opened, so it can run beside the gateway.

Each problem is a line of standard output, file:line:column: key: what is wrong and what to do. The exit code is 1 when one is an error.`,
		Example: `  portcullis config check --config portcullis.yaml
  portcullis config check --config portcullis.yaml --offline --json`,
		Args: takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			return s.configCheck(cmd.Context(), file, offline, asJSON)
		}),
	}
	configFlag(c, &file)
	c.Flags().BoolVar(&offline, "offline", false, "do not fetch keys from jwks_uri")
	jsonFlag(c, &asJSON)
	return c
}

func (s *shell) configCheck(ctx context.Context, file string, offline, asJSON bool) error {
	c, problems := config.Load(file)
	if c != nil {
		_, more := realm.Build(c, quiet())
		_, hooks := webhook.Read(c)
		problems = slices.Concat(problems, files(c), more, hooks)
		if !offline {
			problems = append(problems, fetch(ctx, c)...)
		}
	}
	problems = sorted(problems, file)
	if asJSON {
		if err := printJSON(s.stdout, problemsJSON(problems)); err != nil {
			return err
		}
	} else {
		printProblems(s.stdout, problems)
	}
	if config.Failed(problems) {
		return refused(file, problems)
	}
	if !asJSON {
		fmt.Fprintln(s.stdout, "ok:", summary(c))
	}
	return nil
}

// quiet builds tenants to look at them, not to serve them.
func quiet() realm.Options {
	return realm.Options{Log: slog.New(slog.DiscardHandler), Gate: auth.NewSlots(1)}
}

// summary says how much was checked.
func summary(c *config.Config) string {
	var issuers, authorities, rules, expectations int
	for _, t := range c.Tenants {
		issuers += len(t.Issuers)
		rules += len(t.Rules)
		if t.Certificates != nil {
			authorities++
		}
		for _, test := range t.Tests {
			expectations += len(test.Allow) + len(test.Deny)
		}
	}
	return fmt.Sprintf("%s, %s, %s, %s, %s", count(len(c.Tenants), "tenant"), count(issuers, "issuer"),
		count(authorities, "authority file"), count(rules, "rule"), count(expectations, "expectation"))
}
