package door

import (
	"net/http"

	"portcullis/internal/auth/ticket"
)

// checkOrigin compares a page's origin with its tenant's list. A program that is no page sends none, and has shown a credential that no page sends by itself.
func checkOrigin(r *http.Request, allows func(origin string) bool) error {
	origins := r.Header.Values("Origin")
	switch {
	case len(origins) == 0:
		return nil
	case len(origins) > 1:
		return Reject(OriginRefused, "%d Origin headers", len(origins))
	case !allows(origins[0]):
		return Reject(OriginRefused, "origin %.100q is not in the tenant's list", origins[0])
	}
	return nil
}

// OriginOf returns the page's origin, or that there is none. Several are taken for one that no page has.
func OriginOf(r *http.Request) ticket.Origin {
	origins := r.Header.Values("Origin")
	switch len(origins) {
	case 0:
		return ticket.Origin{}
	case 1:
		return ticket.Origin{Value: origins[0], Present: true}
	}
	return ticket.Origin{Value: "several", Present: true}
}

// How long a browser may remember the answer to its preflight.
const preflightAge = "600"

// Open lets pages of the tenants' lists use a path: it answers their preflight (Fetch, section 4.8) and lets them read every answer, errors too. Whether
// the request itself is allowed is asked by the origins of its own tenant. No credentials are allowed that a browser sends by itself.
func (d *Door) Open(methods string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := OriginOf(r).Value
		if d.config.Realms.Current().KnowsOrigin(origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate")
		}
		if r.Method != http.MethodOptions {
			next(w, r)
			return
		}
		h.Set("Allow", methods+", OPTIONS")
		if h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", methods)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, Idempotency-Key")
			h.Set("Access-Control-Max-Age", preflightAge)
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
