package main

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"portcullis/internal/config"
	"portcullis/internal/listen"
	"portcullis/internal/node"
)

func serveCommand(s *shell) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "serve --config FILE", Short: "Run the gateway",
		Long: `Run the gateway of a configuration. A problem in it is told with its place, and the gateway does not start.

SIGTERM ends it in order: it says that it is not ready, serves new clients for drain.delay, then says goodbye to everybody and ends inside
drain.grace. SIGINT leaves out the delay. A second signal ends it at once.

SIGHUP takes the configuration anew, as portcullis reload does; so does a change of its files, unless reload.watch is false. With an error in it nothing changes.`,
		Example: `  portcullis serve --config portcullis.yaml`,
		Args:    takes(),
		RunE:    does(func(cmd *cobra.Command, _ []string) error { return s.serve(cmd.Context(), file) }),
	}
	configFlag(c, &file)
	return c
}

// auditSink opens the file of the security log, or takes standard output.
func auditSink(c *config.Config, stdout io.Writer) (io.WriteCloser, error) {
	if c.Audit.File == "" {
		return unclosed{stdout}, nil
	}
	f, err := os.OpenFile(string(c.Audit.File), os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o600) // a pipe that nobody reads is an error
	if err != nil {
		return nil, fmt.Errorf("audit.file: %w; name a file in a folder that the gateway may write to", err)
	}
	return f, nil
}

// unclosed is a writer that is somebody else's to close.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// serve returns when the gateway has drained, or could not be started.
func (s *shell) serve(ctx context.Context, file string) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	hangup, done := hangups() // before anything takes long: without a handler the signal would end the process
	defer done()
	c, problems := config.Load(file)
	if c == nil {
		return s.refuse(file, problems)
	}
	log := newLog(c.Log, s.stderr)
	stdlog.SetFlags(0)
	stdlog.SetOutput(listen.LibraryLog(log))
	problems = append(problems, files(c)...)
	b := readBuild()
	if s.env("GOGC") == "" {
		collect()
	}
	sink, err := auditSink(c, s.stdout)
	if err != nil {
		return err
	}
	defer func() {
		if err := sink.Close(); err != nil {
			log.Error("the security log could not be closed", "event", "audit.failed", "error", err)
		}
	}()
	n, more := node.New(node.Options{Config: c, File: file, Log: log, Version: b.metric(), Audit: sink})
	if problems = append(problems, more...); config.Failed(problems) {
		return s.refuse(file, problems)
	}
	for _, p := range problems {
		log.Warn("configuration: "+p.Message, "event", "config.warning", "file", p.File, "line", p.Line, "column", p.Column, "path", p.Path)
	}
	if err := n.Listen(ctx); err != nil {
		return err
	}
	log.Info("serving", "event", "node.serving", "address", n.Addr(), "admin_address", n.AdminAddr(), "tls", c.Listen.TLS != nil,
		"tenants", len(c.Tenants), "version", b.Version)
	var following sync.WaitGroup
	defer following.Wait()
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	following.Go(func() {
		for {
			select {
			case <-hangup:
				n.Reload(node.BySignal) // the log says how it went
			case <-ctx.Done():
				return
			}
		}
	})
	return n.Run(ctx)
}
