package hub

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// directory is which channels each tenant has here. A channel is noted and struck out beside the lock of its shard, in any order: what counts is how often.
type directory struct {
	// Guarded by mu, which is held for a look.
	mu      sync.Mutex
	tenants map[tenant.ID]*pages
}

// pages are one tenant's. Whoever reads a million names keeps nobody but that tenant waiting.
type pages struct {
	users int // who hold it now; guarded by the directory's mu

	// Guarded by mu.
	mu    sync.Mutex
	names map[channel.Name]int32 // 1; others for a moment, while notes overtake each other
}

// open returns a tenant's pages, to be closed. It makes them where there are none.
func (d *directory) open(id tenant.ID) *pages {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.tenants[id]
	if p == nil {
		if d.tenants == nil {
			d.tenants = make(map[tenant.ID]*pages)
		}
		p = &pages{names: make(map[channel.Name]int32)}
		d.tenants[id] = p
	}
	p.users++
	return p
}

// close gives pages back. Those of a tenant without channels leave nothing behind.
func (d *directory) close(id tenant.ID, p *pages) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.users--; p.users > 0 {
		return
	}
	p.mu.Lock() // nobody has it
	defer p.mu.Unlock()
	if len(p.names) == 0 {
		delete(d.tenants, id)
	}
}

// note counts a channel that has its first subscriber here, or, by -1, has none any more.
func (d *directory) note(ref channel.Ref, change int32) {
	p := d.open(ref.Tenant)
	p.mu.Lock()
	if n := p.names[ref.Name] + change; n != 0 {
		p.names[ref.Name] = n
	} else {
		delete(p.names, ref.Name)
	}
	p.mu.Unlock()
	d.close(ref.Tenant, p)
}

// Channels returns up to limit channels whose names begin with prefix and come after a cursor, in their order, of those of a tenant that have a subscriber on this node.
func (h *Hub) Channels(id tenant.ID, prefix, after string, limit int) []channel.Name {
	p := h.directory.open(id)
	defer h.directory.close(id, p)
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []channel.Name
	most := "" // the last that may be among them, once there are enough
	for n, there := range p.names {
		name := n.String()
		if there <= 0 || name <= after || !strings.HasPrefix(name, prefix) || most != "" && name > most {
			continue
		}
		if found = append(found, n); len(found) >= 4*limit { // so that the names of many channels are never sorted
			found = first(found, limit)
			most = found[limit-1].String()
		}
	}
	return first(found, limit)
}

// first returns the first names in their order.
func first(names []channel.Name, limit int) []channel.Name {
	slices.SortFunc(names, func(a, b channel.Name) int { return strings.Compare(a.String(), b.String()) })
	return names[:min(len(names), limit)]
}

// Head returns where a channel of a tenant is now, the zero Position where it keeps no history.
func (h *Hub) Head(ctx context.Context, t *realm.Tenant, n channel.Name) (message.Position, *wire.Fault) {
	if !t.Channels.Of(n).History.Kept() {
		return message.Position{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readBy)
	defer cancel()
	heads, err := h.broker.Heads(ctx, []channel.Ref{{Tenant: t.ID, Name: n}})
	if err != nil {
		return message.Position{}, &wire.Fault{Code: wire.Unavailable, Message: "the engine cannot say where the channel is", Retry: time.Second}
	}
	return heads[0], nil
}

// Subscriptions returns how many subscriptions to a channel there are on this node.
func (h *Hub) Subscriptions(ref channel.Ref) int {
	s := h.shard(ref)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.rooms[ref]; r != nil {
		return r.places
	}
	return 0
}
