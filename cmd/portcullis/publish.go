package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func publishCommand(s *shell) *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use: "publish CHANNEL DATA", Short: "Publish one message on a channel",
		Long: `Publish one message on a channel. DATA that is valid JSON is sent as it stands, anything else as a JSON string. The command returns when the
gateway's engine has the message.` + whereTo,
		Example: `  portcullis publish room:1 '{"text":"hi"}'
  portcullis publish room:1 'this is sent as a string'`,
		Args: takes("CHANNEL", "DATA"),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			return s.publish(cmd.Context(), t, args[0], args[1], asJSON)
		}),
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return c
}

func (s *shell) publish(ctx context.Context, t target, channel, data string, asJSON bool) error {
	conn, err := s.dial(ctx, t)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, answerBy)
	defer cancel()
	at, err := conn.Publish(ctx, channel, payload(data))
	if err != nil {
		return fmt.Errorf("publish on %s: %w", channel, err)
	}
	if asJSON {
		return printJSON(s.stdout, struct {
			Channel string `json:"channel"`
			Offset  uint64 `json:"offset,omitempty"` // where the channel keeps history
			Epoch   string `json:"epoch,omitempty"`
		}{channel, at.Offset, at.Epoch})
	}
	fmt.Fprintln(s.stdout, "published on", channel)
	return nil
}

// payload is data as it stands where it is JSON, else as a JSON string.
func payload(data string) any {
	if json.Valid([]byte(data)) {
		return json.RawMessage(data)
	}
	return data
}
