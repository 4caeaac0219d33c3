package doctor

import (
	"context"
	"log/slog"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Config is the running node, as far as its walls are concerned.
type Config struct {
	// Tenants returns all tenants as they are now.
	Tenants func() []*realm.Tenant
	// Join makes a member of the hub.
	Join func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) Member
	// Speak makes a speaker of the hub.
	Speak func(t *realm.Tenant, p *auth.Principal) Speaker
	// Dialect is spoken with the members that the doctor plays.
	Dialect   wire.Dialect
	Directory Directory
	Engine    Engine
	Ledger    Ledger
	Tickets   Tickets
	// Connections are those of this node, of which nothing is ended.
	Connections Connections
	// Rehearse opens a rehearsal, which the doctor closes.
	Rehearse func() Rehearsal
	// Live calls f with everybody who is connected to this node.
	Live func(f func(*auth.Principal))
	// Metrics returns what a scraper reads of this node, and of one to which nothing has happened.
	Metrics, Quiet func() (string, error)
	// Named and QuietNamed return the same of the page that names tenants.
	Named, QuietNamed func() (string, error)
	Log               *slog.Logger
}

// Member is what a connection holds of the hub. What is said of [hub.Member] holds.
type Member interface {
	Echo(name string, p hub.Publication) *wire.Fault
	Publish(ctx context.Context, name string, p hub.Publication) (broker.Receipt, *wire.Fault)
	Subscribe(ctx context.Context, name string, how hub.Start, confirm func(hub.Begun)) *wire.Fault
	Unsubscribe(name string) *wire.Fault
	History(ctx context.Context, name string, how hub.Reading) (*hub.Read, *wire.Fault)
	Presence(name string, f func(wire.Attendance)) *wire.Fault
	Leave()
}

// Speaker is what a request over HTTP holds of the hub. What is said of [hub.Speaker] holds.
type Speaker interface {
	Publish(ctx context.Context, name string, p hub.Publication) (broker.Receipt, *wire.Fault)
	History(ctx context.Context, name string, how hub.Reading) (*hub.Read, *wire.Fault)
	Presence(name string, f func(wire.Attendance)) *wire.Fault
	Purge(ctx context.Context, name string) (message.Position, *wire.Fault)
}

// Directory is the part of [hub.Hub] that knows which channels have subscribers.
type Directory interface {
	Channels(id tenant.ID, prefix, after string, limit int) []channel.Name
	Subscriptions(ref channel.Ref) int
}

// Connections are what a tenant's backends see of its connections.
type Connections interface {
	// List returns the ids of some of them.
	List(of tenant.ID) []string
	Show(of tenant.ID, connection string) bool
}

// Rehearsal is connections that nobody made, apart from those of the node, and what a tenant's backends may do with its own.
type Rehearsal interface {
	Connections
	Disconnect(of tenant.ID, connection string) bool
	DisconnectUser(of tenant.ID, user string) int
	Subscribe(ctx context.Context, of tenant.ID, connection string, name channel.Name) *wire.Fault
	Unsubscribe(of tenant.ID, connection string, name channel.Name) bool
	// Enter makes a connection. leave ends it where nobody has, and reports whether somebody had.
	Enter(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string) (leave func() (dismissed bool), ok bool)
	// Close ends those that are left. It may be called again.
	Close()
}

// Engine is the part of [broker.Broker] that keeps history.
type Engine interface {
	Publish(ctx context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error)
	Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) (page []message.Message, complete bool, err error)
	Purge(ctx context.Context, ref channel.Ref) (message.Position, error)
}

// Ledger is the part of [revocation.Ledger] that ends credentials.
type Ledger interface {
	Revoke(ctx context.Context, r revocation.Revocation) error
	Lift(ctx context.Context, of tenant.ID, id string) (bool, error)
	Check(p *auth.Principal, now time.Time) error
}

// Tickets is what [ticket.Office] does.
type Tickets interface {
	Mint(ctx context.Context, p *auth.Principal, origin ticket.Origin, now time.Time) (ticket string, expires time.Time, err error)
	Redeem(ctx context.Context, text string, origin ticket.Origin, certificate [32]byte, now time.Time) (*auth.Principal, error)
}
