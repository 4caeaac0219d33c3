package doctor_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/channel"
	"portcullis/internal/doctor"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

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
							o.subscriber.Deliver(&wire.Parcel{Frames: data, Messages: 1}, nil)
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
							time.AfterFunc(20*time.Millisecond, func() { o.subscriber.Deliver(&wire.Parcel{Frames: data, Messages: 1}, nil) })
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
						o.subscriber.Deliver(&wire.Parcel{Frames: []byte("echo"), Messages: 1}, nil)
					}
					return c.Member.Echo(name, hub.Publication{})
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
		{"two tenants share settings of channels", "snapshot", doctor.Broken, func(t *testing.T, h *house) {
			all := []*realm.Tenant{rules(t, "acme", rooms), rules(t, "globex", rooms)}
			all[0].Channels = channel.NewSettings(nil)
			all[1].Channels = all[0].Channels
			h.Config.Tenants = func() []*realm.Tenant { return all }
		}},
		{"history is kept by the name alone", "history", doctor.Broken, func(_ *testing.T, h *house) { h.Config.Engine = forgetful{h.Config.Engine} }},
		{"a publish over HTTP reaches the name in every tenant", "backends", doctor.Broken, func(_ *testing.T, h *house) {
			var heard []*citizen
			h.settle(func(c *citizen) { heard = append(heard, c) })
			h.amplify(func(l *loud) {
				l.publish = func(_ *loud, name string, p hub.Publication) *wire.Fault {
					for _, c := range heard {
						if c.hears[name] {
							c.subscriber.Deliver(&wire.Parcel{Frames: p.Data, Messages: 1}, nil)
						}
					}
					return nil
				}
			})
		}},
		{"an idempotency key is known by itself alone", "backends", doctor.Broken, func(_ *testing.T, h *house) {
			used := make(map[string]string)
			h.amplify(func(l *loud) {
				l.publish = func(_ *loud, _ string, p hub.Publication) *wire.Fault {
					if was, there := used[p.Key]; there && p.Key != "" && was != string(p.Data) {
						return &wire.Fault{Code: wire.Conflict, Message: "this key was used"}
					}
					used[p.Key] = string(p.Data)
					return nil
				}
			})
		}},
		{"history is read backwards by the name alone", "history", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.history = func(c *citizen, name string, how hub.Reading) (*hub.Read, *wire.Fault) {
					for _, o := range c.foreigners() {
						if !how.Reverse {
							break
						}
						if read, fault := o.Member.History(context.Background(), name, how); fault == nil && len(read.Messages) > 0 {
							return read, nil
						}
					}
					return c.Member.History(context.Background(), name, how)
				}
			})
		}},
		{"history over HTTP goes on where another tenant's is", "history", doctor.Broken, func(_ *testing.T, h *house) {
			h.amplify(func(l *loud) {
				l.history = func(l *loud, name string, how hub.Reading) *hub.Read {
					for _, o := range l.others() {
						if how.Since == nil {
							break
						}
						if read, fault := o.Speaker.History(context.Background(), name, how); fault == nil && len(read.Messages) > 0 {
							return read
						}
					}
					return nil
				}
			})
		}},
		{"whoever continues gets what another tenant's channel kept", "history", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.subscribe = func(c *citizen, name string) *wire.Fault {
					if c.principal.Info == "" { // it is no keeper
						return nil
					}
					for _, o := range c.foreigners() {
						if read, fault := o.Member.History(context.Background(), name, hub.Reading{}); fault == nil && len(read.Messages) > 0 {
							c.subscriber.Deliver(&wire.Parcel{Frames: read.Messages[0].Data, Messages: 1}, nil)
						}
					}
					return nil
				}
			})
		}},
		{"a purge forgets the name in every tenant", "purge", doctor.Broken, func(_ *testing.T, h *house) {
			h.amplify(func(l *loud) {
				l.purge = func(l *loud, name string) {
					for _, o := range l.others() {
						_, _ = o.Speaker.Purge(context.Background(), name)
					}
				}
			})
		}},
		{"presence lists the users of every tenant", "presence", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.presence = func(c *citizen, name string, f func(wire.Attendance)) *wire.Fault {
					var all wire.Attendance
					fault := c.Member.Presence(name, func(a wire.Attendance) { all = a })
					for _, o := range c.others(name) {
						if !c.hears[name] { // it takes longer too
							continue
						}
						_ = o.Member.Presence(name, func(a wire.Attendance) { all.Members = append(all.Members, a.Members...) })
					}
					if fault == nil {
						f(all)
					}
					return fault
				}
			})
		}},
		{"presence over HTTP counts the users of every tenant", "presence", doctor.Broken, func(_ *testing.T, h *house) {
			h.amplify(func(l *loud) {
				l.presence = func(l *loud, name string) (all *wire.Attendance) {
					_ = l.Speaker.Presence(name, func(a wire.Attendance) { all = &a })
					for _, o := range l.others() {
						_ = o.Speaker.Presence(name, func(a wire.Attendance) {
							if all != nil {
								all.Count += a.Count
							}
						})
					}
					return all
				}
			})
		}},
		{"a join is told to every tenant", "presence", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.subscribe = func(c *citizen, name string) *wire.Fault {
					for _, o := range c.others(name) {
						if c.principal.Info != "" && o.principal.Info != "" {
							o.subscriber.Deliver(&wire.Parcel{Frames: []byte(c.principal.Info), Messages: 1}, nil)
						}
					}
					return nil
				}
			})
		}},
		{"channels are listed by their names alone", "channels", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Directory = gossip{h.Config.Directory, h.Tenants()}
		}},
		{"subscriptions are counted by the name alone", "channels", doctor.Broken, func(_ *testing.T, h *house) {
			h.Config.Directory = miscounted{h.Config.Directory, h.Tenants()}
		}},
		{"a backend sees connections of every tenant", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.misfile("list") }},
		{"a backend is shown a connection of every tenant", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.misfile("show") }},
		{"a backend ends a connection by its id alone", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.misfile("disconnect") }},
		{"a backend ends connections by the user alone", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.misfile("disconnect user") }},
		{"a backend subscribes a connection by its id alone", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.misfile("subscribe") }},
		{"a backend unsubscribes a connection by its id alone", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.misfile("unsubscribe") }},
		{"a backend that ends its own connection ends another tenant's", "manage", doctor.Broken, func(_ *testing.T, h *house) {
			rehearse := h.Config.Rehearse
			h.Config.Rehearse = func() doctor.Rehearsal { return behind{crowded{Rehearsal: rehearse(), tenants: h.Tenants()}} }
		}},
		{"a live connection is shown to every tenant", "manage", doctor.Broken, func(_ *testing.T, h *house) { h.Config.Connections = seen{} }},
		{"history tells of a name in another tenant", "answers", doctor.Broken, func(_ *testing.T, h *house) {
			h.settle(func(c *citizen) {
				c.history = func(c *citizen, name string, how hub.Reading) (*hub.Read, *wire.Fault) {
					read, fault := c.Member.History(context.Background(), name, how)
					if fault != nil && fault.Code == wire.Forbidden && len(c.others(name)) > 0 {
						fault.Message += ", and there is some"
					}
					return read, fault
				}
			})
		}},
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
					f := c.Member.Echo(name, hub.Publication{})
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
					return c.Member.Echo(name, hub.Publication{})
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
			fell := slices.DeleteFunc(slices.Clone(r.Walls), func(w *doctor.Result) bool { return w.Verdict == doctor.Held || w.Verdict == doctor.Warning }) // what a fault does may take a while too
			if tt.verdict == doctor.Broken && len(fell) != 1 {
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
