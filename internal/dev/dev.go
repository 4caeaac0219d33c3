// Package dev runs a gateway to play with: in one process, with authentication on and with keys, certificates and two tenants that are
// thrown away at the end. Before it serves it plays a short story against itself, which tells what a gateway does and checks that it does.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"portcullis/internal/config"
	"portcullis/internal/metrics"
	"portcullis/internal/node"
)

// Options are what the command line says.
type Options struct {
	// Once ends after the story, with its verdict.
	Once bool
	// Listen is for plaintext, TLS for TLS, Admin for administrators; all of them loopback. An empty one is its default, or with Once a free port.
	Listen, TLS, Admin string

	Stdout io.Writer
	Log    *slog.Logger // nil for none; of the story it hears warnings alone
	Build  metrics.Build
}

// Run plays the story, and then serves until ctx ends unless it is asked to run once. It returns when everything that it made is removed.
// The error is what kept it from running, or that something in the story was not as expected.
func Run(ctx context.Context, o Options) error { return run(ctx, o, nil) }

// tamper lets a test change what was made, before the gateway reads it.
type tamper func(*house, *cast) error

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
	h, err := build(at)
	defer func() { err = errors.Join(err, h.remove()) }()
	if err != nil {
		return err
	}
	c, err := h.invite()
	if err != nil {
		return fmt.Errorf("make the credentials of the story: %w", err)
	}
	if change != nil {
		if err := change(h, c); err != nil {
			return err
		}
	}
	g, err := start(ctx, o, at, h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.end()) }()
	g.introduce(o.Stdout)
	verdict := g.play(ctx, o.Stdout, c)
	if o.Once || ctx.Err() != nil {
		return verdict
	}
	return errors.Join(verdict, g.serve(ctx, o.Stdout))
}

// gateway is the running node and the house it lives in.
type gateway struct {
	house   *house
	node    *node.Node
	plain   string // the address of the listener without TLS
	curtain *curtain

	stop  context.CancelCauseFunc
	ended chan error // holds what Run returned; one goroutine, for which end waits
}

// start runs a node from the files in the house. end must be called.
func start(ctx context.Context, o Options, at addresses, h *house) (*gateway, error) {
	c, err := h.load()
	if err != nil {
		return nil, err
	}
	curtain, err := newCurtain(h, o.Log)
	if err != nil {
		return nil, err
	}
	plain, err := net.Listen("tcp", at.plain.text)
	if err != nil {
		return nil, errors.Join(at.taken(err), curtain.close())
	}
	g := &gateway{house: h, plain: plain.Addr().String(), curtain: curtain, ended: make(chan error, 1)}
	if err := g.open(ctx, c, plain, o.Build); err != nil {
		plain.Close() // the node may have done that
		return nil, errors.Join(at.taken(err), curtain.close())
	}
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	g.stop = stop
	go func() { g.ended <- g.node.Run(inner) }()
	return g, nil
}

func (g *gateway) open(ctx context.Context, c *config.Config, plain net.Listener, b metrics.Build) error {
	n, problems := node.New(node.Options{Config: c, Log: slog.New(g.curtain), Version: b, Plain: plain})
	if err := refusal(problems); err != nil {
		return err
	}
	g.node = n
	return n.Listen(ctx)
}

// end stops the node without giving balancers time, and returns when it has stopped.
func (g *gateway) end() error {
	g.stop(node.ErrNow)
	return errors.Join(<-g.ended, g.curtain.close())
}

// serve tells how to use the gateway, and waits.
func (g *gateway) serve(ctx context.Context, out io.Writer) (err error) {
	s := g.state()
	leave, err := s.save()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	g.curtain.raise()
	fmt.Fprint(out, lines(program(), s))
	select {
	case <-ctx.Done():
		fmt.Fprintf(out, "Stopping; %s goes away.\n", g.house.dir)
		return nil
	case err := <-g.ended: // the node failed
		g.ended <- err
		return nil
	}
}

func (g *gateway) state() State {
	return State{
		URL:       "wss://" + g.node.Addr() + "/v1/ws",
		PlainURL:  "ws://" + g.plain + "/v1/ws",
		AdminURL:  "http://" + g.node.AdminAddr(),
		TokenFile: g.house.demoToken,
		CAFile:    g.house.caFile,
		KeyFile:   g.house.acme.keyFile,
		Issuer:    g.house.acme.issuer,
		Audience:  g.house.acme.audience,
		PID:       os.Getpid(),
	}
}
