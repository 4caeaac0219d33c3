package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// request is a frame of this client. The id stands before the data, so that a gateway that stumbles over the data knows whom to answer.
type request struct {
	Type    string          `json:"type"`
	ID      int64           `json:"id"`
	Channel string          `json:"channel,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`

	Base64    []byte    `json:"base64,omitzero"`
	Key       string    `json:"idempotency_key,omitempty"`
	Since     *Position `json:"since,omitempty"`
	Strict    bool      `json:"strict,omitempty"`
	JoinLeave bool      `json:"join_leave,omitempty"`
	Limit     int       `json:"limit,omitempty"`
	Reverse   bool      `json:"reverse,omitempty"`
	Token     string    `json:"token,omitempty"`

	Encryption string `json:"encryption,omitempty"`
}

// Binary is data for Publish that goes as bytes: it arrives in [Message].Binary.
type Binary []byte

// Sealed is data for Publish and Echo that is end-to-end encrypted: a JWE in its compact form (RFC 7516) for that channel. It arrives in [Message].Data as a
// JSON string, with "jwe" as [Message].Encryption.
type Sealed string

// publication is a request to publish data.
func publication(channel string, data any) (request, error) {
	r := request{Type: "publish", Channel: channel}
	if b, ok := data.(Binary); ok {
		r.Base64 = append([]byte{}, b...)
		return r, nil
	}
	return r, r.carry(data)
}

// carry gives a request its data.
func (r *request) carry(data any) error {
	text, err := encode(data)
	if err != nil {
		return fmt.Errorf("encode the data: %w", err)
	}
	if _, ok := data.(Sealed); ok {
		r.Encryption = "jwe"
	}
	r.Data = text
	return nil
}

// call is a request that waits for its one answer.
type call struct {
	id     int64
	answer chan frame   // holds the one
	first  func(*frame) // hears the answer before anything behind it is read; may be nil
}

// Echo sends data to a channel and returns what comes back, to this client alone: the same JSON value. Data is anything that encoding/json can
// write; a json.RawMessage goes as it is, and [Sealed] as what is end-to-end encrypted.
func (c *Conn) Echo(ctx context.Context, channel string, data any) (json.RawMessage, error) {
	return echo(ctx, c, channel, data)
}

// Publish sends data to everybody who hears a channel, and returns when the gateway's engine has it. Data is what it is for [Conn.Echo],
// or [Binary].
func (c *Conn) Publish(ctx context.Context, channel string, data any) (Published, error) {
	r, err := publication(channel, data)
	if err != nil {
		return Published{}, err
	}
	f, err := c.ask(ctx, r)
	if err != nil {
		return Published{}, err
	}
	return f.published(), nil
}

// Ping asks the gateway for its time. How long the answer takes is the round trip through the gateway's session.
func (c *Conn) Ping(ctx context.Context) (time.Time, error) { return ping(ctx, c) }

// ask sends a request and returns its ok.
func (c *Conn) ask(ctx context.Context, r request) (frame, error) {
	p, err := c.send(ctx, r)
	if err != nil {
		return frame{}, err
	}
	f, answered := c.wait(ctx, p)
	if !answered {
		c.forget(p)
		return frame{}, c.unanswered(ctx)
	}
	return f, f.fault()
}

// send gives a request its id and hands it to the writer. On an error nothing was sent.
func (c *Conn) send(ctx context.Context, r request) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, text, err := c.prepare(r, nil)
	if err != nil {
		return nil, err
	}
	if err := c.hand(ctx, text); err != nil {
		c.forget(p)
		return nil, err
	}
	return p, nil
}

// prepare makes a place for the answer of a request, and writes the request as text. first may be nil.
func (c *Conn) prepare(r request, first func(*frame)) (*call, []byte, error) {
	p, err := c.expect(first)
	if err != nil {
		return nil, nil, err
	}
	r.ID = p.id
	text, err := c.spell(r)
	if err != nil {
		c.forget(p)
		return nil, nil, err
	}
	return p, text, nil
}

// hand gives text to the writer. On an error nothing was sent.
func (c *Conn) hand(ctx context.Context, text []byte) error {
	select {
	case c.out <- text:
		return nil
	case <-ctx.Done():
	case <-c.ending:
	}
	return c.unanswered(ctx)
}

// spell writes a request as text and keeps from the gateway what it would close the connection for.
func (c *Conn) spell(r request) ([]byte, error) {
	text, err := encode(r)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the data is not UTF-8, which JSON is")
	}
	if most := c.welcome.Limits.MessageSize; most > 0 && len(text) > most {
		return nil, &Error{Code: "too_large", Message: fmt.Sprintf("the request has %d bytes, and message_size of this tenant is %d", len(text), most)}
	}
	return text, nil
}

// encode writes a value as JSON on one line, and leaves < > & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// expect makes a place for an answer.
func (c *Conn) expect(first func(*frame)) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	c.lastID++
	p := &call{c.lastID, make(chan frame, 1), first}
	c.calls[p.id] = p
	return p, nil
}

// forget gives the place up. An answer that comes nevertheless is dropped.
func (c *Conn) forget(p *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, p.id)
}

// answer brings a frame to the call that waits for it. It never waits.
func (c *Conn) answer(f frame) {
	c.mu.Lock()
	p := c.calls[f.ID]
	delete(c.calls, f.ID)
	c.mu.Unlock()
	if p == nil {
		return
	}
	if p.first != nil {
		p.first(&f)
	}
	p.answer <- f
}

// wait returns the answer, or false when the context or the connection ended before.
func (c *Conn) wait(ctx context.Context, p *call) (f frame, answered bool) {
	select {
	case f = <-p.answer:
		return f, true
	case <-ctx.Done():
	case <-c.ending:
	}
	select {
	case f = <-p.answer: // it came first
		return f, true
	default:
		return frame{}, false
	}
}

// unanswered says what was in the way of an answer.
func (c *Conn) unanswered(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	return ctx.Err()
}
