package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// errProtocol ends a connection to a server that says what no gateway says.
var errProtocol = errors.New("the server broke the protocol " + subprotocol)

// frame is what the gateway sends after its welcome.
type frame struct {
	Type    string          `json:"type"`
	ID      int64           `json:"id"`
	Channel string          `json:"channel"`
	Data    json.RawMessage `json:"data"`
	Time    int64           `json:"time"`
	From    Sender          `json:"from"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	RetryMS int64           `json:"retry_ms"`
}

// take serves one frame. A type that it does not know is for newer clients.
func (c *Conn) take(text []byte) error {
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		return newer(text, err)
	}
	switch f.Type {
	case "message":
		c.deliver(f)
	case "ok", "error":
		c.answer(f)
	case "unsubscribed":
		c.unsubscribed(f)
	}
	return nil
}

// newer excuses a frame that cannot be read when its type is not known either.
func newer(text []byte, err error) error {
	var head struct{ Type string }
	if json.Unmarshal(text, &head) != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	switch head.Type {
	case "message", "ok", "error", "unsubscribed", "":
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	return nil
}

// fault is the error that a frame answers with, nil for an ok.
func (f *frame) fault() error {
	if f.Type == "ok" {
		return nil
	}
	return &Error{Code: f.Code, Message: f.Message, Retry: milliseconds(f.RetryMS)}
}

// Message is what somebody published on a channel.
type Message struct {
	Channel string
	From    Sender
	Time    time.Time // when the gateway accepted it
	Data    json.RawMessage
	// Lost is how many messages stood before this one and were dropped, because the subscription was full.
	Lost int
}

// Sender says who published. The gateway vouches for it.
type Sender struct {
	User       string `json:"user"`
	Connection string `json:"connection"` // empty when the publisher had no connection
}
