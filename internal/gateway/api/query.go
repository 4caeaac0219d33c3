package api

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"
)

// UsualPage and MostPage are how many entries a page has, and may have.
const (
	UsualPage = 100
	MostPage  = 1000
)

// Limit reads how many entries somebody wants.
func Limit(text string) (n int, ok bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= MostPage && strconv.Itoa(n) == text
}

// Bare takes a query away before the door looks, which takes every query for a credential in the wrong place. One that has another name in it than those that the path
// knows stays.
func Bare(r *http.Request, known ...string) (bare *http.Request, q url.Values) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	others := len(q)
	for _, name := range known {
		if q.Has(name) {
			others--
		}
	}
	if err != nil || others > 0 {
		return r, q
	}
	here := *r.URL
	here.RawQuery, here.ForceQuery = "", false
	r = r.WithContext(r.Context())
	r.URL = &here
	return r, q
}

// Segment returns a part of a path, decoded once.
func Segment(r *http.Request, name string) (text string, ok bool) {
	text = chi.URLParam(r, name)
	if r.URL.RawPath == "" { // net/http has decoded it
		return text, true
	}
	text, err := url.PathUnescape(text)
	return text, err == nil
}
