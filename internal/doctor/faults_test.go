package doctor_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/doctor"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
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
	subscriber hub.Subscriber
	hears      map[string]bool

	echo        func(c *citizen, name string) *wire.Fault
	publish     func(c *citizen, name string, data []byte) *wire.Fault
	subscribe   func(c *citizen, name string) *wire.Fault
	unsubscribe func(c *citizen, name string) *wire.Fault
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

func (c *citizen) Echo(name string) *wire.Fault {
	if c.echo != nil {
		return c.echo(c, name)
	}
	return c.Member.Echo(name)
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

// settle makes every member a citizen with a fault.
func (h *house) settle(fault func(*citizen)) {
	join, town := h.Config.Join, new(town)
	h.Config.Join = func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) doctor.Member {
		c := &citizen{Member: join(t, p, place, connection, s), town: town, tenant: t.ID, subscriber: s, hears: make(map[string]bool)}
		fault(c)
		town.mu.Lock()
		defer town.mu.Unlock()
		town.members = append(town.members, c)
		return c
	}
}

// forgetful is an engine that keeps history by the name alone.
type forgetful struct{ doctor.Engine }

var nowhere = tenant.MustParse("nowhere")

func (f forgetful) Publish(ctx context.Context, m message.Message, keep broker.Keep) (broker.Receipt, error) {
	m.Channel.Tenant = nowhere
	return f.Engine.Publish(ctx, m, keep)
}

func (f forgetful) Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	ref.Tenant = nowhere
	return f.Engine.Since(ctx, ref, from, limit)
}

// careless is a ledger that looks up one kind by its value alone.
type careless struct {
	doctor.Ledger
	kind revocation.Kind
	ends map[string]bool
}

func (c careless) Revoke(ctx context.Context, r revocation.Revocation) error {
	if r.Kind == c.kind {
		c.ends[r.Value] = true
	}
	return c.Ledger.Revoke(ctx, r)
}

func (c careless) Check(p *auth.Principal, now time.Time) error {
	if c.ends[p.TokenID] || c.ends[p.User] {
		return auth.Refuse(auth.Revoked, "revoked")
	}
	return c.Ledger.Check(p, now)
}

// generous is a ledger that lifts whatever it is asked to.
type generous struct{ doctor.Ledger }

func (g generous) Lift(ctx context.Context, of tenant.ID, id string) (bool, error) {
	there, err := g.Ledger.Lift(ctx, of, id)
	return there || err == nil, err
}

// mixedUp is an office whose tickets say nothing of the tenant.
type mixedUp struct{ doctor.Tickets }

func (m mixedUp) Redeem(ctx context.Context, text string, origin ticket.Origin, certificate [32]byte, now time.Time) (*auth.Principal, error) {
	p, err := m.Tickets.Redeem(ctx, text, origin, certificate, now)
	if err == nil {
		p.Tenant = tenant.MustParse("globex")
	}
	return p, err
}

// Each fault is one that a program could have. The doctor finds it, at the wall that it breaks and at no other.
func TestTheDoctorFindsEachFault(t *testing.T) {
	tests := []struct {
		name, wall string
		verdict    doctor.Verdict
		plant      func(t *testing.T, h *house)
	}{
		{"a message reaches the name in every tenant", "publish", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.publish = func(c *citizen, name string, data []byte) *wire.Fault {
					for _, o := range c.others(name) {
						if !c.hears[name] { // those who hear the name themselves would break the wall of subscriptions too
							o.subscriber.Deliver(data, 1, nil)
						}
					}
					return nil
				}
			})
		}},
		{"a message comes late, as through a network", "publish", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.publish = func(c *citizen, name string, data []byte) *wire.Fault {
					for _, o := range c.others(name) {
						if !c.hears[name] {
							time.AfterFunc(20*time.Millisecond, func() { o.subscriber.Deliver(data, 1, nil) })
						}
					}
					return nil
				}
			})
		}},
		{"an echo is heard by others", "echo", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.echo = func(c *citizen, name string) *wire.Fault {
					for _, o := range c.others(name) {
						o.subscriber.Deliver([]byte("echo"), 1, nil)
					}
					return c.Member.Echo(name)
				}
			})
		}},
		{"whoever leaves a name takes another tenant's subscription along", "subscribe", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.unsubscribe = func(c *citizen, name string) *wire.Fault {
					for _, o := range c.others(name) {
						o.Member.Unsubscribe(name)
					}
					return nil
				}
			})
		}},
		{"a tenant has the rules of another", "rules", doctor.Broken, func(t *testing.T, h *house) {
			acme, globex := rules(t, "acme", rooms), rules(t, "globex", rooms)
			acme.Policy = rules(t, "globex", rooms).Policy
			all := []*realm.Tenant{acme, globex}
			h.Config.Tenants = func() []*realm.Tenant { return all }
		}},
		{"two tenants share an account", "snapshot", doctor.Broken, func(t *testing.T, h *house) {
			all := []*realm.Tenant{rules(t, "acme", rooms), rules(t, "globex", rooms)}
			all[1].Account = all[0].Account
			h.Config.Tenants = func() []*realm.Tenant { return all }
		}},
		{"history is kept by the name alone", "history", doctor.Broken, func(_ *testing.T, h *house) { h.Config.Engine = forgetful{h.Config.Engine} }},
		{"a token is revoked by its id alone", "revoke", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Ledger = careless{h.Config.Ledger, revocation.Token, make(map[string]bool)}
		}},
		{"a user is revoked by name alone", "revoke", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Ledger = careless{h.Config.Ledger, revocation.User, make(map[string]bool)}
		}},
		{"another tenant lifts a revocation", "revoke", doctor.Broken, func(_ *testing.T, h *house) { h.Config.Ledger = generous{h.Config.Ledger} }},
		{"a ticket is anybody's", "tickets", doctor.Broken, func(_ *testing.T, h *house) { h.Config.Tickets = mixedUp{h.Config.Tickets} }},
		{"an answer says that the name is there", "answers", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.echo = func(c *citizen, name string) *wire.Fault {
					f := c.Member.Echo(name)
					if f != nil && f.Code == wire.Forbidden && len(c.others(name)) > 0 {
						f.Message += "; it is another tenant's"
					}
					return f
				}
			})
		}},
		{"an answer has another code", "answers", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.unsubscribe = func(c *citizen, name string) *wire.Fault {
					if len(c.others(name)) == 0 {
						return c.Member.Unsubscribe(name)
					}
					if f := c.Member.Unsubscribe(name); f != nil {
						return &wire.Fault{Code: wire.NotFound, Message: f.Message}
					}
					return nil
				}
			})
		}},
		{"an answer takes longer", "timing", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.unsubscribe = func(c *citizen, name string) *wire.Fault {
					if len(c.others(name)) > 0 {
						for start := time.Now(); time.Since(start) < 100*time.Microsecond; {
							continue
						}
					}
					return nil
				}
			})
		}},
		{"a name that is the gateway's is a client's", "names", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.echo = func(c *citizen, name string) *wire.Fault {
					if strings.HasPrefix(name, "$") {
						return nil
					}
					return c.Member.Echo(name)
				}
			})
		}},
		{"a metric names a tenant", "metrics", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Metrics = func() (string, error) {
				return quiet + "portcullis_z{code=\"x\\\"\",tenant=\"globex\"} 1\n", nil
			}
		}},
		{"a metric has a tenant in a longer label", "metrics", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Metrics = func() (string, error) { return quiet + "portcullis_z{channel=\"acme:room\"} 1\n", nil }
		}},
		{"the tenants' page names one where it may not", "metrics", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Named = func() (string, error) {
				return named + "portcullis_z{tenant=\"acme\",channel=\"globex:room\"} 1\n", nil
			}
		}},
		{"the tenants' page has what a user chose", "metrics", doctor.Broken, func(_ *testing.T, h *house) {
			var user string
			join := h.Config.Join
			h.Config.Join = func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) doctor.Member {
				user = p.User
				return join(t, p, place, connection, s)
			}
			h.Config.Named = func() (string, error) { return named + "portcullis_z{tenant=\"" + user + "\"} 1\n", nil }
		}},
		{"the tenants' page cannot be read", "metrics", doctor.Unproven, func(_ *testing.T, h *house) {
			h.Config.Named = func() (string, error) { return "", errors.New("no page") }
		}},
		{"a metric has what a user chose", "metrics", doctor.Broken, func(_ *testing.T, h *house) {
			var user string
			join := h.Config.Join
			h.Config.Join = func(t *realm.Tenant, p *auth.Principal, place *limit.Place, connection string, s hub.Subscriber) doctor.Member {
				user = p.User
				return join(t, p, place, connection, s)
			}
			h.Config.Metrics = func() (string, error) { return quiet + "portcullis_z{by=\"" + user + "\"} 1\n", nil }
		}},
		{"nothing is delivered to anybody", "publish", doctor.Unproven, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.publish = func(_ *citizen, name string, data []byte) *wire.Fault {
					return &wire.Fault{Code: wire.Unavailable, Message: "away"}
				}
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			tt.plant(t, h)
			r := h.examine(t)
			names, why := broken(r)
			if r.Held || !slices.Contains(names, tt.wall) {
				t.Fatalf("held %v, and %s is not among what did not:\n%s", r.Held, tt.wall, why)
			}
			if i := slices.IndexFunc(r.Walls, func(w *doctor.Result) bool { return w.Name == tt.wall }); r.Walls[i].Verdict != tt.verdict || len(r.Walls[i].Findings) == 0 {
				t.Errorf("%s: got %+v, want %s with findings", tt.wall, r.Walls[i], tt.verdict)
			}
			if tt.verdict == doctor.Broken && len(names) != 1 {
				t.Errorf("the fault is at one wall, the doctor says:\n%s", why)
			}
		})
	}
}

// Every wall has a fault that the doctor was seen to find, so that a new wall comes with its own.
func TestEveryWallHasAFault(t *testing.T) {
	self, err := os.ReadFile("faults_test.go")
	if err != nil {
		t.Fatal(err)
	}
	text := string(self)
	for _, w := range doctor.Walls {
		if !strings.Contains(text, `", "`+w.Name+`", doctor.Broken`) {
			t.Errorf("no fault of TestTheDoctorFindsEachFault is at %s", w.Name)
		}
	}
}
