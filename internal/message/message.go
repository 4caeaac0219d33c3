// Package message holds what travels: one publication on one channel, and its place in that channel's order.
package message

import (
	"log/slog"
	"time"

	"portcullis/internal/channel"
)

// Position is a place in a channel's order. Within an epoch offsets only grow; they need not be consecutive.
// The zero Position belongs to a channel without history: it names no place.
type Position struct {
	Offset uint64
	Epoch  string
}

// Sender says who published. The gateway fills it in from the publisher's principal; nothing of it comes from the client.
type Sender struct {
	User       string
	Connection string // empty when the publisher had no connection
}

// Message is one publication. It is immutable once it was handed to a broker: many readers share Data.
type Message struct {
	Channel channel.Ref
	From    Sender
	// Time is when the gateway accepted the publication. Clients see its milliseconds; its monotonic
	// reading, where the message never left the process, times the delivery.
	Time time.Time
	// Data is the payload as a JSON text, exactly as the publisher wrote it, or any bytes where it is Binary.
	Data   []byte
	Binary bool
	// Sealed says that Data is an end-to-end encrypted message, whose form was checked (internal/envelope).
	Sealed bool

	// Position and Previous are given by the engine; both are zero on channels without history.
	// Previous is the offset before this one on the same channel, 0 when nothing before is stored any more.
	Position Position
	Previous uint64
}

// LogValue keeps the payload out of every log.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("tenant", m.Channel.Tenant.String()),
		slog.String("channel", m.Channel.Name.String()),
		slog.Int("bytes", len(m.Data)),
	)
}
