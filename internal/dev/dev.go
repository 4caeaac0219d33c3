// Package dev runs a gateway to play with: in one process, with authentication on and with keys, certificates and two tenants that are
// thrown away at the end. Before it serves it plays a short story against itself, which tells what a gateway does and checks that it does.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"portcullis/internal/dev/house"
	"portcullis/internal/dev/story"
	"portcullis/internal/metrics"
)

// Options are what the command line says.
type Options struct {
	// Once ends after the story, with its verdict.
	Once bool
	// Listen is for plaintext, TLS for TLS, Admin for administrators, Page for a browser; all of them loopback. An empty one is its default, or with Once a
	// free port.
	Listen, TLS, Admin, Page string

	Stdout io.Writer
	Log    *slog.Logger // nil for none; of the story it hears warnings alone
	Build  metrics.Build
}

// Run plays the story, and then serves until ctx ends unless it is asked to run once. It returns when everything that it made is removed.
// The error is what kept it from running, or that something in the story was not as expected.
func Run(ctx context.Context, o Options) error { return run(ctx, o, nil) }

// tamper lets a test change what was made, before the gateway reads it.
type tamper func(*house.House, *story.Cast) error

func run(ctx context.Context, o Options, change tamper) (err error) {
	at, err := newAddresses(o)
	if err != nil {
		return err
	}
	if !o.Once {
		if err := refuseSecond(); err != nil {
			return err
		}
	}
	p, err := openSite(at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := house.Build(at.tls.text, at.admin.text, p.origins())
	defer func() { err = errors.Join(err, h.Remove()) }()
	if err != nil {
		return err
	}
	c, demo, err := invite(h)
	if err != nil {
		return fmt.Errorf("make the credentials of the story: %w", err)
	}
	if change != nil {
		if err := change(h, c); err != nil {
			return err
		}
	}
	g, err := start(ctx, o, at, h, demo, p.url())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.end()) }()
	g.introduce(o.Stdout)
	verdict := g.play(ctx, o.Stdout, c)
	if o.Once || ctx.Err() != nil {
		return verdict
	}
	p.serve(g)
	return errors.Join(verdict, g.serve(ctx, o.Stdout))
}
