package hub_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
)

// diary writes down what the hub tells a follower.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// read returns what was written since the last time.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *diary) Subscribed(p *auth.Principal, connection string, name channel.Name) {
	d.write("%s/%s %s subscribed %s", p.Tenant, p.User, connection, name)
}

func (d *diary) Unsubscribed(p *auth.Principal, connection string, name channel.Name, why hub.Ending) {
	d.write("%s/%s %s unsubscribed %s: %s", p.Tenant, p.User, connection, name, why)
}

func (d *diary) Occupied(ref channel.Ref) { d.write("%s %s occupied", ref.Tenant, ref.Name) }
func (d *diary) Vacated(ref channel.Ref)  { d.write("%s %s vacated", ref.Tenant, ref.Name) }

func (d *diary) Published(m message.Message) {
	d.write("%s %s published by %s: %s", m.Channel.Tenant, m.Channel.Name, m.From.User, m.Data)
}

func (d *diary) reads(t *testing.T, what string, want ...string) {
	t.Helper()
	if got := d.read(); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// Whatever begins ends, also with its connection, and a channel is occupied by its first subscriber and vacated by its last. What was refused is not told.
func TestAFollowerHearsWhoDoesWhatWhere(t *testing.T) {
	h := open(t, limit.Limits{})
	d := new(diary)
	h.Follow(d)
	ana, bob := h.enter(t, "acme", "ana", &ear{}), h.enter(t, "acme", "bob", &ear{})

	must(t, ana.Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
	d.reads(t, "the first", "acme room:1 occupied", "acme/ana c_ana subscribed room:1")
	must(t, bob.Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
	d.reads(t, "the second", "acme/bob c_bob subscribed room:1")
	for _, refused := range []string{"room:1", "ops:1", "no name"} {
		if fault := ana.Subscribe(t.Context(), refused, hub.Start{}, ignore); fault == nil {
			t.Errorf("ana subscribed to %s", refused)
		}
	}
	d.reads(t, "refused")

	must(t, say(ana, "room:1", []byte(`"hi"`)))
	d.reads(t, "a message", `acme room:1 published by ana: "hi"`)
	if fault := say(ana, "room:quiet", []byte(`"hi"`)); fault == nil {
		t.Error("ana published on room:quiet")
	}
	d.reads(t, "a message that is not allowed")

	must(t, ana.Unsubscribe("room:1"))
	d.reads(t, "one leaves", "acme/ana c_ana unsubscribed room:1: client")
	bob.Leave()
	d.reads(t, "a connection ends", "acme room:1 vacated", "acme/bob c_bob unsubscribed room:1: connection")
}

func TestAFollowerHearsWhatAPolicyTook(t *testing.T) {
	h := open(t, limit.Limits{})
	d := new(diary)
	h.Follow(d)
	ana := h.enter(t, "acme", "ana", &ear{})
	must(t, ana.Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
	d.read()
	told(ana.Renew(nil, h.only(t, "none")))
	d.reads(t, "another policy", "acme room:1 vacated", "acme/ana c_ana unsubscribed room:1: policy")
}

// Whoever examines the node stands for nobody: no backend hears of users who do not exist.
func TestAFollowerHearsNothingOfWhoeverStandsAside(t *testing.T) {
	h := open(t, limit.Limits{})
	d := new(diary)
	h.Follow(d)
	examiner := h.enter(t, "acme", "ana", &ear{}).Aside()
	must(t, examiner.Subscribe(t.Context(), "room:1", hub.Start{}, ignore))
	must(t, say(examiner, "room:1", []byte(`"hi"`)))
	examiner.Leave()
	d.reads(t, "an examiner")
	speaker := h.Speaker(h.tenants["acme"], &auth.Principal{Tenant: h.tenants["acme"].ID, User: "svc"}).Aside()
	_, fault := speaker.Publish(t.Context(), "room:1", hub.Publication{Data: []byte(`"hi"`)})
	must(t, fault)
	d.reads(t, "an examiner without a connection")
}
