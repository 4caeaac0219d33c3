package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
)

// UsualPage and MostPage are how many entries a page has, and may have.
const (
	UsualPage = 100
	MostPage  = 1000
)

// Once refuses a query in which a name stands that is none of those known, or one that stands twice: somebody in between may take another of the two.
func Once(q url.Values, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		switch {
		case !slices.Contains(known, name):
			return Unreadable(fmt.Sprintf("%.64q has no place in this query; it may have %s", name, strings.Join(known, ", ")))
		case len(q[name]) > 1:
			return Unreadable(fmt.Sprintf("%s stands %d times in the query: readers disagree which one counts; send it once", name, len(q[name])))
		}
	}
	return nil
}

// Limit reads how many entries somebody wants, [UsualPage] where nobody says.
func Limit(q url.Values) (int, error) {
	if !q.Has("limit") {
		return UsualPage, nil
	}
	text := q.Get("limit")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MostPage || strconv.Itoa(n) != text {
		return 0, Unreadable(fmt.Sprintf("limit %.64q is no whole number from 1 to %d; send one, or none for %d", text, MostPage, UsualPage))
	}
	return n, nil
}

// NoCursor refuses a cursor that no page of a list ends with. One of another list would begin somewhere, and what is before that would be missing without a word.
func NoCursor(text, list string) error {
	return Unreadable(fmt.Sprintf("cursor %.64q is none of a page of %s; send the next of the page before as it stands, or no cursor for the first page", text, list))
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
