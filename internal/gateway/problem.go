package gateway

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"portcullis/internal/wire"
)

// problem is the body of every error (RFC 9457).
type problem struct {
	Type     string    `json:"type"`
	Title    string    `json:"title"`
	Status   int       `json:"status"`
	Detail   string    `json:"detail,omitempty"`
	Instance string    `json:"instance,omitempty"`
	Code     wire.Code `json:"code"`
}

// writeProblem answers with an error and closes the connection: whatever sent the request may have meant what followed it as frames.
func writeProblem(w http.ResponseWriter, code wire.Code, detail, instance string, retry time.Duration) {
	status := code.Status()
	body, _ := json.Marshal(problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Instance: instance, Code: code,
	})
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	if status == http.StatusUpgradeRequired {
		h.Set("Upgrade", "websocket")
		h.Set("Sec-WebSocket-Version", "13")
	}
	if retry > 0 {
		// Spread, so that everybody who was refused at once does not come back at once.
		h.Set("Retry-After", strconv.Itoa(1+rand.IntN(int(retry/time.Second))))
	}
	w.WriteHeader(status)
	w.Write(body)
}

// challenge says how to authenticate (RFC 6750, section 3). Without a credential there is no error to tell.
func challenge(code wire.Code, missing bool) string {
	const realm = `Bearer realm="portcullis"`
	switch {
	case missing:
		return realm
	case code == wire.TokenExpired:
		return realm + `, error="invalid_token", error_description="the token has expired"`
	}
	return realm + `, error="invalid_token"`
}
