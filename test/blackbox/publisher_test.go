package blackbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"portcullis/internal/auth/authtest"
)

// publisher is an identity service on this machine that does what its test wants, and counts how often it is asked.
type publisher struct {
	*authtest.Issuer
	prefix  string
	asked   atomic.Int64
	written atomic.Int64
	does    atomic.Pointer[http.HandlerFunc]
}

// publish starts an identity service that publishes its key at every path.
func publish(t *testing.T, prefix string) *publisher {
	t.Helper()
	s := &publisher{prefix: prefix}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.does.Load())(&written{w, &s.written}, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.Issuer = authtest.New(server.URL)
	s.answers(s.Issuer.ServeHTTP)
	return s
}

// answers changes what the service does.
func (s *publisher) answers(f http.HandlerFunc) { s.does.Store(&f) }

// publishes answers with these keys.
func (s *publisher) publishes(issuers ...*authtest.Issuer) {
	var keys []authtest.Claims
	for _, i := range issuers {
		keys = append(keys, i.JWK())
	}
	s.answers(func(w http.ResponseWriter, _ *http.Request) { w.Write(authtest.KeySet(keys...)) })
}

// discovered answers discovery with a document of its own, changed by replacing text, and hands the request for keys on.
func (s *publisher) discovered(keys http.HandlerFunc, change ...string) http.HandlerFunc {
	document := strings.NewReplacer(change...).Replace(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, s.URL, s.URL+"/keys"))
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.well-known/openid-configuration" {
			w.Write([]byte(document))
			return
		}
		keys(w, r)
	}
}

// entry is how acme's file takes the service's tokens, with keys from its address or, without one, discovered.
func (s *publisher) entry(keys string) string {
	if keys != "" {
		keys = "jwks_uri: " + keys + ", "
	}
	return fmt.Sprintf("- { issuer: %q, audience: %s, %sleeway: 1s, prefix: %q }\n", s.URL, acme.audience, keys, s.prefix)
}

// token is one of the service's, by its key or another one.
func (s *publisher) token(by *authtest.Issuer, more ...claims) string {
	return secret(by.Token("ana", append([]claims{{"iss": s.URL, "aud": acme.audience}}, more...)...))
}

// written counts what is written, over all answers.
type written struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (w *written) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes.Add(int64(n))
	return n, err
}

func (w *written) Unwrap() http.ResponseWriter { return w.ResponseWriter }
