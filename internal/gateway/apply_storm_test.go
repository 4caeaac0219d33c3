package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
	wirejson "portcullis/internal/wire/json"
)

const (
	stormRooms = 4  // that are taken and given back
	stormLines = 20 // who hear them

	stormWindow  = 100 // of rounds of messages: an outbox holds 1,024
	keptRoom     = "kept:1"
	takenPattern = "taken:*"
)

// reader is a client who hears a storm and writes down what may not be.
type reader struct {
	*line
	kept       atomic.Int64 // messages of keptRoom
	lost, back chan struct{}
	over       atomic.Bool
	wrong      atomic.Pointer[string] // the first thing that may not be

	// Owned by read.
	ended map[string]bool // whose end it was told
}

func (r *reader) note(format string, args ...any) {
	wrong := fmt.Sprintf(format, args...)
	r.wrong.CompareAndSwap(nil, &wrong)
}

func (r *reader) whatIsWrong() string {
	if wrong := r.wrong.Load(); wrong != nil {
		return *wrong
	}
	return ""
}

// read reads until the line ends. The messages of one publisher on one channel are numbered.
func (r *reader) read() {
	gone, again := 0, 0
	for {
		payload, err := r.frame()
		if err != nil {
			if !r.over.Load() {
				r.note("the line ended: %v", err)
			}
			return
		}
		var h heard
		if err := json.Unmarshal(payload, &h); err != nil {
			r.note("got %q: %v", payload, err)
		}
		switch {
		case h.Type == "message" && h.Channel == keptRoom:
			var n int64
			if err := json.Unmarshal(h.Data, &n); err != nil || n != r.kept.Load() {
				r.note("of the room that nobody took: got %s, want %d", h.Data, r.kept.Load())
			}
			r.kept.Add(1)
		case h.Type == "message" && r.ended[h.Channel]:
			r.note("%s came behind the end of %s", h.Data, h.Channel)
		case h.Type == "unsubscribed" && r.ended[h.Channel]:
			r.note("the end of %s was told twice", h.Channel)
		case h.Type == "unsubscribed", h.Type == "ok" && h.ID >= 200: // the client's own unsubscribe
			r.ended[h.Channel] = true
			if gone++; gone%stormRooms == 0 {
				r.lost <- struct{}{}
			}
		case h.Type == "ok" && h.ID > 100:
			r.ended[h.Channel] = false
			if again++; again%stormRooms == 0 {
				r.back <- struct{}{}
			}
		case h.Type == "error":
			r.note("got %s", payload)
		}
	}
}

func taken(i int) string { return fmt.Sprintf("taken:%d", i) }

// all says one request about each room that is taken.
func (r *reader) all(verb string, from int) {
	var texts []string
	for i := range stormRooms {
		texts = append(texts, fmt.Sprintf(`{"type":%q,"id":%d,"channel":%q}`, verb, from+i, taken(i)))
	}
	r.say(texts...)
}

// Publishers speak as fast as they can on channels that are taken from everybody who hears them, again and again. Behind the notice there is nothing, and the
// channel that is left misses nothing.
func TestNothingComesBehindTheEnd(t *testing.T) {
	for network, listen := range map[string]func(d *edge) func() (net.Conn, error){
		"written at once": func(d *edge) func() (net.Conn, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			d.serve(l)
			return func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
		},
		"through outboxes": func(d *edge) func() (net.Conn, error) {
			return func() (net.Conn, error) { return d.net.Dial(context.Background()) }
		},
	} {
		for _, how := range []string{"policy", "client"} {
			t.Run(network+", by the "+how, func(t *testing.T) {
				d := openAs(t, everything)
				d.storm(t, how, listen(d))
			})
		}
	}
}

func (d *edge) storm(t *testing.T, how string, dial func() (net.Conn, error)) {
	open, shut := d.snapshot(everything), d.snapshot(allBut(takenPattern))
	readers := make([]*reader, stormLines)
	var reading sync.WaitGroup
	for i := range readers {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		l, err := d.enter(conn, d.token(fmt.Sprint("user-", i)))
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{line: l, lost: make(chan struct{}, 1), back: make(chan struct{}, 1), ended: make(map[string]bool)}
		l.say(subscribe(1, keptRoom), ping)
		if _, _, err := l.until(99); err != nil {
			t.Fatal(err)
		}
		r.all("subscribe", 101)
		readers[i] = r
		reading.Go(r.read)
	}
	wait := func(what string, told func(*reader) chan struct{}) {
		t.Helper()
		for i, r := range readers {
			select {
			case <-told(r):
			case <-time.After(60 * time.Second):
				t.Fatalf("reader %d was not told that its rooms are %s: %s", i, what, r.whatIsWrong())
			}
		}
	}
	back, lost := func(r *reader) chan struct{} { return r.back }, func(r *reader) chan struct{} { return r.lost }
	wait("back", back)
	stop := d.publish(t, readers)
	for range sized(10, 30) {
		if how == "policy" {
			d.apply(t, shut)
			wait("lost", lost)
			d.apply(t, open)
		} else {
			for _, r := range readers {
				r.all("unsubscribe", 201)
			}
			wait("lost", lost)
		}
		for _, r := range readers {
			r.all("subscribe", 101)
		}
		wait("back", back)
	}
	sent := stop()
	for _, r := range readers {
		r.over.Store(true)
		r.Close()
	}
	reading.Wait()
	for i, r := range readers {
		if wrong := r.whatIsWrong(); wrong != "" {
			t.Errorf("reader %d: %s", i, wrong)
		}
	}
	t.Logf("%d messages on the room that was kept, and as many on each of the others", sent)
}

// publish begins a storm on all rooms; no reader is left behind by more than stormWindow messages. stop ends it, once everybody has heard all that was kept, and
// returns how many messages each room saw.
func (d *edge) publish(t *testing.T, readers []*reader) (stop func() int64) {
	world := d.realms.Current()
	acme := world.Tenant(tenant.MustParse("acme"))
	place, _ := acme.Account.Enter("storm")
	m := d.hub.Join(acme, &auth.Principal{Tenant: acme.ID, User: "storm"}, place, "c_storm", nobody{})
	var over atomic.Bool
	var sent atomic.Int64
	var speaking sync.WaitGroup
	slowest := func() int64 {
		least := sent.Load()
		for _, r := range readers {
			least = min(least, r.kept.Load())
		}
		return least
	}
	speaking.Go(func() {
		for n := int64(0); !over.Load(); n++ {
			data := fmt.Append(nil, n)
			for i := range stormRooms {
				if _, fault := m.Publish(context.Background(), taken(i), hub.Publication{Data: data}); fault != nil {
					t.Error(fault)
				}
			}
			if _, fault := m.Publish(context.Background(), keptRoom, hub.Publication{Data: data}); fault != nil {
				t.Error(fault)
			}
			sent.Store(n + 1)
			for n+1-slowest() > stormWindow && !over.Load() {
				time.Sleep(50 * time.Microsecond)
			}
		}
	})
	return func() int64 {
		over.Store(true)
		speaking.Wait()
		for deadline := time.Now().Add(60 * time.Second); slowest() < sent.Load(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("a reader heard %d of %d messages", slowest(), sent.Load())
				break
			}
		}
		place.Leave()
		return sent.Load()
	}
}

// nobody hears nothing: a member that publishes only.
type nobody struct{}

func (nobody) Dialect() wire.Dialect                       { return wirejson.Dialect{} }
func (nobody) Deliver(*wire.Parcel, wire.Lane) hub.Outcome { return hub.Lost }
func (nobody) Await(time.Time)                             {}
