// Package simulation_test lets hours of a gateway's life pass in seconds: nodes on one engine, clients that publish and hear over a network in memory, and the faults that a seed gives: connections
// that break at any byte, delays, readers that stall or crawl, nodes that end or crash and come back, with their engine or without, credentials that run out or are refreshed, clocks that jump.
//
// PORTCULLIS_SEED replays one world, PORTCULLIS_LONG=1 makes many. What several clients do at the same moment is in no order that a seed could give: replay a few times.
package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/contract"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/testnet"
)

// channels differ in what becomes of those who read slowly.
var (
	channels = []string{"room:a", "room:b", "room:c"}
	ways     = []channel.SlowReader{channel.Disconnect, channel.DropOldest, channel.Conflate}
	keeps    = channel.History{Messages: 60, Age: 5 * time.Minute}
)

type saying struct {
	text string // brief, as JSON
	at   message.Position
	when time.Time
	size int
}

type ack struct {
	channel, text string // brief, as JSON
	at            place
}

// world is everything that one seed gives.
type world struct {
	t          *testing.T
	document   *contract.Wire
	tenant     *realm.Tenant
	tally      *tally
	attendance *attendance
	sites      []*site
	program    *program // nil in some worlds
	seed       uint64
	loud       bool // outboxes of those who read slowly are full soon
	bytes      int  // that a line lasts for, at most
	fresh      atomic.Int64
	calm       atomic.Bool // no more faults, and nobody publishes
	over       atomic.Bool

	mu     sync.Mutex
	chance *rand.Rand
	engine *memory.Broker
	lines  []*line
	said   map[string][]saying
	acks   []ack
	counts map[string]int
	faults []string
	talks  time.Time // everybody says much, until then
}

// Every client has every message of its channels once and in order, or was told exactly which it has not; who is there is who is on the list; nothing is left behind.
func TestWhateverBreaksNothingIsLostUntold(t *testing.T) {
	worlds, first := 8, uint64(time.Now().UnixNano())
	if os.Getenv("PORTCULLIS_LONG") != "" {
		worlds = 200
		if raced { // a world takes ten times as long
			worlds = 20
		}
	}
	if text := os.Getenv("PORTCULLIS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PORTCULLIS_SEED is %q: %v", text, err)
		}
		first, worlds = seed, 1
	}
	document, err := contract.NewWire()
	if err != nil {
		t.Fatal(err)
	}
	total := make(map[string]int)
	for i := range uint64(worlds) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, first+i, document)
			if err := w.run(); err != nil {
				t.Errorf("%v\nPORTCULLIS_SEED=%d replays it", err, first+i)
			}
			for what, n := range w.counts {
				total[what] += n
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d worlds from PORTCULLIS_SEED=%d: %v", worlds, first, total)
	for least, proof := range proofs {
		for _, what := range proof {
			if total[what] == 0 && worlds >= least {
				t.Errorf("there was no %q: the worlds prove too little", what)
			}
		}
	}
}

// proofs are what must have happened in one of so many worlds: what happens once in a world, and what is rare.
var proofs = map[int][]string{
	8: {
		"heard", "recovered", "gap of room:c", "crash", "listed", "join", "leave", "leave after a crash", "clock jump", "refreshed",
		"heard by a program", "published by a program", "told to a program: anew", "told to a program: join", "told to a program: leave",
	},
	20: {"gap of room:b", "close StatusCode(4101)", "not recovered: epoch", "close StatusCode(4200)", "engine lost", "retired", "told to a program: epoch"},
}

func newWorld(t *testing.T, seed uint64, document *contract.Wire) *world {
	w := &world{t: t, document: document, seed: seed, chance: rand.New(rand.NewPCG(seed, 6)), attendance: newAttendance(), said: make(map[string][]saying), counts: make(map[string]int), engine: memory.New(), loud: seed%4 == 0, bytes: 400_000}
	if w.loud {
		w.bytes = 20_000_000
	}
	w.tally = &tally{attendance: w.attendance}
	id := tenant.MustParse("acme")
	policy, problems := acl.Compile(id, []acl.Rule{{Name: "all", Allow: []string{"publish", "subscribe", "presence"}, Channels: []string{"room:**"}}})
	var settings []channel.Matched
	for i, name := range channels {
		room, err := channel.ParsePattern(name)
		if problems != nil || err != nil {
			t.Fatal(problems, err)
		}
		settings = append(settings, channel.Matched{Pattern: room, Setting: channel.Setting{History: keeps, Presence: 100, SlowReader: ways[i]}})
	}
	w.tenant = &realm.Tenant{ID: id, Policy: policy, Account: limit.NewTenant(limit.Limits{MessageSize: 64 << 10}), Channels: channel.NewSettings(settings)}
	for range 2 {
		s := &site{w: w}
		s.start()
		w.sites = append(w.sites, s)
	}
	return w
}

// run lets some minutes pass, with a fault every now and then, and then the calm in which all accounts must be right.
func (w *world) run() error {
	var living sync.WaitGroup
	clients := make([]*client, 5)
	for i := range clients {
		clients[i] = newClient(w, i)
		living.Go(clients[i].live)
	}
	if w.seed%2 == 1 {
		var err error
		if w.program, err = startProgram(w); err != nil {
			return err
		}
	}
	for begin := time.Now(); time.Since(begin) < 6*time.Minute; {
		time.Sleep(time.Duration(w.roll(40_000)) * time.Millisecond)
		w.talk(clients[w.roll(len(clients))])
		switch deed := w.roll(10); {
		case deed < 5:
			w.restart(w.sites[w.roll(len(w.sites))])
		case deed == 5 || deed == 6:
			w.restart(w.sites...)
		case deed == 7:
			time.Sleep(time.Duration(w.roll(4)) * time.Minute)
		case deed == 8:
			w.sites[w.roll(len(w.sites))].jump()
		}
	}
	if last := len(clients) - 1; w.roll(2) == 0 {
		w.retire(clients[last])
		clients = clients[:last]
	}
	w.calm.Store(true)
	for _, s := range w.sites {
		s.ahead.Store(0)
	}
	w.cut(nil)
	w.settle(3 * time.Minute) // longer than anybody stalls
	err := w.settled(clients)
	w.over.Store(true)
	w.cut(nil)
	living.Wait()
	w.program.end()
	for _, s := range w.sites {
		s.stop()
	}
	synctest.Wait()
	if n := w.tally.subscriptions.Load() + w.tally.channels.Load() + w.tally.members.Load(); err == nil && (n != 0 || w.tenant.Account.Connections() != 0) {
		err = fmt.Errorf("%d subscriptions, channels and members and %d connections are left", n, w.tenant.Account.Connections())
	}
	return err
}

// settle lets some time pass, and everything that happens then.
func (w *world) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// retire lets a client go for ever, with the node that it is on: nobody says goodbye for it.
func (w *world) retire(c *client) {
	c.retired.Store(true)
	s := w.attendance.where(c.user)
	if s == nil {
		s = w.sites[w.roll(len(w.sites))]
	}
	w.count("retired")
	s.crash()
	s.start()
}

// restart ends nodes, one or all, and runs others in their place. Where all end their engine may be lost with them.
func (w *world) restart(sites ...*site) {
	crash := w.roll(2) == 0
	for _, s := range sites {
		if crash {
			w.count("crash")
			s.crash()
		} else {
			s.stop()
		}
	}
	time.Sleep(time.Duration(w.roll(20_000)) * time.Millisecond)
	if len(sites) == len(w.sites) && w.roll(2) == 0 {
		w.count("engine lost")
		w.engine = memory.New()
	}
	for _, s := range sites {
		s.start()
	}
}

// settled compares everything.
func (w *world) settled(clients []*client) error {
	for _, c := range clients {
		if c.calm == nil {
			return fmt.Errorf("%s does not connect", c.user)
		}
	}
	if err := w.attended(clients); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range clients {
		for _, name := range channels {
			if got, want := c.feeds[name].epoch, clients[0].feeds[name].epoch; got != want {
				return fmt.Errorf("%s is in epoch %s of %s, and others in %s", c.user, got, name, want)
			}
		}
		if err := c.account(); err != nil {
			return err
		}
	}
	if w.program != nil {
		if err := w.program.account(); err != nil {
			return err
		}
	}
	for _, a := range w.acks {
		if !slices.ContainsFunc(w.said[a.channel], func(s saying) bool {
			return s.at.Offset == a.at.offset && s.at.Epoch == a.at.epoch && s.text == a.text
		}) {
			return fmt.Errorf("%.20q was answered with %v of %s, which is another message", a.text, a.at, a.channel)
		}
	}
	for name, said := range w.said {
		once := make(map[string]bool)
		for _, s := range said {
			if key := s.at.Epoch + s.text; once[key] {
				return fmt.Errorf("%.20s was published twice on %s", s.text, name)
			} else {
				once[key] = true
			}
		}
	}
	if len(w.faults) > 0 {
		return fmt.Errorf("%d times something was wrong, first: %s", len(w.faults), w.faults[0])
	}
	return nil
}

// continues reports whether everything that was said on a channel after an offset is surely there, and not more than may be missed: then whoever comes back from there must be given it.
func (w *world) continues(name, epoch string, offset uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count, size := 0, 0
	for _, s := range w.said[name] {
		if s.at.Epoch != epoch || s.at.Offset <= offset {
			continue
		}
		if time.Since(s.when) > keeps.Age-time.Minute {
			return false
		}
		count, size = count+1, size+s.size
	}
	return count < keeps.Messages-10 && size < 400<<10
}

// cut breaks the connections to a listener, or all.
func (w *world) cut(of *testnet.Listener) {
	w.mu.Lock()
	lines := w.lines
	w.lines = nil
	var others []*line
	for _, l := range lines {
		if of != nil && l.of != of {
			others = append(others, l)
		}
	}
	w.lines = others
	w.mu.Unlock()
	for _, l := range lines {
		if of == nil || l.of == of {
			l.Close()
		}
	}
}

// id is a number that nothing else has. No subscribe has one of them.
func (w *world) id() int { return firstID + int(w.fresh.Add(1)) }

func (w *world) roll(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chance.IntN(max(n, 1))
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *world) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}
