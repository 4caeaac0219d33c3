// Command portcullis is the gateway's command line: flags and printing, one file for each subcommand. Deciding is done elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	succeeded = 0
	failed    = 1
	misused   = 2 // an unknown command or flag, or an argument too few or too many
)

// shell is what a command has of the world around it.
type shell struct {
	env            func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run does what args ask for and returns the exit code. What a command prints for its user goes to stdout; what went wrong, and
// logs, to stderr.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &shell{env, stdin, stdout, stderr}
	root := rootCommand(s)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return s.exit(cmd, err)
}

// failure is an error of a command that had begun. Every other error is the caller's misuse.
type failure struct {
	err  error
	code int // 0 is failed
}

func (f *failure) Error() string { return f.err.Error() }

// errTold is a failure whose reason was printed already.
var errTold = errors.New("told")

func (s *shell) exit(cmd *cobra.Command, err error) int {
	if err == nil {
		return succeeded
	}
	f, began := errors.AsType[*failure](err)
	switch {
	case !began:
		fmt.Fprintf(s.stderr, "portcullis: %v\n%s --help tells how it is used\n", err, cmd.CommandPath())
		return misused
	case !errors.Is(f.err, errTold):
		fmt.Fprintf(s.stderr, "portcullis: %s\n", lines(f.err.Error())) // a server may have had its say in it
	}
	return max(failed, f.code)
}
