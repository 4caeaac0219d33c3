package client

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

var (
	// ErrClosed is what [Conn.Err] tells after [Conn.Close], and [Client.Err] after [Client.Close].
	ErrClosed = errors.New("the connection was closed by this client")
	// ErrUncertain is a publication whose answer was lost and that cannot be repeated without harm.
	ErrUncertain = errors.New("the message may or may not have been delivered: its answer was lost")
	// ErrUnsubscribed ends a subscription that this client left.
	ErrUnsubscribed = errors.New("the subscription was ended by this client")
)

// Advice is what to do about an end, or a refusal.
type Advice string

// The advices.
const (
	Reconnect Advice = "reconnect" // after Retry, at once where that is 0
	BackOff   Advice = "back off"  // reconnect after a pause that grows from one attempt to the next, at least Retry
	Renew     Advice = "renew"     // get a new credential, then reconnect
	Stop      Advice = "stop"      // the next attempt would end as this one did
)

// Error is a request that was answered with an error. The connection stays.
type Error struct {
	Code    string        // one of api/codes.md, such as forbidden
	Message string        // for people
	Retry   time.Duration // when a retry may help; 0 where none does
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// CloseError is a connection that this client did not end.
type CloseError struct {
	// Code is the WebSocket close code (RFC 6455, section 7.4); 1006 for a connection that broke without a word.
	Code   int
	Reason string        // the gateway's name of the code, such as draining; else the text that came with it
	Retry  time.Duration // how long the gateway asks the client to wait

	cause error
}

// lost is never sent: it stands for a connection that ended without a close frame (RFC 6455, section 7.4.1).
const lost = int(websocket.StatusAbnormalClosure)

func (e *CloseError) Error() string {
	if e.Code == lost {
		return "the connection was lost: " + e.Reason
	}
	text := "the connection was closed: " + strconv.Itoa(e.Code)
	if e.Reason != "" {
		text += " " + e.Reason
	}
	if e.Retry > 0 {
		text += ", retry after " + e.Retry.String()
	}
	return text
}

// Unwrap returns what broke the connection, nil when it was closed with a code.
func (e *CloseError) Unwrap() error { return e.cause }

// Advice is what the band of the code asks for.
func (e *CloseError) Advice() Advice {
	switch e.Code / 100 {
	case 40:
		return Reconnect
	case 41:
		return BackOff
	case 42:
		return Renew
	}
	switch websocket.StatusCode(e.Code) {
	case websocket.StatusAbnormalClosure:
		return BackOff
	// The gateway sends none of these; proxies do that restart, or lost the gateway.
	case websocket.StatusGoingAway, websocket.StatusInternalError, websocket.StatusServiceRestart, websocket.StatusTryAgainLater, websocket.StatusBadGateway:
		return BackOff
	}
	return Stop
}

// closed reads the gateway's reason, {"code":"draining","retry_ms":8000}. Somebody else's stays as it is.
func closed(ce websocket.CloseError) *CloseError {
	e := &CloseError{Code: int(ce.Code), Reason: ce.Reason}
	var reason struct {
		Code    string
		RetryMS int64 `json:"retry_ms"`
	}
	if json.Unmarshal([]byte(ce.Reason), &reason) == nil && reason.Code != "" {
		e.Reason, e.Retry = reason.Code, milliseconds(reason.RetryMS)
	}
	return e
}

// milliseconds reads a duration of the wire. What no clock can hold is no duration.
func milliseconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	if n < 0 || n > most {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}
