// Package documents serves the gateway's contract to whoever asks: the paths of its HTTP API, and the frames of its wire.
package documents

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"portcullis/api"
)

// document is one of them as it is served.
type document struct {
	text []byte
	tag  string // strong (RFC 9110, section 8.8.3)
}

// Routes adds the documents. They are the same for everybody, and nobody needs a credential to read them.
func Routes(r chi.Router) {
	for path, text := range map[string]func() []byte{"/v1/openapi.json": api.OpenAPI, "/v1/asyncapi.json": api.AsyncAPI} {
		read := sync.OnceValue(func() document {
			sum := sha256.Sum256(text())
			return document{text(), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		})
		serve := func(w http.ResponseWriter, r *http.Request) { read().serve(w, r) }
		r.Get(path, serve)
		r.Head(path, serve)
	}
}

func (d document) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("ETag", d.tag)
	h.Set("X-Content-Type-Options", "nosniff")
	if d.known(r.Header.Values("If-None-Match")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(d.text) // a client that left needs no answer; of a HEAD net/http drops it
}

// known reports whether the caller has the document. A tag that a proxy on the way made weak is the same one (RFC 9110, section 13.1.2).
func (d document) known(tags []string) bool {
	for _, list := range tags {
		for tag := range strings.SplitSeq(list, ",") {
			if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == d.tag || tag == "*" {
				return true
			}
		}
	}
	return false
}
