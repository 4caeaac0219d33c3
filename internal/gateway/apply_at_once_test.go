package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
)

const (
	disputed   = "room:1"
	membersSay = unlimited + `
    rules: [{name: members, allow: [subscribe, publish, presence], channels: ["**"], for: {roles: [member]}}]`
	nobodyHears = unlimited + `
    rules: [{name: members, allow: [subscribe, publish], channels: ["**"], for: {roles: [member]}}, {name: taken, deny: [subscribe], channels: ["room:1"]}]`
	allHear = membersSay + `
    subscribe: [{channels: ["room:1"]}]`
)

// party is a client about whose one subscription many decide. It writes down what may not be.
type party struct {
	*line
	saying sync.Mutex
	rests  chan bool // whether it is subscribed, as it was told, at each answer to a ping
	wrong  atomic.Pointer[string]
	over   atomic.Bool
}

func (p *party) says(text string) error {
	p.saying.Lock()
	defer p.saying.Unlock()
	return p.say(text)
}

func (p *party) note(format string, args ...any) {
	wrong := fmt.Sprintf(format, args...)
	p.wrong.CompareAndSwap(nil, &wrong)
}

// read follows what the client is told: a message only while it is subscribed, and every beginning and end once.
func (p *party) read() {
	for on := false; ; {
		payload, err := p.frame()
		if err != nil {
			if !p.over.Load() {
				p.note("the line ended: %v", err)
			}
			close(p.rests)
			return
		}
		var h heard
		if err := json.Unmarshal(payload, &h); err != nil {
			p.note("got %q: %v", payload, err)
		}
		begins := h.Type == "subscribed" || h.Type == "ok" && h.ID == 1
		ends := h.Type == "unsubscribed" || h.Type == "ok" && h.ID == 2
		switch {
		case begins && on, ends && !on, (h.Type == "message" || h.Type == "gap") && !on, h.Code == "internal", h.Code == "unavailable":
			p.note("subscribed: %v; and then came %s", on, payload)
		case begins || ends:
			on = begins
		case h.ID == 99:
			p.rests <- on
		}
	}
}

// A client subscribes, unsubscribes and refreshes, a backend gives and takes, and the rules and choices of the tenant change, all about one channel at one moment, again and again, while
// somebody speaks on it. Nothing comes before a beginning or behind an end, each is told once, what the client was told is what the gateway says, and in the end nothing is left.
func TestEverybodyDecidesAboutOneSubscriptionAtOnce(t *testing.T) {
	for name, kept := range map[string]string{
		"without history":            "",
		"with history":               "\n    channels: [{match: \"room:**\", history: {messages: 10}}]",
		"with history and presence":  "\n    channels: [{match: \"room:**\", history: {messages: 10}, presence: true}]",
		"with dropping slow readers": "\n    channels: [{match: \"room:**\", slow_reader: drop_oldest, presence: true}]",
	} {
		t.Run(name, func(t *testing.T) { disputeOver(t, kept) })
	}
}

func disputeOver(t *testing.T, kept string) {
	d := openAs(t, membersSay+kept)
	acme, room := tenant.MustParse("acme"), channel.MustParse(disputed)
	member, plain := d.token("ana", "member"), d.token("ana")
	settings := []string{membersSay + kept, nobodyHears + kept, allHear + kept}
	stop := sync.OnceFunc(d.speaks(t))
	defer stop()
	var clients []*party
	var reading sync.WaitGroup
	for range 2 {
		p := &party{line: d.comes(t, member), rests: make(chan bool, 1)}
		clients = append(clients, p)
		reading.Go(p.read)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for round := range sized(300, 3000) {
		var deeds []func()
		for _, p := range clients {
			s := d.Roster().Find(acme, p.id)
			deeds = append(deeds, d.deedsOf(ctx, t, p, s, room, []string{member, plain}[rand.N(2)])...)
		}
		world := d.snapshot(settings[rand.N(len(settings))])
		deeds = append(deeds, func() { d.apply(t, world) })
		done := make(chan struct{})
		go func() { atOnce(deeds); close(done) }()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatalf("round %d hangs", round)
		}
		subscribed := 0
		for i, p := range clients {
			on := d.settles(t, p, round)
			if on {
				subscribed++
			}
			if is := slices.Contains(d.channels(p.id), disputed); is != on || p.wrong.Load() != nil {
				t.Fatalf("round %d, client %d: it was told %v, and the gateway says %v; wrong: %v", round, i, on, is, text(p.wrong.Load()))
			}
		}
		if n := d.hub.Subscriptions(channel.Ref{Tenant: acme, Name: room}); n != subscribed {
			t.Fatalf("round %d: the hub counts %d subscriptions, the clients %d", round, n, subscribed)
		}
	}
	stop()
	for _, p := range clients {
		p.over.Store(true)
		p.Close()
	}
	reading.Wait()
	d.leavesNothing(t)
}

func text(wrong *string) string {
	if wrong == nil {
		return "nothing"
	}
	return *wrong
}

// deedsOf is what a client and a backend do about the client's subscription.
func (d *edge) deedsOf(ctx context.Context, t *testing.T, p *party, s *session.Session, room channel.Name, token string) []func() {
	says := func(text string) func() {
		return func() {
			if err := p.says(text); err != nil {
				t.Error(err)
			}
		}
	}
	return []func(){
		says(subscribe(1, disputed)),
		says(`{"type":"unsubscribe","id":2,"channel":"room:1"}`),
		says(`{"type":"refresh","id":3,"token":"` + token + `"}`),
		func() { s.Take(room) },
		func() { _, _ = s.Give(ctx, room) }, // whether it may is the other deeds' to decide
	}
}

// atOnce does all of them at about the same moment.
func atOnce(deeds []func()) {
	var all sync.WaitGroup
	for _, deed := range deeds {
		wait := rand.N(300 * time.Microsecond)
		all.Go(func() {
			time.Sleep(wait)
			deed()
		})
	}
	all.Wait()
}

// settles waits until a client has the answer to all that it said, and reports whether it is subscribed, as it was told.
func (d *edge) settles(t *testing.T, p *party, round int) bool {
	t.Helper()
	if err := p.says(ping); err != nil {
		t.Fatal(err)
	}
	select {
	case on, open := <-p.rests:
		if open {
			return on
		}
	case <-time.After(30 * time.Second):
	}
	t.Fatalf("round %d: there is no answer; wrong: %s", round, text(p.wrong.Load()))
	return false
}

// speaks publishes on the disputed channel until stop.
func (d *edge) speaks(t *testing.T) (stop func()) {
	acme := d.realms.Current().Tenant(tenant.MustParse("acme"))
	place, _ := acme.Account.Enter("storm")
	m := d.hub.Join(acme, &auth.Principal{Tenant: acme.ID, User: "storm", Roles: []string{"member"}}, place, "c_storm", nobody{})
	var over atomic.Bool
	var speaking sync.WaitGroup
	speaking.Go(func() {
		for n := 0; !over.Load(); n++ {
			if _, fault := m.Publish(context.Background(), disputed, hub.Publication{Data: fmt.Append(nil, n)}); fault != nil {
				t.Errorf("publish: %v", fault)
			}
			time.Sleep(200 * time.Microsecond)
		}
	})
	return func() {
		over.Store(true)
		speaking.Wait()
		m.Leave()
		place.Leave()
	}
}

// leavesNothing waits until nothing is counted any more.
func (d *edge) leavesNothing(t *testing.T) {
	t.Helper()
	left := func() [3]int64 {
		return [3]int64{d.tally.subscriptions.Load(), d.tally.channels.Load(), d.tally.members.Load()}
	}
	for end := time.Now().Add(10 * time.Second); left() != [3]int64{}; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("subscriptions, channels and members that are left: %v", left())
		}
	}
}
