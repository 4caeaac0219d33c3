package rehearsal_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/gateway/rehearsal"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/metrics"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
)

var acme, globex = tenant.MustParse("acme"), tenant.MustParse("globex")

// open starts a rehearsal on a hub that runs.
func open(t *testing.T) (*rehearsal.Rehearsal, *hub.Hub) {
	t.Helper()
	h := hub.New(memory.New(), metrics.New(metrics.Build{}, []wire.Dialect{json.Dialect{}}).Hub(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = h.Run(ctx) })
	<-h.Reached()
	r := rehearsal.New(h, json.Dialect{})
	t.Cleanup(func() { r.Close(); stop(); all.Wait() })
	return r, h
}

// enter lets ana of a tenant in, as c_1.
func enter(t *testing.T, r *rehearsal.Rehearsal, id tenant.ID) (leave func() bool, account *limit.Tenant) {
	t.Helper()
	policy, problems := acl.Compile(id, []acl.Rule{{Name: "rooms", Allow: []string{"subscribe"}, Channels: []string{"room:*"}}})
	if problems != nil {
		t.Fatal(problems)
	}
	account = limit.NewTenant(limit.Limits{})
	place, _ := account.Enter("ana")
	p := &auth.Principal{Tenant: id, User: "ana", Segment: "ana", Expires: time.Now().Add(time.Hour)}
	leave, ok := r.Enter(&realm.Tenant{ID: id, Policy: policy, Account: account}, p, place, "c_1")
	if !ok {
		t.Fatal("nobody can come in")
	}
	return leave, account
}

var room = channel.MustParse("room:1")

func TestABackendDoesToItsOwnWhatItAsks(t *testing.T) {
	r, h := open(t)
	leave, account := enter(t, r, acme)
	if got := r.List(acme); !slices.Equal(got, []string{"c_1"}) || !r.Show(acme, "c_1") {
		t.Errorf("got %v, want c_1", got)
	}
	ref := channel.Ref{Tenant: acme, Name: room}
	if fault := r.Subscribe(t.Context(), acme, "c_1", room); fault != nil || h.Subscriptions(ref) != 1 {
		t.Errorf("got %v and %d subscriptions, want one", fault, h.Subscriptions(ref))
	}
	if fault := r.Subscribe(t.Context(), acme, "c_1", channel.MustParse("ops")); fault == nil || fault.Code != wire.Forbidden {
		t.Errorf("got %v, want forbidden", fault)
	}
	if !r.Unsubscribe(acme, "c_1", room) || h.Subscriptions(ref) != 0 {
		t.Errorf("%d subscriptions are left", h.Subscriptions(ref))
	}
	if !r.Disconnect(acme, "c_1") || !leave() {
		t.Error("a connection that was ended was not")
	}
	if leave, _ := enter(t, r, acme); r.DisconnectUser(acme, "ana") != 1 || !leave() {
		t.Error("the connections of a user were not ended")
	}
	if n := len(r.List(acme)) + account.Connections(); n != 0 {
		t.Errorf("%d connections and places are left", n)
	}
}

func TestWhoeverLeavesWasNotSentAway(t *testing.T) {
	r, _ := open(t)
	leave, _ := enter(t, r, acme)
	if leave() {
		t.Error("somebody who left was sent away, it is said")
	}
}

// Two connections of one id: each tenant reaches its own.
func TestABackendDoesNothingToAnotherTenants(t *testing.T) {
	r, h := open(t)
	leave, _ := enter(t, r, globex)
	if fault := r.Subscribe(t.Context(), acme, "c_1", room); fault == nil || fault.Code != wire.NotFound {
		t.Errorf("got %v, want not_found", fault)
	}
	if r.Show(acme, "c_1") || len(r.List(acme)) > 0 || r.Unsubscribe(acme, "c_1", room) || r.Disconnect(acme, "c_1") || r.DisconnectUser(acme, "ana") != 0 {
		t.Error("a connection of another tenant is there")
	}
	own, _ := enter(t, r, acme)
	if !r.Disconnect(acme, "c_1") || !own() {
		t.Error("a connection of its own is not there")
	}
	if leave() || h.Subscriptions(channel.Ref{Tenant: globex, Name: room}) != 0 {
		t.Error("something happened to the other tenant's connection")
	}
}

func TestNothingIsLeftOfARehearsalThatWasClosed(t *testing.T) {
	r, h := open(t)
	leave, account := enter(t, r, acme)
	if fault := r.Subscribe(t.Context(), acme, "c_1", room); fault != nil {
		t.Fatal(fault)
	}
	r.Close()
	r.Close()
	if n := h.Subscriptions(channel.Ref{Tenant: acme, Name: room}) + account.Connections() + len(r.List(acme)); n != 0 {
		t.Errorf("%d subscriptions, places and connections are left", n)
	}
	if leave() {
		t.Error("whoever was there at the end was sent away, it is said")
	}
	if _, ok := r.Enter(&realm.Tenant{ID: acme}, &auth.Principal{Tenant: acme}, nil, "c_2"); ok {
		t.Error("somebody came in when it was over")
	}
}
