package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// rootCommand is the tree of commands.
func rootCommand(s *shell) *cobra.Command {
	root := group("portcullis", "The realtime edge: WebSockets for verified users, channels by rules, tenants apart",
		`  portcullis dev
  portcullis config init gateway && portcullis serve --config gateway/portcullis.yaml
  portcullis echo lab:rtt 'Hello, Secure World!'`,
		serveCommand(s), devCommand(s), configCommand(s), tokenCommand(s), aclCommand(s),
		publishCommand(s), subscribeCommand(s), echoCommand(s), revokeCommand(s), connectionsCommand(s), tenantsCommand(s), reloadCommand(s), doctorCommand(s), versionCommand(s))
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetHelpCommand(helpCommand())
	return root
}

// group is a command that only holds others.
func group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Example: example, DisableFlagsInUseLine: true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs, // an unknown command arrives as one
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			cmd.SetOut(cmd.ErrOrStderr())
			if err := cmd.Help(); err != nil {
				return err
			}
			return errors.New("a command is missing")
		},
	}
	c.AddCommand(commands...)
	return c
}

func unknown(parent *cobra.Command, name string) error {
	if near := parent.SuggestionsFor(name); len(near) > 0 {
		return fmt.Errorf("%s has no command %q; did you mean %s?", parent.CommandPath(), name, strings.Join(near, " or "))
	}
	return fmt.Errorf("%s has no command %q", parent.CommandPath(), name)
}

// helpCommand is cobra's, but that an unknown command is misuse.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Tell how a command is used",
		Example: "  portcullis help token mint",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknown(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// does is what a command does. Its errors are failures, but for those of [misuse].
func does(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		if _, callers := errors.AsType[misuse](err); err == nil || callers {
			return err
		}
		return &failure{err: err}
	}
}

// misuse is what a command itself finds wrong with its flags or arguments.
type misuse string

func (m misuse) Error() string { return string(m) }

// takes returns the check of a command that takes exactly these arguments. A last one that ends in ... is one or more.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return misuse("missing " + strings.Join(names[len(args):], " and "))
		}
		more := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
		if len(args) > len(names) && !more {
			text := fmt.Sprintf("unexpected argument %q", args[len(names)])
			config := cmd.Flags().Lookup("config")
			switch {
			case len(names) > 0 && (names[len(names)-1] == "TEXT" || names[len(names)-1] == "DATA"):
				text += "; put a text with spaces in quotes"
			case config != nil && !config.Changed:
				text += "; a configuration is named with --config"
			}
			return misuse(text)
		}
		return nil
	}
}

// configFlag is the flag of the commands that read a configuration.
func configFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "config", "", "the configuration's main `file`")
	needs(c, "config")
	must(c.MarkFlagFilename("config", "yaml", "yml"))
}

// needs is the flag that a command cannot do without, and tells its absence in the words of [takes].
func needs(c *cobra.Command, flag string) {
	must(c.MarkFlagRequired(flag))
	c.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.Flags().Changed(flag) {
			return misuse("missing --" + flag)
		}
		return nil
	}
}

// jsonFlag is the flag of the commands that print data.
func jsonFlag(c *cobra.Command, on *bool) {
	c.Flags().BoolVar(on, "json", false, "print JSON, for programs")
}

// must is for what only a mistake in this program can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
