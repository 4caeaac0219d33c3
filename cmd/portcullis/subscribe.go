package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"portcullis/client"
)

func subscribeCommand(s *shell) *cobra.Command {
	var t target
	var most int
	var asJSON bool
	c := &cobra.Command{
		Use: "subscribe CHANNEL...", Short: "Print what is published on channels",
		Long: `Print what is published on channels, a line for each message: channel, user, data. It goes on until it is interrupted, has printed --count
messages, or the gateway ends the connection.` + whereTo,
		Example: `  portcullis subscribe room:1 room:2
  portcullis subscribe --count 1 --json room:1`,
		Args: takes("CHANNEL..."),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if most < 0 {
				return misuse(fmt.Sprintf("--count %d is no number of messages", most))
			}
			return s.subscribe(cmd.Context(), t, args, &printer{shell: s, json: asJSON, left: most, endless: most == 0})
		}),
	}
	t.flags(c)
	c.Flags().IntVar(&most, "count", 0, "end after so many messages; 0 is without end")
	jsonFlag(c, &asJSON)
	return c
}

func (s *shell) subscribe(ctx context.Context, t target, channels []string, p *printer) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	conn, err := s.dial(ctx, t)
	if err != nil {
		return err
	}
	defer conn.Close()
	subscriptions, err := join(ctx, conn, channels)
	if err != nil {
		return interrupted(ctx, err)
	}
	w := conn.Welcome()
	fmt.Fprintf(s.stderr, "subscribed to %s as %s of %s\n", strings.Join(channels, ", "), plain(w.User), w.Tenant)
	all, ended := errgroup.WithContext(ctx)
	for _, sub := range subscriptions {
		all.Go(func() error { return p.follow(ended, sub) })
	}
	if err := all.Wait(); !errors.Is(err, errEnough) {
		return interrupted(ctx, err)
	}
	return nil
}

// join subscribes to all channels or none.
func join(ctx context.Context, conn *client.Conn, channels []string) ([]*client.Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, answerBy)
	defer cancel()
	var all []*client.Subscription
	for _, channel := range channels {
		sub, err := conn.Subscribe(ctx, channel)
		if err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", channel, err)
		}
		all = append(all, sub)
	}
	return all, nil
}

// interrupted takes the error of a command that its user ended for none.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// errEnough ends a command that has printed what it was to print.
var errEnough = errors.New("enough")

// printer writes the messages of several subscriptions.
type printer struct {
	// Set before it is used, then read-only.
	shell         *shell
	json, endless bool

	// Guarded by mu.
	mu   sync.Mutex
	left int // messages to print, unless it is endless
}

// follow prints one subscription until it or ctx ends, or the printer has printed enough.
func (p *printer) follow(ctx context.Context, sub *client.Subscription) error {
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("subscription to %s: %w", sub.Channel(), err)
		}
		if err := p.print(m); err != nil {
			return err
		}
	}
}

func (p *printer) print(m client.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.endless && p.left == 0 {
		return errEnough
	}
	if err := p.write(m); err != nil {
		return err
	}
	if p.left--; !p.endless && p.left == 0 {
		return errEnough
	}
	return nil
}

func (p *printer) write(m client.Message) error {
	if m.Lost > 0 {
		fmt.Fprintf(p.shell.stderr, "%s on %s came faster than they could be printed, and are lost\n", count(m.Lost, "message"), m.Channel)
	}
	if !p.json {
		_, err := fmt.Fprintf(p.shell.stdout, "%s %s %s\n", m.Channel, plain(m.From.User), plain(string(m.Data)))
		return err
	}
	e := json.NewEncoder(p.shell.stdout) // one message on one line, for programs that read as they come
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Channel string          `json:"channel"`
		From    client.Sender   `json:"from"`
		Time    time.Time       `json:"time"`
		Data    json.RawMessage `json:"data"`
		Lost    int             `json:"lost,omitempty"`

		Encryption string `json:"encryption,omitempty"`
	}{m.Channel, m.From, m.Time, m.Data, m.Lost, m.Encryption})
}
