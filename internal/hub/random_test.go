package hub_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// Whatever is done to the hub, and in whatever order, everybody hears what the model says, once and in order, and nothing before they are subscribed or after they were. PORTCULLIS_SEED replays one
// world, PORTCULLIS_LONG=1 makes many.
func TestTheHubIsWhatItsModelIs(t *testing.T) {
	worlds, first := 40, uint64(time.Now().UnixNano())
	if os.Getenv("PORTCULLIS_LONG") != "" {
		worlds = 1000
	}
	if text := os.Getenv("PORTCULLIS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PORTCULLIS_SEED is %q: %v", text, err)
		}
		first, worlds = seed, 1
	}
	total := make(map[string]int)
	for i := range uint64(worlds) {
		synctest.Test(t, func(t *testing.T) {
			w := newHubWorld(t, first+i)
			for range 300 {
				w.step()
			}
			w.end()
			for what, n := range w.count {
				total[what] += n
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d worlds from PORTCULLIS_SEED=%d: %v", worlds, first, total)
	for _, what := range []string{"heard", "recovered", "not recovered", "duplicate", "conflict", "lost to a rule", "taken"} {
		if total[what] == 0 && worlds > 1 {
			t.Errorf("there was no %q: the worlds prove too little", what)
		}
	}
}

// hubWorld is a hub, its guests and the model of its channels.
type hubWorld struct {
	*house
	t      *testing.T
	chance *rand.Rand
	seed   uint64
	slow   *hesitant
	models map[string]*model
	names  []string
	guests []*guest
	keys   map[string]keyed
	fresh  int
	slowly time.Duration // how long each delivery takes
	log    []string
	count  map[string]int
}

// keyed is the first publication with a key of a user on a channel.
type keyed struct {
	text string
	at   message.Position
	when time.Time
}

func newHubWorld(t *testing.T, seed uint64) *hubWorld {
	w := &hubWorld{
		t: t, chance: rand.New(rand.NewPCG(seed, 5)), seed: seed, slow: new(hesitant), models: make(map[string]*model),
		keys: make(map[string]keyed), count: make(map[string]int),
	}
	w.house = openOver(t, limit.Limits{}, func(b broker.Broker) broker.Broker { w.slow.Broker = b; return w.slow })
	var settings []channel.Matched
	for name, keeps := range map[string]int{"room:a": 8, "room:b": 3, "room:c": 0} {
		p, err := channel.ParsePattern(name)
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, channel.Matched{Pattern: p, Setting: channel.Setting{History: channel.History{Messages: keeps, Age: modelAge}, Presence: 100}})
		w.names = append(w.names, name)
		w.models[name] = &model{keeps: keeps, hears: make(map[*guest]*hearing), left: make(map[string]time.Time)}
	}
	if w.chance.IntN(2) == 0 {
		w.slowly = time.Millisecond
	}
	slices.Sort(w.names) // the same seed is the same world
	w.tenants["acme"].Channels = channel.NewSettings(settings)
	for _, user := range []string{"ana", "bob", "bob", "carol"} { // bob has two tabs
		w.guests = append(w.guests, w.arrive(user))
	}
	return w
}

// arrive connects a user.
func (w *hubWorld) arrive(user string) *guest {
	w.fresh++
	g := &guest{user: user, connection: fmt.Sprint("c_", w.fresh), dawdles: w.slowly, heard: make(map[string][]string), there: make(map[string][]string)}
	place, over := w.tenants["acme"].Account.Enter(user)
	if over.Any() {
		w.t.Fatal(over.Text())
	}
	g.place = place
	r := w.without(g.denied)
	g.Member = w.Join(r, &auth.Principal{Tenant: r.ID, User: user}, place, g.connection, g)
	return g
}

// without is the tenant, with a rule that lets nobody hear one channel.
func (w *hubWorld) without(name string) *realm.Tenant {
	rules := []acl.Rule{{Name: "rooms", Allow: []string{"publish", "subscribe", "history", "presence"}, Channels: []string{"room:**"}}, {Name: "manage", Allow: []string{"manage"}}}
	if name != "" {
		rules = append(rules, acl.Rule{Name: "not", Deny: []string{"subscribe"}, Channels: []string{name}})
	}
	now := *w.tenants["acme"]
	var problems []acl.Problem
	if now.Policy, problems = acl.Compile(now.ID, rules); problems != nil {
		w.t.Fatal(problems)
	}
	return &now
}

// leave ends a connection.
func (w *hubWorld) leave(g *guest) {
	g.Leave()
	g.place.Leave()
	for _, m := range w.models {
		if m.hears[g] != nil {
			m.quit(g)
		}
	}
}

// rules gives or takes one guest the right to hear a channel.
func (w *hubWorld) rules(g *guest, name string) {
	if g.denied != "" {
		name = ""
	}
	g.denied = name
	loss := g.Renew(nil, func(tenant.ID) *realm.Tenant { return w.without(name) })
	m := w.models[name]
	had := m != nil && m.hears[g] != nil
	if lost := loss.Len() == 1; lost != had {
		w.fail("%s lost %d subscriptions, and had that one: %v", g.connection, loss.Len(), had)
	}
	if had {
		w.lose(g, name, loss)
		w.count["lost to a rule"]++
	}
}

// take ends a subscription as a backend does.
func (w *hubWorld) take(g *guest, name string) {
	loss := g.Take(channel.MustParse(name))
	if had := w.models[name].hears[g] != nil; had != (loss != nil) {
		w.fail("taken from %s: %v, had: %v", g.connection, loss, had)
	}
	if loss != nil {
		w.lose(g, name, loss)
		w.count["taken"]++
	}
}

func (w *hubWorld) lose(g *guest, name string, loss *hub.Loss) {
	told(loss)
	w.part(g, name)
}

// part compares what a subscription heard until its end: nothing but what was said, and nothing twice.
func (w *hubWorld) part(g *guest, name string) {
	m := w.models[name]
	heard, want := g.shut(name), m.hears[g].want
	if len(heard) > len(want) || !slices.Equal(heard, want[:len(heard)]) {
		w.fail("%s heard %v of %s, want no more than %v", g.connection, heard, name, want)
	}
	m.quit(g)
}

// settle waits until nothing moves, and compares everything.
func (w *hubWorld) settle() {
	time.Sleep(w.slowly * 200)
	synctest.Wait()
	for _, g := range w.guests {
		g.mu.Lock()
		if g.wrong != "" {
			w.fail("%s heard %s", g.connection, g.wrong)
		}
		for name, m := range w.models {
			h := m.hears[g]
			heard, subscribed := g.heard[name]
			if subscribed != (h != nil) || subscribed && !slices.Equal(heard, h.want) {
				w.fail("%s heard %v of %s, subscribed %v; want %+v", g.connection, heard, name, subscribed, h)
			}
			if w.count["heard"] += len(heard); h != nil && h.listens {
				slices.Sort(g.there[name])
				if want := m.there(); !slices.Equal(g.there[name], want) {
					w.fail("%s was told that %v are on %s, want %v", g.connection, g.there[name], name, want)
				}
			}
		}
		g.mu.Unlock()
	}
}

// end lets everybody go, and looks at what they left.
func (w *hubWorld) end() {
	w.settle()
	for _, g := range w.guests {
		w.leave(g)
	}
	time.Sleep(w.slowly * 200)
	synctest.Wait()
	if n := w.watcher.subscriptions.Load() + w.watcher.channels.Load() + w.watcher.members.Load(); n != 0 || w.Rooms() != 0 || w.Audiences() != 0 || w.tenants["acme"].Account.Connections() != 0 {
		w.fail("%d subscriptions, channels and members, %d rooms and %d audiences are left", n, w.Rooms(), w.Audiences())
	}
}

func (w *hubWorld) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\nPORTCULLIS_SEED=%d replays it; what was done last:\n%s", fmt.Sprintf(format, args...), w.seed, strings.Join(w.log[max(0, len(w.log)-25):], "\n"))
}

func (h *hesitant) Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	h.wait()
	defer h.wait()
	return h.Broker.Since(ctx, ref, from, limit)
}

func (h *hesitant) Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error) {
	h.wait()
	defer h.wait()
	return h.Broker.Heads(ctx, refs)
}
