// Package playground serves the page on which a newcomer tries a development gateway from a browser: the client library at work, as users of a tenant
// that is thrown away. It gives everybody who can reach it a credential: it is for this machine alone.
package playground

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
)

//go:embed web
var web embed.FS

// Config is what the page needs of its gateway.
type Config struct {
	// Gateway is where the page's clients connect, ws://host:port/v1/ws.
	Gateway string
	// Users are those whom the page can be.
	Users []string
	// Token returns a token of one of Users.
	Token func(user string) (string, error)
	// Assertion returns what a user's identity service says of the user's keys for end-to-end encryption (docs/encryption.md).
	Assertion func(user string, keys []json.RawMessage) (string, error)
	// Issuer is the identity service's name, and KeySet its keys (RFC 7517).
	Issuer string
	KeySet []byte
}

// maxBody is more than any request of the page has.
const maxBody = 16 << 10

// Handler returns the page and what it asks.
func Handler(c Config) http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	m := http.NewServeMux()
	m.Handle("GET /", http.FileServerFS(files))
	m.HandleFunc("GET /settings", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"gateway": c.Gateway, "users": c.Users, "issuer": c.Issuer})
	})
	m.HandleFunc("GET /jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(c.KeySet)
	})
	m.HandleFunc("POST /token", c.token)
	m.HandleFunc("POST /assertion", c.assertion)
	return sealed(c.Gateway, atHome(fromThePage(m)))
}

// asked is the body of a request of the page.
type asked struct {
	User string            `json:"user"`
	Keys []json.RawMessage `json:"keys"`
}

func (c *Config) token(w http.ResponseWriter, r *http.Request) {
	q, ok := c.read(w, r)
	if !ok {
		return
	}
	give(w, "token", func() (string, error) { return c.Token(q.User) })
}

func (c *Config) assertion(w http.ResponseWriter, r *http.Request) {
	q, ok := c.read(w, r)
	if !ok {
		return
	}
	give(w, "assertion", func() (string, error) { return c.Assertion(q.User, q.Keys) })
}

func (c *Config) read(w http.ResponseWriter, r *http.Request) (q asked, ok bool) {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&q); err != nil {
		http.Error(w, `the body is no {"user":"..."}: `+err.Error(), http.StatusBadRequest)
		return q, false
	}
	if !slices.Contains(c.Users, q.User) {
		http.Error(w, fmt.Sprintf("nobody here is called %q; take one of %s", q.User, strings.Join(c.Users, ", ")), http.StatusBadRequest)
		return q, false
	}
	return q, true
}

func give(w http.ResponseWriter, name string, what func() (string, error)) {
	text, err := what()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, map[string]string{name: text})
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // a page that has gone needs no answer
}
