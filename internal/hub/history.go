package hub

import (
	"context"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

const (
	// pageMessages is how many messages a page of history has by default, pageMost how many it may have, and pageBytes how many bytes, about: half of an outbox.
	pageMessages = 100
	pageMost     = 1000
	pageBytes    = 512 << 10
)

// Reading is which part of a history somebody wants.
type Reading struct {
	Since   *message.Position // where to go on, exclusive; nil begins at the end
	Limit   int               // how many messages; 0 is 100, and more than 1000 is 1000
	Reverse bool              // the newest first
	Strict  bool              // not at all, rather than with something missing after Since
}

// Read is a page of a channel's history.
type Read struct {
	wire.Page
	Position message.Position // where it ends: the Since of the next
	Recovery *wire.Recovery   // nil for whoever had no Since
}

// History reads what a channel keeps.
func (m *Member) History(ctx context.Context, name string, how Reading) (*Read, *wire.Fault) {
	r, ref, fault := m.allowed(acl.History, name)
	if fault != nil {
		return nil, fault
	}
	if !r.tenant.Channels.Of(ref.Name).History.Kept() {
		return nil, &wire.Fault{Code: wire.NotAvailable, Message: "history is not available on " + ref.Name.String() + ": the channel keeps none; the operator says which do"}
	}
	ctx, cancel := context.WithTimeout(ctx, readBy)
	defer cancel()
	page, err := m.hub.page(ctx, ref, how)
	if err != nil {
		return nil, &wire.Fault{Code: wire.Unavailable, Message: "the engine does not say what it stores", Retry: time.Second}
	}
	if m.current() != r { // the engine took its time, and the right may have ended meanwhile
		if _, _, fault := m.allowed(acl.History, name); fault != nil {
			return nil, fault
		}
	}
	if how.Strict && page.Recovery != nil && !page.Recovery.Recovered {
		return nil, unrecoverable(page.Recovery.Reason)
	}
	m.hub.observer.Read(len(page.Messages))
	return page, nil
}

// page reads one page, and whether there is more.
func (h *Hub) page(ctx context.Context, ref channel.Ref, how Reading) (*Read, error) {
	limit := how.Limit
	if limit == 0 {
		limit = pageMessages
	}
	limit = min(limit, pageMost)
	var from message.Position
	if how.Since != nil {
		from = *how.Since
	}
	read := h.broker.Since
	if how.Reverse {
		read = h.broker.Before
	}
	stored, whole, err := read(ctx, ref, from, limit+1)
	if err != nil {
		return nil, err
	}
	p := &Read{Page: wire.Page{Messages: stored, More: len(stored) > limit}}
	p.cut(limit)
	if n := len(p.Messages); n > 0 {
		p.Position = p.Messages[n-1].Position
	}
	return p, h.place(ctx, ref, p, from, how.Since != nil, whole)
}

// cut leaves as much in the page as it may have, and at least one message.
func (p *Read) cut(limit int) {
	n, size := 0, 0
	for n < min(len(p.Messages), limit) {
		if size += sizeOf(&p.Messages[n]); size > pageBytes && n > 0 {
			break
		}
		n++
	}
	p.More = p.More || n < len(p.Messages)
	p.Messages = p.Messages[:n]
}

// place says where a page is: where it ends, and whether it goes on where the reader was.
func (h *Hub) place(ctx context.Context, ref channel.Ref, p *Read, from message.Position, continues, whole bool) error {
	if continues && whole {
		p.Recovery = &wire.Recovery{Recovered: true}
		if len(p.Messages) == 0 {
			p.Position = from
		}
		return nil
	}
	if !continues && len(p.Messages) > 0 {
		return nil
	}
	heads, err := h.broker.Heads(ctx, []channel.Ref{ref})
	if err != nil {
		return err
	}
	if len(p.Messages) == 0 {
		p.Position = heads[0]
	}
	if continues {
		p.Recovery = &wire.Recovery{Reason: wire.Trimmed}
		if heads[0].Epoch != from.Epoch || heads[0].Offset < from.Offset {
			p.Recovery.Reason = wire.Epoch
		}
	}
	return nil
}

// Purge forgets what a channel keeps, for whoever may manage the tenant, and returns a position behind it. Subscriptions stay, and offsets grow on.
func (m *Member) Purge(ctx context.Context, name string) (message.Position, *wire.Fault) {
	n, fault := parse(name)
	if fault != nil {
		return message.Position{}, fault
	}
	m.mu.Lock()
	r := m.rights
	m.mu.Unlock()
	if d := r.tenant.DecideManage(r.principal); !d.Allowed {
		return message.Position{}, m.hub.decided(r, acl.Manage, n, d)
	}
	if !r.tenant.Channels.Of(n).History.Kept() {
		return message.Position{}, &wire.Fault{Code: wire.NotAvailable, Message: n.String() + " keeps no history: there is nothing to forget; the operator says which channels do"}
	}
	ctx, cancel := context.WithTimeout(ctx, readBy)
	defer cancel()
	behind, err := m.hub.broker.Purge(ctx, r.ref(n))
	if err != nil {
		return message.Position{}, &wire.Fault{Code: wire.Unavailable, Message: "the engine did not forget the channel", Retry: time.Second}
	}
	return behind, nil
}

// Keeps reports whether a channel of a tenant keeps history. One that is no name does not.
func (h *Hub) Keeps(t *realm.Tenant, name string) bool {
	n, err := channel.Parse(name)
	return err == nil && t.Channels.Of(n).History.Kept()
}
