package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

const subprotocol = "portcullis.v1.json"

// Welcome is what the gateway says first: who the client is to it.
type Welcome struct {
	Connection string // this connection's id
	Tenant     string
	User       string        // the string that rules and senders use
	Segment    string        // User as one segment of a channel's name, percent-encoded; empty where it is too long for one
	Node       string        // the gateway's node
	Expires    time.Time     // when the credential ends, and the connection with it; zero for never
	Ping       time.Duration // how often the gateway pings a quiet client
	Limits     Limits
	Chosen     []Chosen // what this connection was subscribed to without asking
}

// Chosen is a channel that the gateway subscribes this user to by itself, because the tenant's configuration or one of its services wants it so, and
// where that begins: everything behind comes. On a channel that keeps no history the position is the zero one.
type Chosen struct {
	Channel string
	Position
}

// Limits are the tenant's, by the names of its configuration. 0 is unlimited.
type Limits struct {
	MessageSize                    int `json:"message_size"` // bytes of one request
	SubscriptionsPerConnection     int `json:"subscriptions_per_connection"`
	MessagesPerSecondPerConnection int `json:"messages_per_second_per_connection"`
	BytesPerSecondPerConnection    int `json:"bytes_per_second_per_connection"`
}

// Dial connects, shows the credential and waits for the gateway's welcome. When the gateway does not let the client in, the error is a
// [*RefusedError]. The context bounds all of that, the call of Token too; once Dial has returned, it has no meaning for the connection, which
// Close ends.
func Dial(ctx context.Context, o Options) (*Conn, error) { return dial(ctx, &o, nil) }

func dial(ctx context.Context, o *Options, hear func(*frame)) (*Conn, error) {
	u, err := o.address()
	if err != nil {
		return nil, err
	}
	header, err := o.header(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(o.MaxMessage)
	c.hear = hear
	if err = c.handshake(ctx, u, header, o); err != nil {
		return nil, err
	}
	c.ws.SetReadLimit(c.maxMessage)
	if err := c.greet(ctx); err != nil {
		c.ws.CloseNow()
		return nil, fmt.Errorf("wait for the welcome of %s: %w", u.Host, err)
	}
	if hear != nil {
		for _, one := range c.welcome.Chosen {
			hear(&frame{Type: "subscribed", Channel: one.Channel, Offset: one.Offset, Epoch: one.Epoch})
		}
	}
	c.watch()
	go c.run() // Close waits for it
	return c, nil
}

func (c *Conn) handshake(ctx context.Context, u *url.URL, header http.Header, o *Options) error {
	w := o.newWay(ctx)
	err := c.upgrade(ctx, u, header, o.httpClient(w))
	if c.socket = w.end(); err != nil && c.socket != nil {
		c.socket.Close() // what net/http still does with it ends too
	}
	return err
}

func (c *Conn) upgrade(ctx context.Context, u *url.URL, header http.Header, h *http.Client) error {
	ws, answer, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient:     h,
		HTTPHeader:     header,
		Subprotocols:   []string{subprotocol},
		OnPingReceived: func(context.Context, []byte) bool { c.heard(); return true },
	})
	switch {
	case err == nil && ws.Subprotocol() == subprotocol:
		c.ws = ws
		return nil
	case err == nil:
		ws.CloseNow()
		return fmt.Errorf("connect to %s: the server did not answer subprotocol %s: it is no Portcullis gateway, or something on the way drops headers", u.Host, subprotocol)
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		return refusal(answer)
	}
	return fmt.Errorf("connect to %s: %w", u.Host, withoutURL(err))
}

// greet reads the first message, which is the welcome.
func (c *Conn) greet(ctx context.Context) error {
	kind, text, err := c.ws.Read(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.verdict(err)
	}
	var w struct {
		Type, Connection, Tenant, User, Segment, Node string
		Expires                                       int64
		PingMS                                        int64 `json:"ping_ms"`
		Limits                                        Limits
		Subscriptions                                 []Chosen
	}
	if err := json.Unmarshal(text, &w); err != nil || kind != websocket.MessageText || w.Type != "welcome" {
		return errors.New("the server said something else first: it is no Portcullis gateway")
	}
	c.welcome = Welcome{
		Connection: w.Connection, Tenant: w.Tenant, User: w.User, Segment: w.Segment, Node: w.Node,
		Ping: milliseconds(w.PingMS), Limits: w.Limits, Chosen: w.Subscriptions,
	}
	if w.Expires != 0 {
		c.welcome.Expires = time.UnixMilli(w.Expires)
	}
	return nil
}
