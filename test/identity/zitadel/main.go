// Command zitadel is the example provider of github.com/zitadel/oidc, for the black-box tests: an identity service that nobody here wrote. It is a module of its own, so that
// nobody who uses Portcullis carries what it needs. ISSUER is its address; its key is a new one at each start.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "zitadel:", err)
		os.Exit(1)
	}
}

func run() error {
	issuer := os.Getenv("ISSUER")
	u, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	router := exampleop.SetupServer(issuer, store{storage.NewStorage(storage.NewUserStore(issuer))}, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	server := &http.Server{Addr: u.Host, Handler: router, ReadHeaderTimeout: 5 * time.Second}
	fmt.Println("listening")
	return server.ListenAndServe()
}

// store is the example's, but that its service user gets access tokens as JWT and not as a name that only the provider can look up.
type store struct{ *storage.Storage }

func (s store) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	c, err := s.Storage.ClientCredentials(ctx, id, secret)
	if err != nil {
		return nil, err
	}
	return client{c}, nil
}

type client struct{ op.Client }

func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
