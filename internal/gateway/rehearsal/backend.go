package rehearsal

import (
	"context"

	"portcullis/internal/channel"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/api"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Backend does with the connections of a roster what a tenant's backends may do, as the API does. Whether they may is asked elsewhere.
type Backend struct{ Roster *gateway.Roster }

// page is the first page of a tenant's connections, of the usual length.
var page = func() api.Wanted { w, _ := api.WantedOf(nil); return w }()

// List returns ids of connections of a tenant: those of a first page.
func (b Backend) List(of tenant.ID) (ids []string) {
	for _, c := range api.List(b.Roster, of, page).Connections {
		ids = append(ids, c.Connection)
	}
	return ids
}

// Show reports whether a tenant is shown a connection.
func (b Backend) Show(of tenant.ID, connection string) bool {
	_, there := api.Show(b.Roster, of, connection)
	return there
}

// Disconnect ends a connection, and reports whether it was there.
func (b Backend) Disconnect(of tenant.ID, connection string) bool {
	return api.Disconnect(b.Roster, of, connection)
}

// DisconnectUser ends the connections of a user, and returns how many.
func (b Backend) DisconnectUser(of tenant.ID, user string) int {
	return api.DisconnectUser(b.Roster, of, user)
}

// Subscribe subscribes a connection to a channel.
func (b Backend) Subscribe(ctx context.Context, of tenant.ID, connection string, name channel.Name) *wire.Fault {
	s := b.Roster.Find(of, connection)
	if s == nil {
		return &wire.Fault{Code: wire.NotFound, Message: api.NoSuchConnection.Detail}
	}
	_, fault := s.Give(ctx, name)
	return fault
}

// Unsubscribe takes a subscription from a connection, and reports whether there was one.
func (b Backend) Unsubscribe(of tenant.ID, connection string, name channel.Name) bool {
	s := b.Roster.Find(of, connection)
	return s != nil && s.Take(name)
}
