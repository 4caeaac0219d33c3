package hub_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// lines is a dialect of plain lines: "channel data\n". It counts what it encodes.
type lines struct {
	wire.Dialect
	encoded *atomic.Int64
}

func (l lines) AppendNotice(dst []byte, n *wire.Notice) []byte { return append(dst, n.Kind...) }

func (l lines) AppendMessage(dst []byte, m *message.Message) []byte {
	l.encoded.Add(1)
	return fmt.Appendf(dst, "%s %s %s\n", m.From.User, m.Channel.Name, m.Data)
}

// ear hears what is delivered.
type ear struct {
	dialect wire.Dialect
	hold    chan struct{} // not nil: Deliver waits until it is closed
	tell    func()        // not nil: Deliver calls it
	read    func(frames []byte)

	mu    sync.Mutex
	heard strings.Builder
	count int
}

func (e *ear) Dialect() wire.Dialect { return e.dialect }

func (e *ear) Await(time.Time) {}

func (e *ear) Deliver(p *wire.Parcel, _ wire.Lane) hub.Outcome {
	if e.hold != nil {
		<-e.hold
	}
	if e.tell != nil {
		e.tell()
	}
	if e.read != nil {
		e.read(p.Frames)
		return hub.Taken
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard.Write(p.Frames)
	e.count += p.Messages
	return hub.Taken
}

func (e *ear) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard.String()
}

// watcher adds up what the hub tells.
type watcher struct {
	subscriptions, channels, recipients, members, told atomic.Int64
	decisions                                          sync.Map // acl.Basis to *atomic.Int64
	choices                                            sync.Map // choice to *atomic.Int64
}

// choice is what became of a choice.
type choice struct {
	by      hub.Chooser
	refused wire.Code
}

func (w *watcher) Chosen(by hub.Chooser, refused wire.Code) {
	n, _ := w.choices.LoadOrStore(choice{by, refused}, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// chosen is how often that became of one.
func (w *watcher) chosen(by hub.Chooser, refused wire.Code) int64 {
	n, ok := w.choices.Load(choice{by, refused})
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

func (w *watcher) Decided(_ acl.Action, d acl.Decision) {
	n, _ := w.decisions.LoadOrStore(d.Basis, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}
func (*watcher) Denied(*auth.Principal, acl.Action, channel.Name, acl.Decision) {}

func (*watcher) Unsubscribed(hub.Ending)         {}
func (*watcher) Recovered(wire.Unrecovered, int) {}
func (*watcher) Read(int)                        {}
func (*watcher) Caught(int, int)                 {}
func (*watcher) Gap(wire.GapReason, int)         {}
func (*watcher) Dropped(channel.SlowReader, int) {}

func (w *watcher) Delivered(b *hub.Batch)                   { w.recipients.Add(int64(b.Recipients * len(b.Messages))) }
func (w *watcher) Subscriptions(n int)                      { w.subscriptions.Add(int64(n)) }
func (w *watcher) Members(n int)                            { w.members.Add(int64(n)) }
func (w *watcher) Told(n []*wire.Notice, recipients, _ int) { w.told.Add(int64(len(n) * recipients)) }
func (w *watcher) Channels(n int)                           { w.channels.Add(int64(n)) }

// house is a hub that runs, with two tenants of the same rules.
type house struct {
	*hub.Hub
	engine  broker.Broker
	watcher *watcher
	dialect lines
	tenants map[string]*realm.Tenant
	log     *bytes.Buffer
}

func open(t testing.TB, limits limit.Limits) *house {
	t.Helper()
	return openOver(t, limits, nil)
}

// openOver lets f stand between the hub and its engine.
func openOver(t testing.TB, limits limit.Limits, f func(broker.Broker) broker.Broker) *house {
	t.Helper()
	h := &house{watcher: new(watcher), dialect: lines{encoded: new(atomic.Int64)}, tenants: make(map[string]*realm.Tenant)}
	h.log = new(bytes.Buffer)
	if h.engine = memory.New(); f != nil {
		h.engine = f(h.engine)
	}
	h.Hub = hub.New(h.engine, h.watcher, slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, name := range []string{"acme", "globex"} {
		id := tenant.MustParse(name)
		policy, problems := acl.Compile(id, []acl.Rule{
			{Name: "rooms", Allow: []string{"publish", "subscribe", "echo"}, Channels: []string{"room:**"}},
			{Name: "quiet", Deny: []string{"publish"}, Channels: []string{"room:quiet"}},
		})
		if problems != nil {
			t.Fatal(problems)
		}
		h.tenants[name] = &realm.Tenant{ID: id, Policy: policy, Account: limit.NewTenant(limits)}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	<-h.Reached()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) enter(t testing.TB, tenantName, user string, e *ear) *hub.Member {
	t.Helper()
	r := h.tenants[tenantName]
	place, over := r.Account.Enter(user)
	if over.Any() {
		t.Fatalf("%s finds no place: %s", user, over.Text())
	}
	if e.dialect == nil {
		e.dialect = h.dialect
	}
	return h.Join(r, principal(h, tenantName, user), place, "c_"+user, e)
}

func principal(h *house, tenantName, user string) *auth.Principal {
	return &auth.Principal{Tenant: h.tenants[tenantName].ID, User: user}
}

func must(t testing.TB, fault *wire.Fault) {
	t.Helper()
	if fault != nil {
		t.Fatal(fault)
	}
}

func ignore(hub.Begun) {}

// say publishes.
func say(m *hub.Member, name string, data []byte) *wire.Fault {
	_, fault := m.Publish(context.Background(), name, hub.Publication{Data: data})
	return fault
}

// bob hears alice; carol, in another tenant, hears nothing of the channel of the same name.
func TestTenantsOfTheSameChannelNameHearNothingOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		var bob, carol ear
		must(t, h.enter(t, "acme", "bob", &bob).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		must(t, h.enter(t, "globex", "carol", &carol).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		alice := h.enter(t, "acme", "alice", &ear{})
		must(t, say(alice, "room:1", []byte(`"hello"`)))
		synctest.Wait()
		if got, want := bob.text(), "alice room:1 \"hello\"\n"; got != want {
			t.Errorf("bob heard %q, want %q", got, want)
		}
		if got := carol.text(); got != "" {
			t.Errorf("carol heard %q", got)
		}
	})
}

func TestVerbsAnswerWhatMayNotBe(t *testing.T) {
	h := open(t, limit.Limits{SubscriptionsPerConn: 2})
	m := h.enter(t, "acme", "ana", &ear{})
	must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	tests := []struct {
		name string
		try  func() *wire.Fault
		want wire.Code
	}{
		{"echo where no rule allows it", func() *wire.Fault { return m.Echo("lab:rtt", hub.Publication{}) }, wire.Forbidden},
		{"publish where a rule denies it", func() *wire.Fault { return say(m, "room:quiet", []byte("1")) }, wire.Forbidden},
		{"publish where no rule allows it", func() *wire.Fault { return say(m, "ops:1", []byte("1")) }, wire.Forbidden},
		{"subscribe where no rule allows it", func() *wire.Fault { return m.Subscribe(context.Background(), "ops:1", hub.Start{}, ignore) }, wire.Forbidden},
		{"subscribe to a pattern", func() *wire.Fault { return m.Subscribe(context.Background(), "room:*", hub.Start{}, ignore) }, wire.BadChannel},
		{"subscribe to a reserved name", func() *wire.Fault { return m.Subscribe(context.Background(), "$control", hub.Start{}, ignore) }, wire.BadChannel},
		{"publish to nothing", func() *wire.Fault { return say(m, "", []byte("1")) }, wire.BadChannel},
		{"subscribe twice", func() *wire.Fault { return m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore) }, wire.AlreadySubscribed},
		{"unsubscribe from what is not subscribed", func() *wire.Fault { return m.Unsubscribe("room:2") }, wire.NotSubscribed},
		{"unsubscribe from no name", func() *wire.Fault { return m.Unsubscribe("room:") }, wire.BadChannel},
		{"the last subscription that is allowed", func() *wire.Fault { return m.Subscribe(context.Background(), "room:2", hub.Start{}, ignore) }, ""},
		{"one subscription too many", func() *wire.Fault { return m.Subscribe(context.Background(), "room:3", hub.Start{}, ignore) }, wire.QuotaExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got wire.Code
			if fault := tt.try(); fault != nil {
				got = fault.Code
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRatesAreToldWithATimeToRetry(t *testing.T) {
	h := open(t, limit.Limits{MessagesPerSecondPerConn: 10})
	m := h.enter(t, "acme", "ana", &ear{})
	now := time.Now()
	for range 20 {
		must(t, m.Admit(now, 1))
	}
	fault := m.Admit(now, 1)
	if fault == nil || fault.Code != wire.RateLimited || fault.Retry != 100*time.Millisecond {
		t.Errorf("got %+v, want rate_limited for 100ms", fault)
	}
}

// Whatever is published at once, by however many: every subscriber hears everything, each publisher's messages in order.
func TestEverybodyHearsEverythingInOrder(t *testing.T) {
	const publishers, messages, subscribers = 8, 500, 20
	h := open(t, limit.Limits{})
	ears := make([]ear, subscribers)
	for i := range ears {
		must(t, h.enter(t, "acme", fmt.Sprint("s", i), &ears[i]).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	}
	var all sync.WaitGroup
	for i := range publishers {
		m := h.enter(t, "acme", fmt.Sprint("p", i), &ear{})
		all.Go(func() {
			for n := range messages {
				if fault := say(m, "room:1", fmt.Append(nil, n)); fault != nil {
					t.Error(fault)
				}
			}
		})
	}
	all.Wait()
	want := int64(publishers * messages * subscribers)
	for end := time.Now().Add(10 * time.Second); h.watcher.recipients.Load() < want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := h.watcher.recipients.Load(); got != want {
		t.Fatalf("got %d deliveries, want %d", got, want)
	}
	for i := range ears {
		next := make(map[string]int)
		for line := range strings.Lines(ears[i].text()) {
			var who, channel string
			var n int
			fmt.Sscan(line, &who, &channel, &n)
			if n != next[who] {
				t.Fatalf("subscriber %d heard message %d of %s, want %d", i, n, who, next[who])
			}
			next[who]++
		}
	}
	if got := h.dialect.encoded.Load(); got != publishers*messages {
		t.Errorf("%d messages were encoded %d times", publishers*messages, got)
	}
}

func TestEachDialectIsEncodedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		other := lines{encoded: new(atomic.Int64)}
		for i := range 10 {
			e := &ear{}
			if i%2 == 0 {
				e.dialect = other
			}
			must(t, h.enter(t, "acme", fmt.Sprint("s", i), e).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		}
		must(t, say(h.enter(t, "acme", "alice", &ear{}), "room:1", []byte("1")))
		synctest.Wait()
		if a, b := h.dialect.encoded.Load(), other.encoded.Load(); a != 1 || b != 1 {
			t.Errorf("got %d and %d encodings, want 1 and 1", a, b)
		}
	})
}

// A client that gets a message before the ok does not know what it is for.
func TestTheOkComesBeforeTheFirstMessage(t *testing.T) {
	h := open(t, limit.Limits{})
	stop := make(chan struct{})
	var publisher sync.WaitGroup
	alice := h.enter(t, "acme", "alice", &ear{})
	publisher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				say(alice, "room:1", []byte("1"))
			}
		}
	})
	for i := range 200 {
		var e ear
		m := h.enter(t, "acme", fmt.Sprint("s", i), &e)
		must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, func(hub.Begun) { e.Deliver(&wire.Parcel{Frames: []byte("ok\n")}, nil) }))
		if got := e.text(); !strings.HasPrefix(got, "ok\n") {
			t.Fatalf("subscriber %d heard %.40q first", i, got)
		}
		m.Leave()
	}
	close(stop)
	publisher.Wait()
}

func TestAChannelThatNobodyHearsLeavesNothingBehind(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "ana", &ear{})
	for i := range 100 {
		must(t, m.Subscribe(context.Background(), fmt.Sprint("room:", i), hub.Start{}, ignore))
	}
	if s, c := h.watcher.subscriptions.Load(), h.watcher.channels.Load(); s != 100 || c != 100 {
		t.Fatalf("got %d subscriptions to %d channels, want 100 and 100", s, c)
	}
	for i := range 50 {
		must(t, m.Unsubscribe(fmt.Sprint("room:", i)))
	}
	m.Leave()
	if s, c := h.watcher.subscriptions.Load(), h.watcher.channels.Load(); s != 0 || c != 0 {
		t.Errorf("got %d subscriptions to %d channels after all left, want none", s, c)
	}
	if rooms := h.Rooms(); rooms != 0 {
		t.Errorf("%d rooms are left", rooms)
	}
}

// A publisher that is faster than this machine waits; nothing piles up without bound and nothing is lost.
func TestAPublisherWaitsWhereAChannelHasTooMuchToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		e := &ear{hold: make(chan struct{})}
		must(t, h.enter(t, "acme", "bob", e).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		alice := h.enter(t, "acme", "alice", &ear{})
		var sent atomic.Int64
		go func() {
			for range 10_000 {
				if fault := say(alice, "room:1", []byte("1")); fault != nil {
					t.Error(fault)
				}
				sent.Add(1)
			}
		}()
		synctest.Wait()
		if got := sent.Load(); got < 4096 || got > 5000 {
			t.Errorf("%d messages were taken while nothing could be delivered, want about 4096", got)
		}
		close(e.hold)
		synctest.Wait()
		if e.count != 10_000 {
			t.Errorf("%d messages arrived, want 10000", e.count)
		}
	})
}

// Large messages are bounded by their bytes: four thousand of them would be too many.
func TestWhatAChannelHasToSayIsBoundedInBytesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, limit.Limits{})
		e := &ear{hold: make(chan struct{})}
		must(t, h.enter(t, "acme", "bob", e).Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
		alice := h.enter(t, "acme", "alice", &ear{})
		var sent atomic.Int64
		data := []byte(`"` + strings.Repeat("x", 64<<10) + `"`)
		go func() {
			for range 200 {
				if fault := say(alice, "room:1", data); fault != nil {
					t.Error(fault)
				}
				sent.Add(1)
			}
		}()
		synctest.Wait()
		if got := sent.Load(); got < 30 || got > 40 {
			t.Errorf("%d messages of 64 KiB were taken while nothing could be delivered, want about 32", got)
		}
		close(e.hold)
		synctest.Wait()
		if e.count != 200 {
			t.Errorf("%d messages arrived, want 200", e.count)
		}
	})
}

func TestDecisionsAreTold(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "ana", &ear{})
	m.Echo("room:1", hub.Publication{})
	m.Echo("ops:1", hub.Publication{})
	say(m, "room:quiet", []byte("1"))
	if line := h.log.String(); !strings.Contains(line, `"channel":"room:quiet","basis":"explicit_deny","rule":"quiet"`) || strings.Count(line, "\n") != 2 {
		t.Errorf("got %s, want a line for each refusal that names its rule", line)
	}
	for basis, want := range map[acl.Basis]int64{acl.ExplicitAllow: 1, acl.NoMatch: 1, acl.ExplicitDeny: 1} {
		n, ok := h.watcher.decisions.Load(basis)
		if !ok || n.(*atomic.Int64).Load() != want {
			t.Errorf("decisions of basis %s: got %v, want %d", basis, n, want)
		}
	}
}

// deaf counts and throws away.
type deaf struct {
	dialect wire.Dialect
	got     *atomic.Int64
}

func (d deaf) Dialect() wire.Dialect { return d.dialect }
func (d deaf) Await(time.Time)       {}
func (d deaf) Deliver(p *wire.Parcel, _ wire.Lane) hub.Outcome {
	d.got.Add(int64(p.Messages))
	return hub.Taken
}

func fanOut(t testing.TB, subscribers int) (publish func()) {
	h := open(t, limit.Limits{})
	var got atomic.Int64
	r := h.tenants["acme"]
	for i := range subscribers {
		place, _ := r.Account.Enter(fmt.Sprint(i))
		m := h.Join(r, &auth.Principal{Tenant: r.ID, User: "s"}, place, "c", deaf{h.dialect, &got})
		must(t, m.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	}
	alice := h.enter(t, "acme", "alice", &ear{})
	data := []byte(`"` + strings.Repeat("x", 126) + `"`)
	sent := int64(0)
	return func() {
		must(t, say(alice, "room:1", data))
		sent += int64(subscribers)
		for got.Load() < sent {
			time.Sleep(time.Microsecond)
		}
	}
}

func TestADeliveryAllocatesNothingThatGrowsWithItsSubscribers(t *testing.T) {
	few, many := fanOut(t, 10), fanOut(t, 400)
	for range 10 {
		few()
		many()
	}
	a, b := testing.AllocsPerRun(200, few), testing.AllocsPerRun(200, many)
	if b > a+2 {
		t.Errorf("got %v allocations for 400 subscribers and %v for 10", b, a)
	}
}

func BenchmarkFanOutTo1000(b *testing.B) {
	publish := fanOut(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		publish()
	}
}

// A request of a client from its limits to its one listener, as many as the hub takes.
func BenchmarkPublications(b *testing.B) {
	h := open(b, limit.Limits{})
	var got atomic.Int64
	r := h.tenants["acme"]
	place, _ := r.Account.Enter("bob")
	bob := h.Join(r, &auth.Principal{Tenant: r.ID, User: "bob"}, place, "c", deaf{h.dialect, &got})
	must(b, bob.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
	alice := h.enter(b, "acme", "alice", &ear{})
	data := []byte(`"` + strings.Repeat("x", 126) + `"`)
	b.ReportAllocs()
	for b.Loop() {
		must(b, alice.Admit(time.Now(), len(data)))
		must(b, say(alice, "room:1", data))
	}
}
