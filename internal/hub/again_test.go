package hub_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// narrowed is acme where its users may do everything on rooms but what rule says, and where rooms keep history and list so many members.
func (h *house) narrowed(t testing.TB, lists int, rule acl.Rule) *realm.Tenant {
	t.Helper()
	acme := h.tenants["acme"]
	rule.Name, rule.Channels = "but", []string{"room:*"}
	policy, problems := acl.Compile(acme.ID, []acl.Rule{{Name: "all", Allow: []string{"publish", "subscribe", "history", "presence"}, Channels: []string{"room:*"}}, rule})
	if problems != nil {
		t.Fatal(problems)
	}
	rooms, err := channel.ParsePattern("room:*")
	if err != nil {
		t.Fatal(err)
	}
	setting := channel.Setting{Presence: lists, History: channel.History{Messages: 10, Age: time.Hour}}
	return &realm.Tenant{ID: acme.ID, Policy: policy, Account: acme.Account, Channels: channel.NewSettings([]channel.Matched{{Pattern: rooms, Setting: setting}})}
}

// Somebody subscribes, and a policy takes a right of theirs before the engine has answered. What begins goes by the rights that there are then: nobody hears for ever who comes and goes, or what was said before, by a right
// that they had when they asked.
func TestARightThatEndsWhileASubscriptionCatchesUp(t *testing.T) {
	nothing := acl.Rule{Deny: []string{"echo"}}
	tests := []struct {
		name   string
		how    hub.Start
		lists  int
		rule   acl.Rule
		want   wire.Code // empty where it begins
		reason wire.Unrecovered
		hears  string
	}{
		{"none", hub.Start{}, 10, nothing, "", "", "2 3"},
		{"presence", hub.Start{JoinLeave: true}, 10, acl.Rule{Deny: []string{"presence"}}, wire.Forbidden, "", ""},
		{"the channel's presence", hub.Start{JoinLeave: true}, 0, nothing, wire.NotAvailable, "", ""},
		{"history", hub.Start{}, 10, acl.Rule{Deny: []string{"history"}}, "", wire.NoHistory, "3"},
		{"history, strictly", hub.Start{Strict: true}, 10, acl.Rule{Deny: []string{"history"}}, wire.Unrecoverable, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := &slowEngine{asked: make(chan struct{}), answer: make(chan error)}
				h := kept(t, 10, func(b broker.Broker) broker.Broker { slow.Broker = b; return slow })
				h.tenants["acme"] = h.narrowed(t, 10, nothing)
				alice := h.enter(t, "acme", "alice", &ear{})
				first := published(t, alice, "room:1", "1")
				published(t, alice, "room:1", "2")
				bob := &ear{}
				m := h.enter(t, "acme", "bob", bob)
				tt.how.Since = &first
				var began hub.Begun
				answer := make(chan *wire.Fault)
				go func() {
					answer <- m.Subscribe(context.Background(), "room:1", tt.how, func(b hub.Begun) { began = b })
				}()
				<-slow.asked
				if loss := m.Renew(nil, always(h.narrowed(t, tt.lists, tt.rule))); loss != nil {
					t.Errorf("told of %v, which had not begun", told(loss))
				}
				slow.answer <- nil
				fault := <-answer
				switch {
				case fault != nil && fault.Code != tt.want, fault == nil && tt.want != "":
					t.Fatalf("got %v, want %q", fault, tt.want)
				case fault == nil && (began.Recovery == nil || began.Recovery.Reason != tt.reason):
					t.Errorf("it began with %+v, want the reason %q", began.Recovery, tt.reason)
				}
				published(t, alice, "room:1", "3")
				synctest.Wait()
				if got := said(bob); got != tt.hears {
					t.Errorf("heard %q, want %q", got, tt.hears)
				}
				if n := h.Audiences(); n != 0 {
					t.Errorf("%d channels tell who comes and goes, want none", n)
				}
			})
		})
	}
}

// Somebody reads a history, and a policy takes the right before the engine has answered.
func TestAPageOfHistoryAfterTheRightIsLost(t *testing.T) {
	for _, way := range []string{"a member", "a member's since"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := &slowEngine{asked: make(chan struct{}), answer: make(chan error)}
				h := kept(t, 10, func(b broker.Broker) broker.Broker { slow.Broker = b; return slow })
				h.tenants["acme"] = h.narrowed(t, 10, acl.Rule{Deny: []string{"echo"}})
				first := published(t, h.enter(t, "acme", "alice", &ear{}), "room:1", "1")
				m, how := h.enter(t, "acme", "bob", &ear{}), hub.Reading{}
				if way == "a member's since" {
					how.Since = &message.Position{Epoch: first.Epoch}
				}
				answer := make(chan *wire.Fault)
				go func() {
					page, fault := m.History(context.Background(), "room:1", how)
					if fault == nil {
						t.Errorf("got %d messages", len(page.Messages))
					}
					answer <- fault
				}()
				<-slow.asked
				m.Renew(nil, always(h.narrowed(t, 10, acl.Rule{Deny: []string{"history"}})))
				slow.answer <- nil
				if fault := <-answer; fault == nil || fault.Code != wire.Forbidden {
					t.Errorf("got %v, want forbidden", fault)
				}
			})
		})
	}
}

// A service chooses a channel at the moment at which the client's own subscribe is refused. The client has the refusal first: behind it it hears nothing of the channel, unless it is told that it is subscribed.
func TestAChoiceBetweenARefusalAndItsAnswer(t *testing.T) {
	for _, refused := range []wire.Code{wire.Unrecoverable, wire.Forbidden} {
		t.Run(string(refused), func(t *testing.T) {
			h := kept(t, 10, nil)
			m := h.enter(t, "acme", "bob", &ear{})
			greet(t, m)
			give := func(order *[]string, given chan *wire.Fault) {
				given <- m.Give(context.Background(), channel.MustParse("room:1"), func([]wire.Subscription) { *order = append(*order, "given") })
			}
			var order []string
			given := make(chan *wire.Fault, 1)
			give(&order, given) // the choice whose place is taken
			must(t, <-given)
			how := hub.Start{Since: &message.Position{Offset: 1, Epoch: "other"}, Strict: true}
			how.JoinLeave = refused == wire.Forbidden
			how.Refused = func(f *wire.Fault) {
				if f.Code != refused {
					t.Errorf("refused as %v, want %s", f, refused)
				}
				go give(&order, given)
				time.Sleep(20 * time.Millisecond)
				order = append(order, "refused")
			}
			if fault := m.Subscribe(context.Background(), "room:1", how, ignore); fault == nil {
				t.Fatal("it was not refused")
			}
			must(t, <-given)
			if want := []string{"given", "refused", "given"}; !slices.Equal(order, want) {
				t.Errorf("got %v, want %v", order, want)
			}
		})
	}
}
