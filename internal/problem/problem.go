// Package problem writes errors as problem documents (RFC 9457), the same on the edge and on the admin listener.
package problem

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"portcullis/internal/wire"
)

// Problem is one error as an HTTP answer.
type Problem struct {
	Code     wire.Code
	Status   int           // 0 for the code's own
	Detail   string        // for the client: what is wrong with this request, and the remedy
	Instance string        // a URN that the operator finds in the log; empty for none
	Retry    time.Duration // at most when to come again; 0 where nobody knows, or where that does not help
}

// document is the body, as RFC 9457, section 3.1, names its members.
type document struct {
	Type     string    `json:"type"`
	Title    string    `json:"title"`
	Status   int       `json:"status"`
	Detail   string    `json:"detail,omitempty"`
	Instance string    `json:"instance,omitempty"`
	Code     wire.Code `json:"code"`
}

// Methods returns the methods that a path answers, as an Allow header has them (RFC 9110, section 10.2.1).
func Methods(answers func(method string) bool) string {
	var all []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		if answers(method) {
			all = append(all, method)
		}
	}
	return strings.Join(all, ", ")
}

// Write answers with p. Headers that the caller set before stay.
func Write(w http.ResponseWriter, p Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if seconds := p.seconds(); seconds > 0 {
		// Spread, so that everybody who was refused at once does not come back at once.
		h.Set("Retry-After", strconv.Itoa(1+rand.IntN(seconds)))
	}
	w.WriteHeader(p.status())
	body := json.NewEncoder(w)
	body.SetEscapeHTML(false) // it is no HTML, and people read it
	_ = body.Encode(p.Document())
}

// comeBack is when to come again where nobody knows when that helps: somebody else must leave a place, or the engine come back.
const comeBack = 5 * time.Second

// seconds is at most when to come again, 0 where that does not help. Whoever met a limit, or found nobody to serve it, is always told.
func (p Problem) seconds() int {
	retry := p.Retry
	if status := p.status(); retry == 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		retry = comeBack
	}
	return int((retry + time.Second - 1) / time.Second)
}

// Document returns p as JSON has it, for an answer that holds one.
func (p Problem) Document() any {
	status := p.status()
	return document{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: p.Detail, Instance: p.Instance, Code: p.Code,
	}
}

func (p Problem) status() int {
	if p.Status != 0 {
		return p.Status
	}
	return p.Code.Status()
}
