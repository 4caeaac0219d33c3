package admin

import (
	"encoding/json"
	"net/http"

	"portcullis/internal/wire"
)

// problem answers with an error (RFC 9457).
func problem(w http.ResponseWriter, code wire.Code, detail string) {
	write(w, code.Status(), code, detail)
}

// write is problem with a status that the table of codes does not have.
func write(w http.ResponseWriter, status int, code wire.Code, detail string) {
	body, _ := json.Marshal(struct {
		Type   string    `json:"type"`
		Title  string    `json:"title"`
		Status int       `json:"status"`
		Detail string    `json:"detail"`
		Code   wire.Code `json:"code"`
	}{"about:blank", http.StatusText(status), status, detail, code})
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
