package doctor_test

import (
	"context"
	"sync"

	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/doctor"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// town is every member that the doctor plays, so that a fault can reach from one to another.
type town struct {
	mu      sync.Mutex
	members []*citizen
}

// citizen is a member with a fault: each func that is set is asked in the place of the verb, and has the verb itself.
type citizen struct {
	doctor.Member
	town       *town
	tenant     tenant.ID
	principal  *auth.Principal
	subscriber hub.Subscriber
	hears      map[string]bool

	echo        func(c *citizen, name string) *wire.Fault
	publish     func(c *citizen, name string, data []byte) *wire.Fault
	subscribe   func(c *citizen, name string) *wire.Fault
	unsubscribe func(c *citizen, name string) *wire.Fault
	history     func(c *citizen, name string, how hub.Reading) (*hub.Read, *wire.Fault)
	presence    func(c *citizen, name string, f func(wire.Attendance)) *wire.Fault
}

// others returns the members of other tenants who hear a name.
func (c *citizen) others(name string) (all []*citizen) {
	c.town.mu.Lock()
	defer c.town.mu.Unlock()
	for _, o := range c.town.members {
		if o.tenant != c.tenant && o.hears[name] {
			all = append(all, o)
		}
	}
	return all
}

func (c *citizen) Echo(name string, p hub.Publication) *wire.Fault {
	if c.echo != nil {
		return c.echo(c, name)
	}
	return c.Member.Echo(name, p)
}

func (c *citizen) Publish(ctx context.Context, name string, p hub.Publication) (broker.Receipt, *wire.Fault) {
	if c.publish != nil {
		if f := c.publish(c, name, p.Data); f != nil {
			return broker.Receipt{}, f
		}
	}
	return c.Member.Publish(ctx, name, p)
}

func (c *citizen) Subscribe(ctx context.Context, name string, how hub.Start, confirm func(hub.Begun)) *wire.Fault {
	if c.subscribe != nil {
		if f := c.subscribe(c, name); f != nil {
			return f
		}
	}
	f := c.Member.Subscribe(ctx, name, how, confirm)
	if f == nil {
		c.hears[name] = true
	}
	return f
}

func (c *citizen) Unsubscribe(name string) *wire.Fault {
	delete(c.hears, name)
	if c.unsubscribe != nil {
		if f := c.unsubscribe(c, name); f != nil {
			return f
		}
	}
	return c.Member.Unsubscribe(name)
}

func (c *citizen) Leave() {
	clear(c.hears)
	c.Member.Leave()
}

func (c *citizen) History(ctx context.Context, name string, how hub.Reading) (*hub.Read, *wire.Fault) {
	if c.history != nil {
		return c.history(c, name, how)
	}
	return c.Member.History(ctx, name, how)
}

func (c *citizen) Presence(name string, f func(wire.Attendance)) *wire.Fault {
	if c.presence != nil {
		return c.presence(c, name, f)
	}
	return c.Member.Presence(name, f)
}

// foreigners returns the members of other tenants.
func (c *citizen) foreigners() (all []*citizen) {
	c.town.mu.Lock()
	defer c.town.mu.Unlock()
	for _, o := range c.town.members {
		if o.tenant != c.tenant {
			all = append(all, o)
		}
	}
	return all
}

// settle makes every member a citizen with a fault.
func (h *house) settle(fault func(*citizen)) {
	join, town := h.Config.Join, new(town)
	h.Config.Join = func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) doctor.Member {
		c := &citizen{Member: join(t, p, place, connection, s), town: town, tenant: t.ID, principal: p, subscriber: s, hears: make(map[string]bool)}
		fault(c)
		town.mu.Lock()
		defer town.mu.Unlock()
		town.members = append(town.members, c)
		return c
	}
}
