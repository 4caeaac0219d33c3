package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portcullis/internal/acl"
	"portcullis/internal/acl/witness"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

func aclDiffCommand(s *shell) *cobra.Command {
	l := live{shell: s}
	var running bool
	c := &cobra.Command{
		Use: "diff (OLD NEW | --live --config FILE)", Short: "Tell who would gain and lose what by other rules",
		Long: `Compare the rules of two configurations, or of two files of one tenant, by what they decide and not by how they are written. A line begins with + for
what is gained, with - for what is lost:

  + role member: publish room:*
  - anybody, but not role operator: subscribe ops:**, but not ops:public

Users and channels are without number, so both are asked about witnesses: somebody whom no rule names; each user, role, scope, claim and certificate that a rule
asks for, all that one rule asks for, the users of the tests, and two of these together; on the channels that the rules which changed name, with another segment in
the place of a star, one, two and many in the place of **, the user's own and another's in the place of a template; and where those channels overlap with other rules
and with the tests. A difference that only shows for three such things at once may be missed: it is no proof. Tokens, limits and issuers are not compared;
the channels that a tenant subscribes users to by itself are, as they are written.

With --live a running node is asked what the rules of FILE, a configuration or one tenant's file, would do to those who are connected to it. Nothing is changed. Subscriptions that
would be lost are certain: every connection is asked about. Rights are asked of every user who is connected, on the channels that somebody of the tenant is subscribed to
and on examples of what both rules are about; others may differ too. Rules that fail their own tests are not asked about.

The exit code is that of diff: 0 when nothing differs, 1 when something does, 2 when they cannot be compared.`,
		Example: `  portcullis acl diff portcullis.yaml new/portcullis.yaml
  portcullis acl diff --json tenants/acme.yaml new/acme.yaml
  portcullis acl diff --live --config new/portcullis.yaml --tenant acme`,
		Args: func(cmd *cobra.Command, args []string) error {
			if running && len(args) > 0 {
				return misuse(fmt.Sprintf("unexpected argument %q; with --live the rules to ask about are those of --config", args[0]))
			} else if running {
				return nil
			}
			return takes("OLD", "NEW")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			switch {
			case running && l.file == "":
				return misuse("missing --config, the rules to ask about")
			case running:
				err = l.diff(cmd.Context())
			case l.file != "" || l.tenant != "":
				return misuse("--config and --tenant are for --live")
			default:
				err = s.aclDiff(args[0], args[1], l.asJSON)
			}
			switch {
			case err == nil:
				return nil
			case errors.Is(err, errTold):
				return &failure{err: err}
			}
			return &failure{err, misused}
		},
	}
	c.Flags().BoolVar(&running, "live", false, "ask the node that --admin names about those who are connected to it")
	c.Flags().StringVar(&l.file, "config", "", "with --live: the `file` whose rules to ask about")
	c.Flags().StringVar(&l.tenant, "tenant", "", "with --live: ask about this `tenant` alone")
	l.side.flags(c)
	jsonFlag(c, &l.asJSON)
	return c
}

// tenantDiff is what differs for one tenant, for programs.
type tenantDiff struct {
	Tenant   string     `json:"tenant"`
	In       string     `json:"in"` // both, old or new
	Users    int        `json:"users"`
	Channels int        `json:"channels"`
	Cut      bool       `json:"cut"` // there were more than were asked about
	Lines    []diffLine `json:"differences"`
	// Choices are those of the channels that users are subscribed to without asking; absent when they are the same.
	Choices []choiceLine `json:"choices,omitempty"`
}

type diffLine struct {
	Gained     bool     `json:"gained"`
	Who        string   `json:"who"`
	But        []string `json:"but,omitempty"`
	Actions    []string `json:"actions"`
	Channel    string   `json:"channel,omitempty"` // a name or a pattern; absent for manage
	Except     []string `json:"except,omitempty"`
	RuleBefore string   `json:"rule_before,omitempty"` // that decides; absent when none does
	RuleAfter  string   `json:"rule_after,omitempty"`
}

func (s *shell) aclDiff(old, new string, asJSON bool) error {
	before, err := s.sides(old)
	if err != nil {
		return err
	}
	after, err := s.sides(new)
	if err != nil {
		return err
	}
	if len(before) == 1 && len(after) == 1 && before[0].id != after[0].id && before[0].alone && after[0].alone {
		return fmt.Errorf("%s is tenant %s and %s is tenant %s; compare two files of one tenant, or two configurations", old, before[0].id, new, after[0].id)
	}
	all := []tenantDiff{}
	differs := false
	for _, id := range ids(before, after) {
		d := compare(id, before, after)
		differs = differs || len(d.Lines)+len(d.Choices) > 0
		all = append(all, d)
	}
	if asJSON {
		if err := printJSON(s.stdout, all); err != nil {
			return err
		}
	} else {
		s.printDiffs(all)
	}
	if differs {
		return errTold
	}
	return nil
}

// tenantSide is one tenant of one of the two files.
type tenantSide struct {
	witness.Side

	id      tenant.ID
	choices []acl.Choice
	alone   bool // the file is this tenant's own
}

// sides compiles the rules of every tenant in a file.
func (s *shell) sides(file string) (all []tenantSide, err error) {
	tenants, problems := config.LoadTenants(file)
	for i := range tenants {
		c := &tenants[i]
		id, err := tenant.Parse(c.ID)
		if err != nil {
			continue // which is among the problems
		}
		policy, faults := realm.Policy(id, c)
		for _, p := range faults {
			problems = append(problems, c.Problem(p.Path, "%s", p.Message))
		}
		_, faults = realm.Choices(id, c)
		for _, p := range faults {
			problems = append(problems, c.Problem(p.Path, "%s", p.Message))
		}
		all = append(all, tenantSide{witness.Side{Policy: policy, Rules: realm.Rules(c), Tests: realm.Tests(c)}, id, realm.ChoiceList(c), c.Alone()})
	}
	if config.Failed(problems) {
		return nil, s.refuse(file, problems)
	}
	return all, nil
}

func ids(before, after []tenantSide) (all []tenant.ID) {
	for _, side := range slices.Concat(before, after) {
		if !slices.Contains(all, side.id) {
			all = append(all, side.id)
		}
	}
	slices.SortFunc(all, func(a, b tenant.ID) int { return strings.Compare(a.String(), b.String()) })
	return all
}

func compare(id tenant.ID, before, after []tenantSide) tenantDiff {
	of := func(sides []tenantSide) (tenantSide, bool) {
		i := slices.IndexFunc(sides, func(s tenantSide) bool { return s.id == id })
		if i < 0 {
			return tenantSide{}, false
		}
		return sides[i], true
	}
	old, was := of(before)
	new, is := of(after)
	d := tenantDiff{Tenant: id.String(), In: "both", Lines: []diffLine{}}
	switch {
	case !is:
		d.In = "old"
	case !was:
		d.In = "new"
	}
	r := witness.Compare(id, old.Side, new.Side)
	d.Users, d.Channels, d.Cut = r.Users, r.Channels, r.Cut
	for _, l := range r.Lines {
		d.Lines = append(d.Lines, lineOf(&l))
	}
	d.Choices = compareChoices(old.choices, new.choices)
	return d
}

func lineOf(l *witness.Line) diffLine {
	out := diffLine{Gained: l.Gained, Who: l.Who, But: l.But, Channel: l.Channel, Except: l.Except, RuleBefore: l.Before, RuleAfter: l.After}
	for _, a := range l.Actions {
		out.Actions = append(out.Actions, a.String())
	}
	return out
}
