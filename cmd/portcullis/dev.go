package main

import (
	"github.com/spf13/cobra"

	"portcullis/internal/config"
	"portcullis/internal/dev"
)

func devCommand(s *shell) *cobra.Command {
	var o dev.Options
	c := &cobra.Command{
		Use: "dev", Short: "Run a gateway to play with, with keys, tenants and a story that shows what it does",
		Long: `Run a gateway on this machine alone, with authentication on: a throw-away authority, certificates, signing keys and two tenants in a folder
that it prints and removes at the end. It first plays a short story over TLS and checks every step of it; then it serves, prints lines to
paste, and has a page to try it on in a browser. With --once it ends with the story, and the exit code is 0 when every step went as expected.`,
		Example: `  portcullis dev
  portcullis dev --once`,
		Args: takes(),
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			o.Stdout, o.Log, o.Build = s.stdout, newLog(config.Log{}, s.stderr), readBuild().metric()
			return dev.Run(ctx, o)
		}),
	}
	f := c.Flags()
	f.BoolVar(&o.Once, "once", false, "end after the story")
	const otherwise = "; with --once a free port"
	f.StringVar(&o.Listen, "listen", "", "the `address` for ws:// (default "+dev.DefaultListen+otherwise+")")
	f.StringVar(&o.TLS, "tls", "", "the `address` for wss:// (default "+dev.DefaultTLS+otherwise+")")
	f.StringVar(&o.Page, "page", "", "the `address` of the page to try it on in a browser (default "+dev.DefaultPage+otherwise+")")
	f.StringVar(&o.Admin, "admin", "", "the `address` for metrics and health (default "+dev.DefaultAdmin+otherwise+")")
	return c
}
