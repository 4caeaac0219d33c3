package hub_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// step does something.
func (w *hubWorld) step() {
	i, name := w.chance.IntN(len(w.guests)), w.names[w.chance.IntN(len(w.names))]
	g := w.guests[i]
	deed := w.chance.IntN(100)
	w.log = append(w.log, fmt.Sprintf("%v %s of %s on %s: deed %d", time.Now().Format("15:04:05.000"), g.connection, g.user, name, deed))
	switch {
	case deed < 35:
		w.publish(g, name)
	case deed < 55:
		w.subscribe(g, name, false)
	case deed < 60:
		w.subscribe(g, name, true)
	case deed < 68:
		w.unsubscribe(g, name)
	case deed < 74:
		w.read(g, name)
	case deed < 76:
		w.purge(g, name)
	case deed < 80:
		w.leave(g)
		w.guests[i] = w.arrive(g.user)
	case deed < 83:
		w.rules(g, name)
	case deed < 85:
		w.take(g, name)
	case deed < 88:
		w.settle()
		w.look(g, name)
	case deed < 90:
		time.Sleep(w.slowly / 2) // whoever delivers has begun to
	case deed < 92:
		time.Sleep(time.Duration(w.chance.Int64N(int64(12 * time.Second))))
	case deed < 94:
		time.Sleep(time.Duration(w.chance.Int64N(int64(6 * time.Minute))))
	default:
		w.settle()
	}
}

// publish says something new, or something again.
func (w *hubWorld) publish(g *guest, name string) {
	w.fresh++
	m, p := w.models[name], hub.Publication{Data: fmt.Append(nil, w.fresh)}
	if w.chance.IntN(3) == 0 {
		p.Key = fmt.Sprint("key ", w.chance.IntN(3))
	}
	whose := fmt.Sprint(g.user, name, p.Key)
	first, known := w.keys[whose]
	known = known && p.Key != "" && time.Since(first.when) <= 5*time.Minute
	if known && w.chance.IntN(2) == 0 {
		p.Data = []byte(first.text)
	}
	r, fault := g.Publish(context.Background(), name, p)
	switch same := first.text == string(p.Data); {
	case p.Key != "" && m.keeps == 0:
		w.expect("with a key, where nothing is kept", fault, wire.NotAvailable)
	case known && !same:
		w.expect("another publication with a key", fault, wire.Conflict)
		w.count["conflict"]++
	case known:
		w.expect("the same publication again", fault, "")
		if !r.Duplicate || r.Position != first.at {
			w.fail("the same publication again: got %+v, want %v", r, first.at)
		}
		w.count["duplicate"]++
	default:
		w.expect("a publication", fault, "")
		if last := m.last(); r.Duplicate || (r.Position.Offset > last) != (m.keeps > 0) {
			w.fail("a publication on %s got %+v behind %d", name, r, last)
		}
		w.keys[whose] = keyed{string(p.Data), r.Position, time.Now()}
		m.say(saying{string(p.Data), g.connection, r.Position, time.Now()})
	}
}

// last is the offset of what was said last.
func (m *model) last() uint64 {
	if len(m.said) == 0 {
		return 0
	}
	return m.said[len(m.said)-1].at.Offset
}

func (w *hubWorld) expect(what string, fault *wire.Fault, want wire.Code) {
	w.t.Helper()
	var got wire.Code
	if fault != nil {
		got = fault.Code
	}
	if got != want {
		w.fail("%s: got %q, want %q", what, fault, want)
	}
}

// start is how a subscription may begin: somewhere that was, that will be, or that never was.
func (w *hubWorld) start(m *model) (how hub.Start) {
	how.Strict, how.Mute, how.JoinLeave = w.chance.IntN(5) == 0, w.chance.IntN(4) == 0, w.chance.IntN(3) == 0
	if len(m.said) == 0 || w.chance.IntN(3) == 0 {
		return how
	}
	at := m.said[max(0, len(m.said)-1-w.chance.IntN(12))].at
	switch w.chance.IntN(10) {
	case 0:
		at.Epoch = "foreign"
	case 1:
		at.Offset += 1 << 40
	}
	how.Since = &at
	return how
}

// subscribe begins a subscription; busy does it while others publish, and the engine takes its time.
func (w *hubWorld) subscribe(g *guest, name string, busy bool) {
	m := w.models[name]
	if m.keeps == 0 {
		w.settle() // only where there are offsets does a subscriber know where it begins
		busy = false
	}
	how, over := w.start(m), func() {}
	var since message.Position
	if how.Since != nil {
		since = *how.Since
	}
	could := m.continues(since)
	if busy {
		over = w.busily(name)
	}
	begun, began := hub.Begun{}, false
	fault := g.Subscribe(context.Background(), name, how, func(b hub.Begun) {
		begun, began = b, true
		g.open(name)
	})
	over()
	switch {
	case g.denied == name:
		w.expect("to subscribe where a rule denies it", fault, wire.Forbidden)
	case m.hears[g] != nil:
		w.expect("to subscribe again", fault, wire.AlreadySubscribed)
	case fault != nil && how.Strict && how.Since != nil && !m.continues(since): // while it was busy, it may have been trimmed
		w.expect("to continue, strictly", fault, wire.Unrecoverable)
	default:
		w.expect("to subscribe", fault, "")
		w.begin(m, g, name, how, begun, could)
	}
	if began != (fault == nil) {
		w.fail("the subscription began: %v, and the answer is %v", began, fault)
	}
}

// continues reports whether nothing after a position is lost.
func (m *model) continues(at message.Position) bool {
	return m.keeps > 0 && len(m.said) > 0 && at.Epoch == m.said[0].at.Epoch && at.Offset <= m.last() && len(m.after(at.Offset)) <= len(m.stored())
}

// begin compares how a subscription began, and says what it must have heard already.
func (w *hubWorld) begin(m *model, g *guest, name string, how hub.Start, begun hub.Begun, could bool) {
	r, h, at := begun.Recovery, &hearing{mute: how.Mute, listens: how.JoinLeave}, begun.Position.Offset
	if (r != nil) != (how.Since != nil) || (at > 0) != (m.keeps > 0) && len(m.said) > 0 {
		w.fail("it began at %v, recovery %+v", begun.Position, r)
	}
	if r != nil && (r.Recovered && !could || !r.Recovered && m.continues(*how.Since)) {
		w.fail("since %v got %+v, could continue before: %v, after: %v", *how.Since, *r, could, m.continues(*how.Since))
	}
	from := at
	if r != nil && r.Recovered {
		from = how.Since.Offset
		w.count["recovered"]++
	} else if r != nil {
		w.count["not recovered"]++
	}
	replayed := 0
	if m.keeps > 0 {
		for _, s := range m.after(from) {
			if h.add(g, s); s.at.Offset <= at {
				replayed = len(h.want)
			}
		}
	}
	if r != nil && r.Replayed != replayed {
		w.fail("since %v got %+v at %v, want %d replayed", *how.Since, *r, begun.Position, replayed)
	}
	m.hears[g] = h
	if how.JoinLeave {
		w.look(g, name)
	}
}

// busily publishes beside what is done next, and lets the engine hesitate. over waits until all is said.
func (w *hubWorld) busily(name string) (over func()) {
	w.slow.takes = func() time.Duration { return time.Duration(w.chance.IntN(4000)) * time.Microsecond }
	r := w.without("")
	said := make(chan saying)
	var all sync.WaitGroup
	for range 1 + w.chance.IntN(3) {
		from, n := w.fresh, 1+w.chance.IntN(5)
		w.fresh += n
		s := w.Speaker(r, &auth.Principal{Tenant: r.ID, User: "service"})
		all.Go(func() {
			for i := range n {
				text := fmt.Sprint(from + i + 1)
				receipt, fault := s.Publish(context.Background(), name, hub.Publication{Data: []byte(text)})
				if fault != nil {
					w.t.Error(fault)
				}
				said <- saying{text, "", receipt.Position, time.Now()}
				time.Sleep(time.Millisecond)
			}
		})
	}
	heard := make(chan []saying)
	go func() {
		var list []saying
		for s := range said {
			list = append(list, s)
		}
		heard <- list
	}()
	return func() {
		w.slow.takes = nil
		all.Wait()
		close(said)
		list := <-heard
		slices.SortFunc(list, func(a, b saying) int { return cmp.Compare(a.at.Offset, b.at.Offset) })
		for _, s := range list {
			w.models[name].say(s)
		}
	}
}

func (w *hubWorld) unsubscribe(g *guest, name string) {
	fault := g.Unsubscribe(name)
	if w.models[name].hears[g] == nil {
		w.expect("to unsubscribe from what is not subscribed", fault, wire.NotSubscribed)
		return
	}
	w.expect("to unsubscribe", fault, "")
	w.part(g, name)
}

// read reads a page of history, from somewhere or from the end.
func (w *hubWorld) read(g *guest, name string) {
	m := w.models[name]
	how := hub.Reading{Limit: 1 + w.chance.IntN(6), Reverse: w.chance.IntN(2) == 0, Since: w.start(m).Since}
	page, fault := g.History(context.Background(), name, how)
	if m.keeps == 0 {
		w.expect("to read where nothing is kept", fault, wire.NotAvailable)
		return
	}
	w.expect("to read", fault, "")
	var want []string
	known := how.Since != nil && how.Since.Epoch == m.said[0].at.Epoch && how.Since.Offset <= m.last()
	for _, s := range m.stored() {
		if !known || how.Reverse && s.at.Offset < how.Since.Offset || !how.Reverse && s.at.Offset > how.Since.Offset {
			want = append(want, s.text)
		}
	}
	if how.Reverse {
		slices.Reverse(want)
	}
	more := len(want) > how.Limit
	want = want[:min(len(want), how.Limit)]
	var got []string
	for _, m := range page.Messages {
		got = append(got, string(m.Data))
	}
	if !slices.Equal(got, want) || page.More != more {
		w.fail("%+v read %v of %s, more %v; want %v, more %v", how, got, name, page.More, want, more)
	}
}

func (w *hubWorld) purge(g *guest, name string) {
	m := w.models[name]
	behind, fault := g.Purge(context.Background(), name)
	if m.keeps == 0 {
		w.expect("to purge where nothing is kept", fault, wire.NotAvailable)
		return
	}
	w.expect("to purge", fault, "")
	if m.lost = len(m.said); behind.Offset < m.last() {
		w.fail("a purge ended at %v, before %d", behind, m.last())
	}
}

// look asks who is there, and notes it as a client does.
func (w *hubWorld) look(g *guest, name string) {
	w.expect("to ask who is there", g.Presence(name, func(a wire.Attendance) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if _, subscribed := g.heard[name]; subscribed {
			g.there[name] = nil
			for _, m := range a.Members {
				g.there[name] = append(g.there[name], m.User)
			}
			slices.Sort(g.there[name])
			g.there[name] = slices.Compact(g.there[name])
		}
	}), "")
}

func (h *hesitant) wait() {
	if h.takes != nil {
		time.Sleep(h.takes())
	}
}
