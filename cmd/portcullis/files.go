package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/broker/memory/journal"
	"portcullis/internal/config"
	"portcullis/internal/listen"
	"portcullis/internal/node"
)

// files reads what the main file names and the node opens only when it listens, so that what is wrong with it has a place.
func files(c *config.Config) (problems []config.Problem) {
	if t := c.Listen.TLS; t != nil && t.CertificateFile != "" && t.KeyFile != "" {
		_, certificate, err := listen.TLSConfig(listen.Options{
			CertificateFile: string(t.CertificateFile), KeyFile: string(t.KeyFile),
			Observer: unobserved{}, Logger: slog.New(slog.DiscardHandler),
		})
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "key file"):
			problems = append(problems, c.Problem("listen.tls.key_file", "%v", err))
		case err != nil:
			problems = append(problems, c.Problem("listen.tls.certificate_file", "%v", err))
		case time.Now().After(certificate.NotAfter()):
			problems = append(problems, c.Warning("listen.tls.certificate_file", "the certificate expired at %s and clients refuse it; "+
				"put a new one into %s", certificate.NotAfter().UTC().Format(time.RFC3339), t.CertificateFile))
		}
	}
	_, faults := node.Trust(c)
	problems = append(problems, faults...)
	if file := c.Admin.TokenFile; file != "" {
		if _, err := config.ReadSecret(file); err != nil {
			problems = append(problems, c.Problem("admin.token_file", "%v", err))
		}
	}
	return append(problems, memories(c)...)
}

// memories looks at what a gateway remembers when it is started again.
func memories(c *config.Config) []config.Problem {
	if c.Broker.StateDir == "" {
		return []config.Problem{c.Warning("broker.state_dir", "is missing: revocations and suspensions are forgotten at a restart; give broker.state_dir a folder")}
	}
	if err := journal.Check(string(c.Broker.StateDir)); err != nil {
		return []config.Problem{c.Problem("broker.state_dir", "%v", err)}
	}
	return nil
}

// unobserved is nobody who listens to a listener that is never opened.
type unobserved struct{}

func (unobserved) Handshake(uint16)             {}
func (unobserved) HandshakeError(listen.Reason) {}
func (unobserved) CertificateLoaded(time.Time)  {}
func (unobserved) ReloadFailed(error)           {}

// atOnce bounds how many key sets are fetched at the same time.
const atOnce = 8

// fetch fetches every key set that an address leads to, each once, and returns what failed.
func fetch(ctx context.Context, c *config.Config) (problems []config.Problem) {
	var mu sync.Mutex
	var fetches errgroup.Group
	fetches.SetLimit(atOnce)
	known := make(map[string]bool)
	for i := range c.Tenants {
		t := &c.Tenants[i]
		for n, issuer := range t.Issuers {
			key := "jwks_uri"
			make := func() (*jwks.Source, error) {
				return jwks.URL(issuer.JWKSURI, nil, jwks.Options{Issuer: issuer.Issuer})
			}
			if issuer.JWKSURI == "" {
				key = "issuer"
				make = func() (*jwks.Source, error) {
					return jwks.Discovery(issuer.Issuer, nil, jwks.Options{Issuer: issuer.Issuer})
				}
			}
			source, err := make()
			if issuer.JWKSFile != "" || err != nil || known[source.Location()] { // building the tenant has told of an error
				continue
			}
			known[source.Location()] = true
			fetches.Go(func() error {
				if err := source.Fetch(ctx); err != nil {
					mu.Lock()
					defer mu.Unlock()
					problems = append(problems, t.Problem(fmt.Sprintf("issuers[%d].%s", n, key), "%v; correct the address or its service, "+
						"or check with --offline, which fetches nothing", err))
				}
				return nil
			})
		}
	}
	_ = fetches.Wait() // what failed is among the problems
	return problems
}
