package client

import (
	"context"
	"encoding/json"
)

// Member is one connection of a user on a channel.
type Member struct {
	User       string
	Connection string
	Info       json.RawMessage // what the tenant tells of the user; nil where that is nothing
}

// Presence is who is on a channel.
type Presence struct {
	Count   int      // of connections
	Members []Member // in no order; nil in a crowd, of which only the count is told
}

// Presence asks who is on a channel. It needs no feed of it, and the right to presence: else the [*Error] is forbidden, and not_available on a channel
// that has none.
func (k *Client) Presence(ctx context.Context, channel string) (Presence, error) {
	f, err := k.ask(ctx, request{Type: "presence", Channel: channel})
	if err != nil {
		return Presence{}, err
	}
	p := Presence{Count: f.Count}
	for _, m := range f.Members {
		p.Members = append(p.Members, Member(m))
	}
	return p, nil
}

// PresenceKind says what a [PresenceEvent] tells.
type PresenceKind string

// The kinds.
const (
	Joined PresenceKind = "join"  // a user's first connection came
	Left   PresenceKind = "leave" // a user's last connection has been gone for some seconds
	// Anew: what was known is old, after a connection was replaced too and where a full feed dropped some, and joins and leaves are told from here
	// on. Ask [Client.Presence].
	Anew PresenceKind = "anew"
	// Untold: joins and leaves are not told any more; in a crowd until Anew, with a Code never again.
	Untold PresenceKind = "untold"
)

// PresenceEvent is what a channel tells of its users.
type PresenceEvent struct {
	Kind   PresenceKind
	Member Member // with Joined and Left
	Count  int    // with Untold in a crowd
	Code   string // with Untold, where it is about this client: forbidden or not_available
}

// after is what remains to be told when e is dropped behind others that were: whether joins and leaves are told, and that some were not.
func (e *PresenceEvent) after(dropped *PresenceEvent) *PresenceEvent {
	if e.Kind == Anew || e.Kind == Untold {
		return e
	}
	if dropped != nil {
		return dropped
	}
	return &PresenceEvent{Kind: Anew}
}

func (f *Feed) presence(said *frame) {
	if f.options.OnPresence == nil {
		return
	}
	e := PresenceEvent{Kind: PresenceKind(said.Type), Member: Member(said.Member)}
	if said.Type == "join_leave" {
		e = PresenceEvent{Kind: Untold, Count: said.Count, Code: said.Code}
		if said.Told {
			e = PresenceEvent{Kind: Anew}
		}
	}
	f.queue.put(event{presence: &e})
}
