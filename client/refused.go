package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RefusedError is a handshake that was answered with something else than a WebSocket.
type RefusedError struct {
	Status     int    // of HTTP
	Code       string // one of api/codes.md; empty when it was not the gateway that answered
	Detail     string // for people
	Instance   string // by which the gateway's operator finds the reason in the log
	RetryAfter time.Duration
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the handshake was refused: %d %s", e.Status, http.StatusText(e.Status))
	for _, part := range []struct{ before, text string }{{", ", e.Code}, {": ", e.Detail}, {", instance ", e.Instance}} {
		if part.text != "" {
			text += part.before + part.text
		}
	}
	return text
}

// Advice says whether another attempt can end better.
func (e *RefusedError) Advice() Advice {
	switch {
	case e.Status == http.StatusUnauthorized:
		return Renew
	case e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return BackOff
	}
	return Stop
}

// problemMost bounds what is read of a refusal's body; the library keeps no more of it either.
const problemMost = 1024

// refusal reads the answer's problem (RFC 9457), where it has one.
func refusal(answer *http.Response) *RefusedError {
	e := &RefusedError{Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header.Get("Retry-After"), time.Now())}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "application/problem+json" {
		return e
	}
	var problem struct{ Code, Detail, Instance string }
	body, err := io.ReadAll(io.LimitReader(answer.Body, problemMost))
	if err == nil && json.Unmarshal(body, &problem) == nil {
		e.Code, e.Detail, e.Instance = problem.Code, problem.Detail, problem.Instance
	}
	return e
}

// retryAfter reads seconds, or a date (RFC 9110, section 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
