package story

import (
	"context"
	"crypto/tls"
	"sync"

	"portcullis/client"
)

// stage is the story from the clients' side: who is connected, who listens to room:lobby, and what the gateway must have counted.
type stage struct {
	gateway Gateway
	cast    *Cast

	all       []*client.Conn
	speakers  map[string]*client.Conn         // by token
	listeners map[string]*client.Subscription // by token, to room:lobby
	tally     []count
}

func newStage(g Gateway, c *Cast) *stage {
	return &stage{
		gateway:   g,
		cast:      c,
		speakers:  make(map[string]*client.Conn),
		listeners: make(map[string]*client.Subscription),
	}
}

// dial connects with a token, certificates or both. clear closes what it opens.
func (s *stage) dial(ctx context.Context, token string, certificates ...tls.Certificate) (*client.Conn, error) {
	conn, err := client.Dial(ctx, s.options(token, certificates...))
	if err != nil {
		return nil, err
	}
	s.all = append(s.all, conn)
	s.count(admissions)
	return conn, nil
}

func (s *stage) options(token string, certificates ...tls.Certificate) client.Options {
	o := client.Options{
		URL: s.gateway.URL,
		TLS: &tls.Config{RootCAs: s.gateway.Roots, Certificates: certificates, MinVersion: tls.VersionTLS13},
	}
	if token != "" {
		o.Token = func(context.Context) (string, error) { return token, nil }
	}
	return o
}

// as returns the connection of a token's user.
func (s *stage) as(ctx context.Context, token string) (conn *client.Conn, err error) {
	if conn = s.speakers[token]; conn == nil {
		if conn, err = s.dial(ctx, token); err == nil {
			s.speakers[token] = conn
		}
	}
	return conn, err
}

// listener returns the subscription of a token's user to room:lobby.
func (s *stage) listener(ctx context.Context, token string) (*client.Subscription, error) {
	if l := s.listeners[token]; l != nil {
		return l, nil
	}
	conn, err := s.as(ctx, token)
	if err != nil {
		return nil, err
	}
	l, err := conn.Subscribe(ctx, lobby)
	if err == nil {
		s.listeners[token] = l
	}
	return l, err
}

func (s *stage) publish(ctx context.Context, token, channel, data string) error {
	conn, err := s.as(ctx, token)
	if err != nil {
		return err
	}
	_, err = conn.Publish(ctx, channel, data)
	return err
}

// clear says goodbye for all, together.
func (s *stage) clear() {
	var all sync.WaitGroup
	for _, c := range s.all {
		all.Go(c.Close)
	}
	all.Wait()
}
