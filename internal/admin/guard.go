package admin

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// secured says on every answer how little a browser may do with it.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// fromNoOtherSite refuses what a page of another site can make a browser send, unless it only reads. A form and a simple fetch cannot send
// JSON without asking first, and nobody here answers that question.
func fromNoOtherSite(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case protection.Check(r) != nil:
			refuse(w, wire.Forbidden, "the request comes from a page of another site")
		case !reads(r) && !isJSON(r):
			problem.Write(w, problem.Problem{Code: wire.BadRequest, Status: http.StatusUnsupportedMediaType,
				Detail: "a request that changes something has Content-Type: application/json"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// reads reports whether a method changes nothing wherever it is answered. No path answers TRACE.
func reads(r *http.Request) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}, r.Method)
}

func isJSON(r *http.Request) bool {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return false
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && media == "application/json"
}

// bearer returns what asks for the administrators' token (RFC 6750): in the one place where it is neither logged nor sent by itself. A query is never
// looked at.
func bearer(equal func(string) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if equal == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			given := r.Header.Values("Authorization")
			if len(given) == 0 {
				w.Header().Set("WWW-Authenticate", challenge)
				refuse(w, wire.Unauthorized, "send the administrators' token as Authorization: Bearer, never in the URL")
				return
			}
			scheme, token, _ := strings.Cut(given[0], " ")
			if len(given) != 1 || !strings.EqualFold(scheme, "bearer") || !equal(token) {
				w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
				refuse(w, wire.Unauthorized, "this is not the administrators' token")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

const challenge = `Bearer realm="portcullis admin"`
