package node_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"portcullis/client"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/config"
	"portcullis/internal/node"
)

const issuerURL = "https://id.acme.example"

func configuration(t *testing.T, keys, address string) *config.Config {
	t.Helper()
	c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {address: "`+address+`", plaintext: true}
admin: {address: "127.0.0.1:0"}
drain: {delay: 300ms, grace: 20s}
tenants:
  - id: acme
    issuers: [{issuer: "`+issuerURL+`", audience: portcullis, `+keys+`}]
    rules: [{name: lab, allow: [echo], channels: ["lab:*"]}]
`))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	return c
}

type running struct {
	*node.Node
	issuer *authtest.Issuer
	stop   context.CancelCauseFunc
	ended  chan error
}

func start(t *testing.T) *running {
	t.Helper()
	issuer := authtest.New(issuerURL)
	c := configuration(t, `jwks_file: "`+issuer.WriteJWKS(t)+`"`, "127.0.0.1:0")
	n, problems := node.New(node.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	if n == nil {
		t.Fatal(problems)
	}
	if err := n.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	r := &running{n, issuer, stop, make(chan error, 1)}
	go func() { r.ended <- n.Run(ctx) }()
	t.Cleanup(func() { stop(node.ErrNow) })
	return r
}

func (r *running) dial(t *testing.T) *client.Conn {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Options{
		URL: "ws://" + r.Addr(), Token: func(context.Context) (string, error) { return r.issuer.Token("ana"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (r *running) status(t *testing.T, path string) int {
	t.Helper()
	answer, err := http.Get("http://" + r.AdminAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func TestANodeServesAndDrains(t *testing.T) {
	r := start(t)
	c := r.dial(t)
	if got, err := c.Echo(t.Context(), "lab:rtt", "hello"); err != nil || string(got) != `"hello"` {
		t.Fatalf("got %s, %v; want the echo", got, err)
	}
	if got := r.status(t, "/readyz"); got != 200 {
		t.Errorf("readyz: got %d, want 200", got)
	}
	start := time.Now()
	r.stop(errors.New("a deploy"))
	for r.Ready() {
		time.Sleep(time.Millisecond)
	}
	if got := r.status(t, "/readyz"); got != 503 {
		t.Errorf("readyz while it drains: got %d, want 503", got)
	}
	r.dial(t) // within the delay handshakes are served
	<-c.Done()
	var closed *client.CloseError
	if !errors.As(c.Err(), &closed) || closed.Code != 4000 || closed.Retry <= 0 {
		t.Errorf("got %v, want 4000 with a time to come back", c.Err())
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("draining took %v", took)
	}
	if _, err := net.Dial("tcp", r.Addr()); err == nil {
		t.Error("the port is still open")
	}
}

func TestNobodyWaitsForAnEmptyNode(t *testing.T) {
	r := start(t)
	for !r.Ready() {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	r.stop(errors.New("a deploy"))
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 250*time.Millisecond {
		t.Errorf("an empty node took %v, and its drain.delay is 300ms", took)
	}
}

func TestAPortThatIsTakenIsAnErrorAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	issuer := authtest.New(issuerURL)
	n, _ := node.New(node.Options{Config: configuration(t, `jwks_file: "`+issuer.WriteJWKS(t)+`"`, taken.Addr().String()), Log: slog.New(slog.DiscardHandler)})
	if err := n.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v, want the address that is taken", err)
	}
}

// An identity service that is down is its users' misfortune alone: the node is up and ready.
func TestANodeStartsWhileAnIssuerIsDown(t *testing.T) {
	n, problems := node.New(node.Options{Config: configuration(t, `jwks_uri: "http://127.0.0.1:1/keys"`, "127.0.0.1:0"), Log: slog.New(slog.DiscardHandler)})
	if n == nil {
		t.Fatal(problems)
	}
	if err := n.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	for !n.Ready() {
		time.Sleep(time.Millisecond)
	}
	_, err := client.Dial(t.Context(), client.Options{
		URL: "ws://" + n.Addr(), Token: func(context.Context) (string, error) { return authtest.New(issuerURL).Token("ana"), nil },
	})
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter <= 0 {
		t.Errorf("got %v, want 503 with a time to come back", err)
	}
	stop(node.ErrNow)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
