package hub_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// kept opens a house whose rooms keep so many messages, and lets f stand between the hub and its engine.
func kept(t testing.TB, messages int, f func(broker.Broker) broker.Broker) *house {
	t.Helper()
	h := openOver(t, limit.Limits{}, f)
	for _, r := range h.tenants {
		r.Channels = keeping(t, "room:**", messages)
	}
	return h
}

// begin subscribes, and returns how that began.
func begin(t testing.TB, m *hub.Member, name string, how hub.Start) (b hub.Begun, fault *wire.Fault) {
	t.Helper()
	fault = m.Subscribe(context.Background(), name, how, func(begun hub.Begun) { b = begun })
	return b, fault
}

func published(t testing.TB, m *hub.Member, name, data string) message.Position {
	t.Helper()
	receipt, fault := m.Publish(context.Background(), name, hub.Publication{Data: []byte(data)})
	must(t, fault)
	return receipt.Position
}

func TestWhoeverComesBackGetsWhatWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := kept(t, 3, nil)
		alice := h.enter(t, "acme", "alice", &ear{})
		empty, fault := begin(t, h.enter(t, "acme", "early", &ear{}), "room:1", hub.Start{})
		must(t, fault)
		var at []message.Position
		for i := range 5 {
			at = append(at, published(t, alice, "room:1", fmt.Sprint(i+1)))
		}
		tests := []struct {
			name  string
			since message.Position
			want  wire.Recovery
			hears string
		}{
			{"the newest", at[4], wire.Recovery{Recovered: true}, "6"},
			{"two before", at[2], wire.Recovery{Recovered: true, Replayed: 2}, "4 5 6"},
			{"the last that is gone", at[1], wire.Recovery{Recovered: true, Replayed: 3}, "3 4 5 6"},
			{"one before that", at[0], wire.Recovery{Reason: wire.Trimmed}, "6"},
			{"the empty channel", empty.Position, wire.Recovery{Reason: wire.Trimmed}, "6"},
			{"another epoch", message.Position{Offset: at[3].Offset, Epoch: "other"}, wire.Recovery{Reason: wire.Epoch}, "6"},
			{"the future", message.Position{Offset: at[4].Offset + 1000, Epoch: at[4].Epoch}, wire.Recovery{Reason: wire.Epoch}, "6"},
			{"the very beginning", message.Position{Epoch: at[4].Epoch}, wire.Recovery{Reason: wire.Trimmed}, "6"},
		}
		ears := make([]ear, len(tests))
		for i, tt := range tests {
			user := fmt.Sprint("u", i)
			strict, fault := begin(t, h.enter(t, "acme", user+"s", &ear{}), "room:1", hub.Start{Since: &tt.since, Strict: true})
			if refused := fault != nil && fault.Code == wire.Unrecoverable; refused == tt.want.Recovered {
				t.Errorf("%s, strictly: got %+v, %v", tt.name, strict, fault)
			}
			got, fault := begin(t, h.enter(t, "acme", user, &ears[i]), "room:1", hub.Start{Since: &tt.since})
			must(t, fault)
			if *got.Recovery != tt.want || got.Position != at[4] {
				t.Errorf("since %s: got %+v at %v, want %+v at %v", tt.name, *got.Recovery, got.Position, tt.want, at[4])
			}
		}
		published(t, alice, "room:1", "6")
		synctest.Wait()
		for i, tt := range tests {
			if got := said(&ears[i]); got != tt.hears {
				t.Errorf("since %s: heard %q, want %q", tt.name, got, tt.hears)
			}
		}
	})
}

// said is the data that an ear heard.
func said(e *ear) string {
	var all []string
	for line := range strings.Lines(e.text()) {
		all = append(all, strings.Fields(line)[2])
	}
	return strings.Join(all, " ")
}

// Recovery takes the right to subscribe alone; a rule that denies history denies it too.
func TestARuleThatDeniesHistoryDeniesRecovery(t *testing.T) {
	h := kept(t, 10, nil)
	policy, problems := acl.Compile(h.tenants["acme"].ID, []acl.Rule{
		{Name: "rooms", Allow: []string{"publish", "subscribe"}, Channels: []string{"room:**"}},
		{Name: "newcomers", Deny: []string{"history"}, Channels: []string{"room:**"}, For: &acl.Match{Users: []string{"new"}}},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	h.tenants["acme"].Policy = policy
	alice := h.enter(t, "acme", "alice", &ear{})
	at := published(t, alice, "room:1", "1")
	published(t, alice, "room:1", "2")
	if got, fault := begin(t, h.enter(t, "acme", "old", &ear{}), "room:1", hub.Start{Since: &at}); fault != nil || !got.Recovery.Recovered || got.Recovery.Replayed != 1 {
		t.Errorf("without a rule about history: got %+v, %v; want one message", got, fault)
	}
	var e ear
	got, fault := begin(t, h.enter(t, "acme", "new", &e), "room:1", hub.Start{Since: &at})
	must(t, fault)
	if *got.Recovery != (wire.Recovery{Reason: wire.NoHistory}) || got.Position.Offset <= at.Offset || e.text() != "" {
		t.Errorf("where history is denied: got %+v at %v and heard %q, want no history and the present", *got.Recovery, got.Position, e.text())
	}
	if _, fault := begin(t, h.enter(t, "acme", "new", &ear{}), "room:1", hub.Start{Since: &at, Strict: true}); fault == nil || fault.Code != wire.Unrecoverable {
		t.Errorf("strictly, where history is denied: got %v, want unrecoverable", fault)
	}
	if _, fault := h.enter(t, "acme", "old", &ear{}).History(t.Context(), "room:1", hub.Reading{}); fault == nil || fault.Code != wire.Forbidden {
		t.Errorf("reading without a rule that allows it: got %v, want forbidden", fault)
	}
}

// Readers come and go at random while publishers run. Each continues where it was, and at the end has every message once, in order, or was told what it has not.
func TestReplayAndLiveAreOneSequence(t *testing.T) {
	const readers, publishers, messages = 8, 3, 400
	h := kept(t, 10_000, nil)
	var publishing, reading sync.WaitGroup
	var done atomic.Bool
	for p := range publishers {
		m := h.enter(t, "acme", fmt.Sprint("p", p), &ear{})
		publishing.Go(func() {
			for i := range messages {
				receipt, fault := m.Publish(context.Background(), "room:1", hub.Publication{Data: fmt.Appendf(nil, "%d.%d", p, i)})
				if fault != nil || receipt.Position.Offset == 0 {
					t.Error(receipt, fault)
				}
				time.Sleep(50 * time.Microsecond) // nobody misses more than is replayed
			}
		})
	}
	heard := make([]*reader, readers)
	for i := range heard {
		heard[i] = &reader{}
		reading.Go(func() {
			r, random := heard[i], rand.New(rand.NewPCG(uint64(i), 1))
			for last := false; !last; {
				last = done.Load()
				line := r.dial()
				m := h.enter(t, "acme", fmt.Sprint("r", i), &ear{dialect: positions{}, read: line.read})
				how := hub.Start{}
				if at := r.position(); at.Epoch != "" {
					how.Since = &at
				} else if last {
					return
				}
				fault := m.Subscribe(context.Background(), "room:1", how, r.began)
				if fault != nil {
					t.Error(fault)
				}
				time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
				line.cut()
				m.Leave()
				if failed := r.fault(); failed != "" {
					t.Errorf("reader %d: %s", i, failed)
					return
				}
			}
		})
	}
	publishing.Wait()
	done.Store(true)
	reading.Wait()
	want, _, err := h.engine.Since(t.Context(), channel.Ref{Tenant: h.tenants["acme"].ID, Name: channel.MustParse("room:1")}, message.Position{}, 10_000)
	if err != nil || len(want) != publishers*messages {
		t.Fatalf("%d are stored, %v", len(want), err)
	}
	for i, r := range heard {
		from := slices.IndexFunc(want, func(m message.Message) bool { return m.Position.Offset > r.first })
		if from < 0 && len(r.offsets) == 0 {
			continue
		}
		if len(r.offsets) != len(want)-from {
			t.Fatalf("reader %d heard %d messages after its first position, want %d", i, len(r.offsets), len(want)-from)
		}
		for k, offset := range r.offsets {
			if offset != want[from+k].Position.Offset {
				t.Fatalf("reader %d: message %d has offset %d, want %d", i, k, offset, want[from+k].Position.Offset)
			}
		}
	}
}

// positions is a dialect of offsets.
type positions struct{ wire.Dialect }

func (positions) AppendMessage(dst []byte, m *message.Message) []byte {
	return fmt.Appendf(dst, "%d\n", m.Position.Offset)
}

func (positions) AppendNotice(dst []byte, n *wire.Notice) []byte { return fmt.Appendf(dst, "gap\n") }

// reader keeps what it heard over several connections.
type reader struct {
	mu      sync.Mutex
	epoch   string
	first   uint64
	at      uint64
	begun   bool
	offsets []uint64
	failed  string
}

func (r *reader) position() message.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return message.Position{Offset: r.at, Epoch: r.epoch}
}

func (r *reader) fault() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// line is one connection of a reader. What comes behind its end is not read.
type line struct {
	*reader
	over bool // guarded by the reader's mu
}

func (r *reader) dial() *line {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = false
	return &line{reader: r}
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

func (l *line) read(frames []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.take(frames)
	}
}

func (r *reader) began(b hub.Begun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
	switch {
	case r.epoch == "":
		r.epoch, r.first, r.at = b.Position.Epoch, b.Position.Offset, b.Position.Offset
	case b.Recovery == nil || !b.Recovery.Recovered:
		r.failed = fmt.Sprintf("continued at %v: %+v", b.Position, b.Recovery)
	}
}

func (r *reader) take(frames []byte) {
	for line := range strings.Lines(string(frames)) {
		var offset uint64
		if _, err := fmt.Sscan(line, &offset); err != nil || offset <= r.at || !r.begun {
			r.failed = fmt.Sprintf("heard %q behind %d, begun %v", line, r.at, r.begun)
		}
		r.at = offset
		r.offsets = append(r.offsets, offset)
	}
}

// slowEngine answers a question when it is told to, and knows what was asked.
type slowEngine struct {
	broker.Broker
	asked  chan struct{}
	answer chan error
}

func (s *slowEngine) Since(ctx context.Context, ref channel.Ref, from message.Position, limit int) ([]message.Message, bool, error) {
	page, complete, err := s.Broker.Since(ctx, ref, from, limit)
	return page, complete, s.wait(ctx, err)
}

func (s *slowEngine) Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error) {
	heads, err := s.Broker.Heads(ctx, refs)
	return heads, s.wait(ctx, err)
}

func (s *slowEngine) wait(ctx context.Context, err error) error {
	s.asked <- struct{}{}
	select {
	case wrong := <-s.answer:
		if wrong != nil {
			return wrong
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// While the engine is asked others hear on, and what is said meanwhile comes behind what was missed.
func TestASlowEngineHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowEngine{asked: make(chan struct{}), answer: make(chan error)}
		h := kept(t, 10_000, func(b broker.Broker) broker.Broker { slow.Broker = b; return slow })
		var bob, carol ear
		begun := make(chan hub.Begun, 9)
		subscribe := func(user string, e *ear, since *message.Position) {
			m := h.enter(t, "acme", user, e)
			go func() {
				if fault := m.Subscribe(context.Background(), "room:1", hub.Start{Since: since}, func(b hub.Begun) { begun <- b }); fault != nil {
					t.Error(fault)
				}
			}()
		}
		subscribe("bob", &bob, nil)
		<-slow.asked
		slow.answer <- nil
		<-begun
		alice := h.enter(t, "acme", "alice", &ear{})
		at := published(t, alice, "room:1", "1")
		published(t, alice, "room:1", "2")
		subscribe("carol", &carol, &at)
		<-slow.asked // it has read 2
		published(t, alice, "room:1", "3")
		synctest.Wait()
		if got := said(&bob); got != "1 2 3" {
			t.Errorf("bob heard %q while carol waits, want 1 2 3", got)
		}
		slow.answer <- nil
		if b := <-begun; b.Recovery.Replayed != 1 {
			t.Errorf("got %+v, want 1 replayed", b.Recovery)
		}
		published(t, alice, "room:1", "4")
		synctest.Wait()
		if got := said(&carol); got != "2 3 4" {
			t.Errorf("carol heard %q, want 2 3 4", got)
		}

		var dave ear // more is said than is held: the engine is asked again
		subscribe("dave", &dave, &at)
		<-slow.asked
		for i := range 600 {
			published(t, alice, "room:1", fmt.Sprint(i+5))
		}
		slow.answer <- nil
		<-slow.asked // again: 603 are more than are replayed
		slow.answer <- nil
		<-slow.asked // where the channel is
		slow.answer <- nil
		if b := <-begun; b.Recovery.Reason != wire.TooMany {
			t.Errorf("got %+v, want limit", b.Recovery)
		}
	})
}

// More is said than a subscriber holds, each time that the engine is asked where the channel is. After the third time it begins, and what it could not hold is a gap: everything behind the position that
// it was told comes, or is told.
func TestWhatIsMoreThanASubscriberHoldsIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowEngine{asked: make(chan struct{}), answer: make(chan error)}
		h := kept(t, 10_000, func(b broker.Broker) broker.Broker { slow.Broker = b; return slow })
		alice, bob := h.enter(t, "acme", "alice", &ear{}), &ear{dialect: gaps{}}
		m := h.enter(t, "acme", "bob", bob)
		begun := make(chan hub.Begun, 1)
		go func() {
			if fault := m.Subscribe(context.Background(), "room:1", hub.Start{}, func(b hub.Begun) { begun <- b }); fault != nil {
				t.Error(fault)
			}
		}()
		for range 3 {
			<-slow.asked // it has read where the channel is
			for range 600 {
				published(t, alice, "room:1", "1")
			}
			slow.answer <- nil
		}
		if b := <-begun; b.Position.Offset != 1200 || b.Recovery != nil {
			t.Errorf("it begins at %v, %+v; want 1200, where the engine was when it was asked for the third time", b.Position, b.Recovery)
		}
		published(t, alice, "room:1", "1")
		synctest.Wait()
		want := "(1200 1714 slow)" // 512 messages are held, and the next one drops them
		for offset := 1714; offset <= 1801; offset++ {
			want += fmt.Sprint(" ", offset)
		}
		if got := strings.TrimSpace(bob.text()); got != want {
			t.Errorf("bob heard %q, want %q", got, want)
		}
	})
}

// What is refused for a channel's setting, or for what is there already, names the channel and says what to do.
func TestARefusalSaysWhatToDo(t *testing.T) {
	_, manager, ana := managed(t)
	at := published(t, ana, "room:1", "1")
	must(t, ana.Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
	foreign := message.Position{Offset: at.Offset, Epoch: "other"}
	for what, tt := range map[string]struct {
		try  func() *wire.Fault
		says []string
	}{
		"history where nothing is kept": {func() *wire.Fault {
			_, fault := ana.History(t.Context(), "hall", hub.Reading{})
			return fault
		}, []string{"hall", "the operator"}},
		"a purge where nothing is kept": {func() *wire.Fault {
			_, fault := manager.Purge(t.Context(), "hall")
			return fault
		}, []string{"hall", "the operator"}},
		"a key where nothing is kept": {func() *wire.Fault {
			_, fault := ana.Publish(t.Context(), "hall", hub.Publication{Data: []byte("1"), Key: "k"})
			return fault
		}, []string{"hall", "publish without it"}},
		"a second subscription": {func() *wire.Fault { return ana.Subscribe(t.Context(), "room:1", hub.Start{}, ignore) }, []string{"room:1", "unsubscribe"}},
		"a second subscription that a service chooses": {func() *wire.Fault {
			greet(t, ana)
			return give(ana, "room:1")
		}, []string{"room:1", "unsubscribe"}},
		"a strict page of a foreign epoch": {func() *wire.Fault {
			_, fault := ana.History(t.Context(), "room:1", hub.Reading{Since: &foreign, Strict: true})
			return fault
		}, []string{"epoch", "without strict"}},
		"a strict subscription of a foreign epoch": {func() *wire.Fault {
			return manager.Subscribe(t.Context(), "room:1", hub.Start{Since: &foreign, Strict: true}, ignore)
		}, []string{"epoch", "without strict"}},
	} {
		fault := tt.try()
		for _, words := range tt.says {
			if fault == nil || !strings.Contains(fault.Message, words) {
				t.Errorf("%s: got %v, want %q in it", what, fault, words)
			}
		}
	}
}

// A backend may take a subscription while the engine is asked: it took one, and whoever asked for it is answered forbidden. There is no notice of what never began.
func TestABackendTakesWhatStillCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowEngine{asked: make(chan struct{}), answer: make(chan error)}
		h := kept(t, 10, func(b broker.Broker) broker.Broker { slow.Broker = b; return slow })
		m := h.enter(t, "acme", "bob", &ear{})
		answer := make(chan *wire.Fault)
		subscribe := func(confirm func(hub.Begun)) {
			answer <- m.Subscribe(context.Background(), "room:1", hub.Start{}, confirm)
		}
		go subscribe(func(hub.Begun) { t.Error("it began") })
		<-slow.asked
		loss := m.Take(channel.MustParse("room:1"))
		if loss == nil || loss.Len() != 0 {
			t.Fatalf("got a loss of %d, nil %v, want one that nobody is told of", loss.Len(), loss == nil)
		}
		loss.Tell(func(all []*wire.Notice) { t.Errorf("the client was told %v", all) })
		if m.Take(channel.MustParse("room:1")) != nil {
			t.Error("it was taken twice")
		}
		slow.answer <- nil
		if fault := <-answer; fault == nil || fault.Code != wire.Forbidden {
			t.Errorf("got %v, want forbidden", fault)
		}
		go subscribe(ignore)
		<-slow.asked
		slow.answer <- nil
		if fault := <-answer; fault != nil {
			t.Errorf("to subscribe again: got %v", fault)
		}
	})
}

// A policy may take the right away while the engine is asked: the subscription never begins, and that is the answer.
func TestARightThatEndsWhileTheEngineIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowEngine{asked: make(chan struct{}), answer: make(chan error)}
		h := kept(t, 10, func(b broker.Broker) broker.Broker { slow.Broker = b; return slow })
		d := new(diary)
		h.Follow(d)
		m := h.enter(t, "acme", "bob", &ear{})
		answer := make(chan *wire.Fault)
		subscribe := func() {
			answer <- m.Subscribe(context.Background(), "room:1", hub.Start{}, func(hub.Begun) { t.Error("it began") })
		}
		go subscribe()
		<-slow.asked
		if loss := m.Renew(nil, h.only(t, "none")); loss.Len() != 0 {
			t.Errorf("got a loss of %d, want none: the client was not told that it had anything", loss.Len())
		}
		slow.answer <- nil
		if fault := <-answer; fault == nil || fault.Code != wire.Forbidden {
			t.Errorf("got %v, want forbidden", fault)
		}
		m.Renew(nil, func(tenant.ID) *realm.Tenant { return h.tenants["acme"] })
		go subscribe()
		<-slow.asked
		slow.answer <- broker.ErrUnavailable
		if fault := <-answer; fault == nil || fault.Code != wire.Unavailable {
			t.Errorf("an engine that cannot say: got %v, want unavailable", fault)
		}
		go subscribe()
		<-slow.asked
		time.Sleep(time.Minute) // it says nothing
		if fault := <-answer; fault == nil || fault.Code != wire.Unavailable {
			t.Errorf("an engine that says nothing: got %v, want unavailable", fault)
		}
		d.reads(t, "what never began", "acme room:1 occupied", "acme room:1 vacated", "acme room:1 occupied", "acme room:1 vacated", "acme room:1 occupied", "acme room:1 vacated")
		if n := h.watcher.subscriptions.Load(); n != 0 || h.Rooms() != 0 {
			t.Errorf("%d subscriptions and %d rooms are left", n, h.Rooms())
		}
	})
}

// Whoever does not want to hear itself does not, and hears everybody else in order; nobody else notices.
func TestWithoutOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, messages := range map[string]int{"without history": 0, "with history": 100} {
			h := kept(t, messages, nil)
			var ana, bob ear
			a, b := h.enter(t, "acme", "ana", &ana), h.enter(t, "acme", "bob", &bob)
			_, fault := begin(t, a, "room:1", hub.Start{Mute: true})
			must(t, fault)
			_, fault = begin(t, b, "room:1", hub.Start{})
			must(t, fault)
			for i := range 30 {
				published(t, []*hub.Member{a, b}[i%2], "room:1", fmt.Sprint(i))
			}
			synctest.Wait()
			if got, want := said(&ana), "1 3 5 7 9 11 13 15 17 19 21 23 25 27 29"; got != want {
				t.Errorf("%s: ana heard %q, want %q", name, got, want)
			}
			if got := len(strings.Fields(said(&bob))); got != 30 {
				t.Errorf("%s: bob heard %d messages, want all 30", name, got)
			}
			must(t, a.Unsubscribe("room:1"))
			must(t, a.Subscribe(context.Background(), "room:1", hub.Start{}, ignore))
			published(t, a, "room:1", "30")
			synctest.Wait()
			if got := said(&ana); !strings.HasSuffix(got, " 30") {
				t.Errorf("%s: ana heard %q, want what she says too, now that she wants it", name, got)
			}
		}
	})
}

// lossy is an engine that says that it may have lost something.
type lossy struct {
	broker.Broker
	sink   broker.Sink
	losing atomic.Bool // messages do not come
	broken atomic.Bool // nothing is known
}

func (l *lossy) Run(ctx context.Context, s broker.Sink) error {
	l.sink = s
	return l.Broker.Run(ctx, holed{s, l})
}

func (l *lossy) Heads(ctx context.Context, refs []channel.Ref) ([]message.Position, error) {
	if l.broken.Load() {
		return nil, broker.ErrUnavailable
	}
	return l.Broker.Heads(ctx, refs)
}

type holed struct {
	broker.Sink
	l *lossy
}

func (h holed) Message(m *message.Message) {
	if !h.l.losing.Load() {
		h.Sink.Message(m)
	}
}

// Everybody who hears a channel is told what did not come, and only that.
func TestAGapOfTheEngineIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(lossy)
		h := kept(t, 100, func(b broker.Broker) broker.Broker { l.Broker = b; return l })
		h.tenants["acme"].Channels = keeping(t, "room:1", 100)
		var bob, carol ear
		bob.dialect, carol.dialect = gaps{}, gaps{}
		must(t, h.enter(t, "acme", "bob", &bob).Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
		must(t, h.enter(t, "acme", "carol", &carol).Subscribe(t.Context(), "room:2", hub.Start{}, ignore))
		alice := h.enter(t, "acme", "alice", &ear{})
		room := channel.Ref{Tenant: h.tenants["acme"].ID, Name: channel.MustParse("room:1")}
		hears := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := bob.text(); got != want {
				t.Errorf("%s: bob heard %q, want %q", what, got, want)
			}
			bob.heard.Reset()
		}
		l.sink.Gap(room)
		hears("a quiet channel of which nothing is missing", "")
		published(t, alice, "room:1", "1")
		l.sink.Gap(room)
		hears("nothing is missing", "1 ")
		l.losing.Store(true)
		published(t, alice, "room:1", "2")
		published(t, alice, "room:1", "3")
		l.losing.Store(false)
		l.sink.Gap(room)
		hears("the engine knows that two are missing", "(1 4 engine) ")
		published(t, alice, "room:1", "4")
		l.losing.Store(true)
		published(t, alice, "room:1", "5")
		l.losing.Store(false)
		l.broken.Store(true)
		l.sink.Gap(room)
		hears("the engine does not know", "4 (4 0 engine) ")
		l.broken.Store(false)
		published(t, alice, "room:1", "6")
		hears("the next message", "6 ")
		l.sink.Gap(channel.Ref{Tenant: room.Tenant, Name: channel.MustParse("room:2")})
		synctest.Wait()
		if got, want := carol.text(), "(0 0 engine) "; got != want {
			t.Errorf("without history: carol heard %q, want %q", got, want)
		}
	})
}

// gaps is a dialect of offsets and gaps.
type gaps struct{ wire.Dialect }

func (gaps) AppendMessage(dst []byte, m *message.Message) []byte {
	return fmt.Appendf(dst, "%d ", m.Position.Offset)
}

func (gaps) AppendNotice(dst []byte, n *wire.Notice) []byte {
	return fmt.Appendf(dst, "(%d %d %s) ", n.Gap.After, n.Gap.Before, n.Gap.Reason)
}
