// Package node is one gateway, wired from a configuration. Serving, the development gateway, tests and simulations all start this.
package node

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"portcullis/internal/admin"
	"portcullis/internal/audit"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/broker/memory"
	"portcullis/internal/config"
	"portcullis/internal/config/watch"
	"portcullis/internal/doctor"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/api/channels"
	"portcullis/internal/gateway/api/documents"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/listen"
	"portcullis/internal/metrics"
	"portcullis/internal/metrics/tenants"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/webhook"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
	"portcullis/internal/wire/mirror"
)

// Options are what a node needs besides its configuration.
type Options struct {
	Config *config.Config
	// File is the main file of Config, which a reload reads again; empty for a node whose configuration stays.
	File    string
	Log     *slog.Logger
	Version metrics.Build
	// Audit is where the security log is written; nil for nowhere.
	Audit io.Writer
	// Plain is one more listener for clients, without TLS, for development on loopback; nil for none.
	Plain net.Listener
}

// Node is one gateway.
type Node struct {
	// Set by New and Listen, then read-only.
	options  Options
	config   *config.Config // without its tenants, which change
	log      *slog.Logger
	metrics  *metrics.Metrics
	tenants  *tenants.Register
	page     metrics.Page // of the tenants
	realms   *realm.Registry
	engine   *memory.Broker
	audit    *audit.Log
	ledger   *revocation.Ledger
	trust    *proxy.Trust
	door     *door.Door
	hub      *hub.Hub
	sessions *session.Host
	gateway  *gateway.Gateway
	hooks    *webhook.Hooks
	lobby    *limit.Lobby
	doctor   *doctor.Doctor
	edges    []edge
	admin    edge

	realmOptions realm.Options

	listening, draining atomic.Bool
	reloading           reloading
}

// edge is a listener and the server behind it.
type edge struct {
	listener net.Listener
	server   *http.Server
}

// New builds a node. It reads what the configuration names and checks all of it, and opens nothing. Without an error among the problems
// there is a node.
func New(o Options) (*Node, []config.Problem) {
	dialects := []wire.Dialect{json.Dialect{}, mirror.Dialect{}}
	m := metrics.New(o.Version, dialects)
	gates := newGates(m)
	outboxes := limit.NewOutboxes(int64(o.Config.Limits.OutboxPerNode))
	built := realm.Options{Outboxes: outboxes, Log: o.Log, Keys: m.Keys(), Lists: m.Lists(), Candidates: m.Candidates(), Gate: gates.tokens, CertificateGate: gates.chains}
	snapshot, problems := realm.Build(o.Config, built)
	hooks, more := webhook.Read(o.Config)
	if problems = append(problems, more...); snapshot == nil || hooks == nil {
		return nil, problems
	}
	main := *o.Config
	main.Tenants = nil
	n := &Node{options: o, config: &main, log: o.Log, metrics: m, realms: realm.NewRegistry(snapshot), realmOptions: built}
	n.reloading.busy = make(chan struct{}, 1)
	n.reloading.last.Store(o.Config)
	n.reloading.seen = watch.Look(n.watched())
	n.options.Config = nil
	m.Configured(len(o.Config.Tenants), false)
	n.tenants = tenants.New(tenants.Config{
		Tenants: func() []*realm.Tenant { return n.realms.Current().Tenants() }, Named: int(o.Config.Metrics.Tenants), Outboxes: outboxes, Observer: m.Tenants(), Log: o.Log,
	})
	n.page = metrics.NewPage(n.tenants)
	if o.Audit == nil {
		o.Audit = io.Discard
	}
	name := "n_" + rand.Text()[:8]
	n.audit = audit.New(o.Audit, name, n.knows, m.Audit())
	n.engine = memory.With(memory.Options{StateDir: string(o.Config.Broker.StateDir), Log: o.Log})
	n.hooks = webhook.New(webhook.Config{Node: name, Observer: m.Webhooks(), Log: o.Log})
	n.hooks.Set(hooks)
	n.hub = hub.New(n.engine, n.audit.Hub(m.Hub()), o.Log)
	n.hub.Follow(n.hooks)
	n.sessions = session.NewHost(name, n.hooks.Sessions(n.audit.Sessions(m.Sessions())), o.Log)
	n.ledger = revocation.NewLedger(n.engine.State(), n.announce, n.ended, o.Log)
	n.hub.OnCommand(revocationCommand, n.ledger.Heard)
	if n.door, problems = n.newDoor(gates, problems); n.door == nil {
		return nil, problems
	}
	requests := n.newAPI()
	n.gateway = gateway.New(gateway.Config{
		Door: n.door, Realms: n.realms, Hub: n.hub, Dialects: dialects, Sessions: n.sessions, Age: time.Duration(o.Config.Listen.ConnectionAge),
		Routes: []gateway.Routes{requests.Routes, channels.New(requests, n.door, n.hub).Routes, documents.Routes}, Observer: m.Gateway(), Ready: n.Ready, Log: o.Log,
	})
	n.doctor = n.newDoctor(dialects)
	return n, problems
}

// Ready reports whether the node can serve: its listeners are open, the engine was reached once, and it does not drain. It depends on no issuer
// and no tenant.
func (n *Node) Ready() bool { return n.listening.Load() && !n.draining.Load() }

// Listen opens the listeners. What cannot be opened is an error here, not a line in a log later.
func (n *Node) Listen(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			n.closeListeners()
		}
	}()
	n.fetch(ctx)
	security, err := n.tls()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", n.config.Listen.Address)
	if err != nil {
		return fmt.Errorf("listen.address: %w; stop what listens there, or take another address", err)
	}
	l = n.lobby.Listener(l)
	if n.config.Proxy.Protocol == "v2" {
		l = listen.Proxied(l, n.trust.Trusts, n.metrics.ProxyHeader)
	}
	if security != nil {
		l = tls.NewListener(l, security)
	}
	n.edges = append(n.edges, edge{l, n.edgeServer()})
	if n.options.Plain != nil {
		n.edges = append(n.edges, edge{n.lobby.Listener(n.options.Plain), n.edgeServer()})
	}
	if l, err = net.Listen("tcp", n.config.Admin.Address); err != nil {
		return fmt.Errorf("admin.address: %w; stop what listens there, or take another address", err)
	}
	handler, err := n.adminHandler(l.Addr().String())
	if err != nil {
		l.Close()
		return err
	}
	n.admin = edge{l, n.server(handler)}
	if err := n.engine.Open(); err != nil {
		return fmt.Errorf("broker.state_dir: %w", err)
	}
	return nil
}

// keysBy bounds how long a start waits for identity services.
const keysBy = 5 * time.Second

// fetch reads all keys once, so that the first handshake after a deploy finds them. An identity service that does not answer is its users'
// misfortune alone: the log says so, and the node starts.
func (n *Node) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysBy)
	defer cancel()
	_ = n.realms.Current().Fetch(ctx)
}

// tls returns the clients' TLS, nil where the configuration asks for plaintext.
func (n *Node) tls() (*tls.Config, error) {
	l := n.config.Listen
	if l.TLS == nil {
		return nil, nil
	}
	c, _, err := listen.TLSConfig(listen.Options{
		CertificateFile:    string(l.TLS.CertificateFile),
		KeyFile:            string(l.TLS.KeyFile),
		TLS12:              l.TLS.MinVersion == "1.2",
		ClientCertificates: clientCertificates[l.ClientCertificates],
		Observer:           n.metrics.TLS(),
		Logger:             n.log,
	})
	return c, err
}

var clientCertificates = map[string]listen.ClientCertificates{
	"none":    listen.NoClientCertificates,
	"request": listen.RequestClientCertificates,
	"require": listen.RequireClientCertificates,
}

func (n *Node) adminHandler(address string) (http.Handler, error) {
	c := admin.Config{
		Address: address,
		Names:   n.config.Admin.Names,
		Metrics: n.metrics.Handler(),
		Tenants: n.page.Handler(),
		Ready:   n.Ready,
		Started: n.listening.Load,
		Operations: &admin.Operations{
			Realms: n.realms, Ledger: n.ledger, Observer: operated{n.metrics.Gateway(), n.audit}, Doctor: n.doctor, Reload: n.administeredReload(), Roster: n.gateway.Roster,
		},
	}
	if n.config.Admin.TokenFile != "" {
		secret, err := config.ReadSecret(n.config.Admin.TokenFile)
		if err != nil {
			return nil, err
		}
		c.Token = secret.Equal
	}
	return admin.New(c), nil
}

// server returns an HTTP/1.1 server with bounds on everything that a stranger may make it wait for or hold.
func (n *Node) server(h http.Handler) *http.Server {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 10 * time.Second,
		IdleTimeout:                  30 * time.Second,
		MaxHeaderBytes:               16<<10 - 4096, // net/http adds 4096
		Protocols:                    &http1,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     listen.ErrorLog(n.log, n.metrics.TLS()),
	}
}

func (n *Node) closeListeners() {
	for _, e := range append(n.edges, n.admin) {
		if e.listener != nil {
			e.listener.Close()
		}
	}
}

// Addr is the address of the clients' listener, once it is open; AdminAddr that of the administrators'.
func (n *Node) Addr() string { return n.edges[0].listener.Addr().String() }

// AdminAddr is the address of the administrators' listener.
func (n *Node) AdminAddr() string { return n.admin.listener.Addr().String() }

// Run serves until ctx ends, then drains, and returns when nothing of the node is left. Listen was called before. When ctx was cancelled
// with [ErrNow] as its cause, balancers are given no time.
func (n *Node) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	all, failed := errgroup.WithContext(inner)
	all.Go(func() error { return n.hub.Run(failed) })
	all.Go(func() error { return n.remember(failed) })
	all.Go(func() error { n.realms.Run(failed, n.listed); return nil })
	all.Go(func() error { n.hooks.Run(failed); return nil })
	all.Go(func() error { n.tidy(failed); return nil })
	all.Go(func() error { n.tenants.Run(failed); return nil })
	all.Go(func() error { n.watch(failed); return nil })
	select { // nobody is let in before a message can be, and before it is known who must not
	case <-n.ledger.Ready():
		n.listening.Store(true)
		n.metrics.Ready(true)
	case <-ctx.Done():
	case <-failed.Done():
	}
	for _, e := range append(n.edges, n.admin) {
		all.Go(func() error { return served(e.server.Serve(e.listener)) })
	}
	select {
	case <-ctx.Done():
		n.drain(context.Cause(ctx), failed)
	case <-failed.Done():
		n.log.Error("a part of the node failed; it stops", "event", "node.failed", "error", context.Cause(failed))
		n.drain(ErrNow, failed)
	}
	n.sessions.Close()
	stop()
	return all.Wait()
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
