package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"portcullis/internal/config"
	"portcullis/internal/dev/house"
	"portcullis/internal/dev/story"
	"portcullis/internal/metrics"
	"portcullis/internal/node"
)

// gateway is the running node and the house it lives in.
type gateway struct {
	house   *house.House
	demo    string // the file of the demo user's token
	node    *node.Node
	plain   string // the address of the listener without TLS
	page    string // the URL of the page to try it on
	curtain *curtain

	stop  context.CancelCauseFunc
	ended chan error // holds what Run returned; one goroutine, for which end waits
}

// start runs a node from the files in the house. end must be called.
func start(ctx context.Context, o Options, at addresses, h *house.House, demo, page string) (*gateway, error) {
	c, problems := config.Load(h.Main)
	if err := refusal(problems); err != nil {
		return nil, err
	}
	curtain, err := newCurtain(h.Dir, o.Log)
	if err != nil {
		return nil, err
	}
	plain, err := net.Listen("tcp", at.plain.text)
	if err != nil {
		return nil, errors.Join(at.taken(err), curtain.close())
	}
	g := &gateway{house: h, demo: demo, plain: plain.Addr().String(), page: page, curtain: curtain, ended: make(chan error, 1)}
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

// refusal is an error where one of the problems is.
func refusal(problems []config.Problem) error {
	if !config.Failed(problems) {
		return nil
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.String()
	}
	return fmt.Errorf("load the configuration: %s", strings.Join(lines, "\n"))
}

// end stops the node without giving balancers time, and returns when it has stopped.
func (g *gateway) end() error {
	g.stop(node.ErrNow)
	return errors.Join(<-g.ended, g.curtain.close())
}

// play returns the verdict of the story. One that went wrong is told with the gateway's log.
func (g *gateway) play(ctx context.Context, out io.Writer, c *story.Cast) error {
	s := g.state()
	err := story.Play(ctx, story.Gateway{URL: s.URL, Roots: g.house.Roots(), Metrics: s.AdminURL + "/metrics"}, c, out)
	if errors.Is(err, story.ErrUnexpected) {
		fmt.Fprint(out, "\nNot everything is as expected. What the gateway wrote into its log meanwhile:\n\n")
		err = errors.Join(err, g.curtain.told(out))
	}
	return err
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
		fmt.Fprintf(out, "Stopping; %s goes away.\n", g.house.Dir)
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
		PageURL:   g.page,
		TokenFile: g.demo,
		CAFile:    g.house.CAFile,
		KeyFile:   g.house.Acme.KeyFile,
		Issuer:    g.house.Acme.Issuer,
		Audience:  g.house.Acme.Audience,
		PID:       os.Getpid(),
	}
}
