package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// asker is a [Conn], or a [Client], which asks again on the next one.
type asker interface {
	ask(ctx context.Context, r request) (frame, error)
}

func echo(ctx context.Context, a asker, channel string, data any) (json.RawMessage, error) {
	r := request{Type: "echo", Channel: channel}
	if err := r.carry(data); err != nil {
		return nil, err
	}
	f, err := a.ask(ctx, r)
	return f.Data, err
}

func ping(ctx context.Context, a asker) (time.Time, error) {
	f, err := a.ask(ctx, request{Type: "ping"})
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(f.Time), nil
}

// Echo is [Conn.Echo] on the connection that there is: an answer that was lost with one is asked for again on the next.
func (k *Client) Echo(ctx context.Context, channel string, data any) (json.RawMessage, error) {
	return echo(ctx, k, channel, data)
}

// Ping is [Conn.Ping] on the connection that there is.
func (k *Client) Ping(ctx context.Context) (time.Time, error) { return ping(ctx, k) }

// connected returns the connection, and waits where there is none.
func (k *Client) connected(ctx context.Context) (*Conn, error) {
	for {
		k.mu.Lock()
		conn, up, err := k.conn, k.up, k.err
		k.mu.Unlock()
		if conn != nil || err != nil {
			return conn, err
		}
		select {
		case <-up:
		case <-k.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a connection: %w", ctx.Err())
		}
	}
}

// ask sends a request that may be sent twice, and sends it again where the connection took the answer with it.
func (k *Client) ask(ctx context.Context, r request) (frame, error) {
	for {
		conn, err := k.connected(ctx)
		if err != nil {
			return frame{}, err
		}
		f, err := conn.ask(ctx, r)
		if err == nil || conn.Err() == nil || !lostWith(conn, err) {
			return f, err
		}
		if err := k.pause(ctx, conn); err != nil {
			return frame{}, err
		}
	}
}

// lostWith says whether a request failed with its connection, and not by itself.
func lostWith(conn *Conn, err error) bool { return errors.Is(err, conn.Err()) }

// pause waits until a connection that ended is out of the way.
func (k *Client) pause(ctx context.Context, conn *Conn) error {
	select {
	case <-conn.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == conn {
		k.conn, k.up = nil, make(chan struct{})
	}
	return nil
}
