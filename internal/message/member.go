package message

import "log/slog"

// Member is one connection that is on a channel, and whose.
type Member struct {
	User       string
	Connection string
	// Info is what the user's identity service says of the user to everybody else there: a JSON text without line breaks, "" where it says nothing. Nothing of it comes from the client.
	Info string
}

// LogValue keeps the info out of every log: it is the identity service's to show.
func (m Member) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", m.User), slog.String("connection", m.Connection))
}
