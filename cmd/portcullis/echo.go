package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func echoCommand(s *shell) *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use: "echo CHANNEL TEXT", Short: "Send a text to the gateway and print what comes back, and how long that took",
		Long: "Send a text to the gateway, on a channel where the rules let this user echo, and print what comes back and how long that took." + whereTo,
		Example: `  portcullis echo lab:rtt 'Hello, Secure World!'
  portcullis echo --url wss://edge.example.com --token-file token.jwt lab:rtt hello`,
		Args: takes("CHANNEL", "TEXT"),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			return s.echo(cmd.Context(), t, args[0], args[1], asJSON)
		}),
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

func (s *shell) echo(ctx context.Context, t target, channel, text string, asJSON bool) error {
	conn, err := s.dial(ctx, t)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, answerBy)
	defer cancel()
	start := time.Now()
	back, err := conn.Echo(ctx, channel, text)
	if err != nil {
		return fmt.Errorf("echo on %s: %w", channel, err)
	}
	took := time.Since(start)
	var echoed string
	if err := json.Unmarshal(back, &echoed); err != nil || echoed != text {
		return fmt.Errorf("echo on %s: %d bytes came back, and not the text that was sent", channel, len(back))
	}
	if asJSON {
		return printJSON(s.stdout, struct {
			Channel     string  `json:"channel"`
			Echo        string  `json:"echo"`
			RoundTripMS float64 `json:"round_trip_ms"`
		}{channel, echoed, float64(took.Microseconds()) / 1000})
	}
	fmt.Fprintf(s.stdout, "Echo: %s\nround trip: %v\n", echoed, took.Round(time.Microsecond))
	return nil
}
