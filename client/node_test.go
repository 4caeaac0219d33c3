package client_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"portcullis/client"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/config"
	"portcullis/internal/node"
)

const issuerURL = "https://id.acme.example"

// startNode runs a whole gateway. Channels of room keep enough for every test, those of brief next to nothing, those of bare nothing, those of vault only what is encrypted; those of bulk, fresh and
// last keep what a connection may have waiting, and differ in what becomes of slow readers. Everybody is subscribed to room:chosen without asking.
func startNode(t *testing.T) (address string, issuer *authtest.Issuer) {
	t.Helper()
	n, issuer, err := newNode(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stop, err := runNode(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return n.Addr(), issuer
}

func newNode(dir string) (*node.Node, *authtest.Issuer, error) {
	issuer := authtest.New(issuerURL)
	keys := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(keys, issuer.JWKS(), 0o600); err != nil {
		return nil, nil, err
	}
	c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {address: "127.0.0.1:0", plaintext: true}
admin: {address: "127.0.0.1:0"}
tenants:
  - id: acme
    issuers: [{issuer: "`+issuerURL+`", audience: portcullis, jwks_file: "`+keys+`"}]
    rules: [{name: all, allow: [subscribe, publish, history, presence, echo], channels: ["room:*", "vault:*", "brief:*", "bare:*", "bulk:*", "fresh:*", "last:*"]}]
    subscribe: [{channels: ["room:chosen"]}]
    channels:
      - {match: "room:*", presence: true, history: {messages: 10000, ttl: 1h}}
      - {match: "vault:*", encryption: required, history: {messages: 10, ttl: 1h}}
      - {match: "brief:*", history: {messages: 3, ttl: 1h}}
      - {match: "bulk:*", history: {messages: 1000, ttl: 1h}}
      - {match: "fresh:*", history: {messages: 1000, ttl: 1h}, slow_reader: drop_oldest}
      - {match: "last:*", history: {messages: 1000, ttl: 1h}, slow_reader: conflate}
    limits: {messages_per_second: 1000000, messages_per_second_per_user: 1000000, messages_per_second_per_connection: 100000, bytes_per_second_per_connection: unlimited}
`))
	if config.Failed(problems) {
		return nil, nil, fmt.Errorf("%v", problems)
	}
	n, problems := node.New(node.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	if n == nil {
		return nil, nil, fmt.Errorf("%v", problems)
	}
	return n, issuer, nil
}

func runNode(n *node.Node) (stop func(), err error) {
	if err := n.Listen(context.Background()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	return func() { cancel(node.ErrNow); <-ended }, nil
}

// wholeGateway is a gateway for the examples that need more than the least, and the lines to it.
type wholeGateway struct {
	issuer *authtest.Issuer
	lines  *lines
	stop   func()
	dir    string
}

func startWholeGateway() *wholeGateway {
	dir, err := os.MkdirTemp("", "portcullis-example-")
	if err != nil {
		log.Panic(err)
	}
	n, issuer, err := newNode(dir)
	if err != nil {
		log.Panic(err)
	}
	stop, err := runNode(n)
	if err != nil {
		log.Panic(err)
	}
	return &wholeGateway{issuer, &lines{address: n.Addr(), now: make(map[net.Conn]net.Conn)}, stop, dir}
}

// Options are a user's.
func (g *wholeGateway) Options(user string) client.Options {
	return client.Options{
		URL:         "ws://" + g.lines.address,
		Token:       tokenOf(g.issuer, user),
		DialContext: g.lines.dial,
	}
}

// Cut breaks all connections.
func (g *wholeGateway) Cut() { g.lines.cutAll() }

func (g *wholeGateway) Close() {
	g.stop()
	os.RemoveAll(g.dir)
}
