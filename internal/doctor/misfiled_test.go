package doctor_test

import (
	"context"

	"portcullis/internal/channel"
	"portcullis/internal/doctor"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// gossip is a hub that knows channels by their names alone.
type gossip struct {
	doctor.Directory
	tenants []*realm.Tenant
}

func (g gossip) Channels(_ tenant.ID, prefix, after string, limit int) (all []channel.Name) {
	for _, t := range g.tenants {
		all = append(all, g.Directory.Channels(t.ID, prefix, after, limit)...)
	}
	return all
}

// miscounted is a hub that counts subscriptions by the name alone.
type miscounted struct {
	doctor.Directory
	tenants []*realm.Tenant
}

func (m miscounted) Subscriptions(ref channel.Ref) (n int) {
	for _, t := range m.tenants {
		n += m.Directory.Subscriptions(channel.Ref{Tenant: t.ID, Name: ref.Name})
	}
	return n
}

// crowded is a roster of a rehearsal with a fault: the verb that is named reaches the connection of that id or user in every tenant.
type crowded struct {
	doctor.Rehearsal
	verb    string
	tenants []*realm.Tenant
}

// reaches are the tenants whose connections a verb reaches.
func (c crowded) reaches(verb string, of tenant.ID) []tenant.ID {
	ids := []tenant.ID{of}
	for _, t := range c.tenants {
		if verb == c.verb && t.ID != of {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func (c crowded) List(of tenant.ID) (all []string) {
	for _, id := range c.reaches("list", of) {
		all = append(all, c.Rehearsal.List(id)...)
	}
	return all
}

func (c crowded) Show(of tenant.ID, connection string) (there bool) {
	for _, id := range c.reaches("show", of) {
		there = c.Rehearsal.Show(id, connection) || there
	}
	return there
}

func (c crowded) Disconnect(of tenant.ID, connection string) (there bool) {
	for _, id := range c.reaches("disconnect", of) {
		there = c.Rehearsal.Disconnect(id, connection) || there
	}
	return there
}

func (c crowded) DisconnectUser(of tenant.ID, user string) (n int) {
	for _, id := range c.reaches("disconnect user", of) {
		n += c.Rehearsal.DisconnectUser(id, user)
	}
	return n
}

func (c crowded) Subscribe(ctx context.Context, of tenant.ID, connection string, name channel.Name) (fault *wire.Fault) {
	for _, id := range c.reaches("subscribe", of) {
		if f := c.Rehearsal.Subscribe(ctx, id, connection, name); fault == nil || f == nil || f.Code != wire.NotFound {
			fault = f
		}
	}
	return fault
}

func (c crowded) Unsubscribe(of tenant.ID, connection string, name channel.Name) (taken bool) {
	for _, id := range c.reaches("unsubscribe", of) {
		taken = c.Rehearsal.Unsubscribe(id, connection, name) || taken
	}
	return taken
}

// behind is a roster of a rehearsal that ends another tenant's connection too, and says nothing of it.
type behind struct{ crowded }

func (b behind) Disconnect(of tenant.ID, connection string) bool {
	there := b.Rehearsal.Disconnect(of, connection)
	for _, t := range b.tenants {
		if there && t.ID != of {
			b.Rehearsal.Disconnect(t.ID, connection)
		}
	}
	return there
}

// seen is a node that shows a connection to every tenant.
type seen struct{}

func (seen) List(of tenant.ID) []string {
	if of.String() == "globex" {
		return []string{"c_1"}
	}
	return nil
}
func (seen) Show(tenant.ID, string) bool { return true }

// misfile makes one verb of a rehearsal reach other tenants.
func (h *house) misfile(verb string) {
	rehearse := h.Config.Rehearse
	h.Config.Rehearse = func() doctor.Rehearsal { return crowded{rehearse(), verb, h.Tenants()} }
}
