package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var (
	// errProtocol ends a connection to a server that says what no gateway says.
	errProtocol = errors.New("the server broke the protocol " + subprotocol)
	errTooLarge = errors.New("a message is larger than Options.MaxMessage")
)

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

	Base64    []byte       `json:"base64"`
	Offset    uint64       `json:"offset"`
	Epoch     string       `json:"epoch"`
	Recovered *bool        `json:"recovered"`
	Duplicate bool         `json:"duplicate"`
	Reason    string       `json:"reason"`
	After     uint64       `json:"after"`
	Before    uint64       `json:"before"`
	Messages  []frame      `json:"messages"`
	More      bool         `json:"more"`
	Member    wireMember   `json:"member"`
	Members   []wireMember `json:"members"`
	Count     int          `json:"count"`
	Told      bool         `json:"told"`
	Expires   int64        `json:"expires"`

	Encryption string `json:"encryption"`
}

// wireMember is a member of a channel as the gateway tells it.
type wireMember struct {
	User       string          `json:"user"`
	Connection string          `json:"connection"`
	Info       json.RawMessage `json:"info"`
}

// message reads what the frame says of a publication.
func (f *frame) message(channel, epoch string) Message {
	return Message{
		Channel: channel, From: f.From, Time: time.UnixMilli(f.Time), Data: f.Data, Binary: f.Base64, Encryption: f.Encryption,
		Position: Position{Offset: f.Offset, Epoch: epoch},
	}
}

// take serves one frame. A type that it does not know is for newer clients.
func (c *Conn) take(text []byte) error {
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		return newer(text, err)
	}
	switch {
	case f.Type == "ok", f.Type == "error":
		c.answer(f)
	case c.hear != nil:
		c.hear(&f)
	case f.Type == "message":
		c.deliver(f)
	case f.Type == "unsubscribed":
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
	case "message", "ok", "error", "subscribed", "unsubscribed", "gap", "join", "leave", "join_leave", "expiring", "":
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
	Binary  []byte // instead of Data, where bytes were published
	// Encryption is "jwe" where Data is end-to-end encrypted, as it is for [Sealed], and empty where it is not. The gateway vouches for the form, and that it is
	// for this channel; only whoever holds the key can say more.
	Encryption string
	// Position is where the message stands in a channel that keeps history, and what a subscription can continue from. Of a [Conn] it has no
	// epoch: each message's is that of the subscription.
	Position
	// Lost is how many messages stood before this one and were dropped, because the subscription was full.
	Lost int
}

// Position is a place in a channel that keeps history. The zero Position is none.
type Position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

// Sender says who published. The gateway vouches for it.
type Sender struct {
	User       string `json:"user"`
	Connection string `json:"connection"` // empty when the publisher had no connection
}
