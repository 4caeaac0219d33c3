package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/realm"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// prolong is a Renew that gives ana another time, and only the channels of these patterns to subscribe to.
func (s *stage) prolong(by time.Duration, patterns ...string) {
	s.renew = func(_ context.Context, live *session.Session, token string) (*auth.Principal, *wire.Fault) {
		if token != "good" {
			return nil, &wire.Fault{Code: wire.Unauthorized, Message: "no"}
		}
		now := live.Principal()
		policy, problems := acl.Compile(now.Tenant, []acl.Rule{{Name: "fewer", Allow: []string{"subscribe", "publish"}, Channels: patterns}})
		if problems != nil {
			s.t.Error(problems)
		}
		p := &auth.Principal{Tenant: tenant.MustParse("acme"), User: "ana", Segment: "ana", Method: auth.Bearer, Expires: time.Now().Add(by)}
		s.realm.Store(&realm.Tenant{ID: now.Tenant, Policy: policy, Account: s.realm.Load().Account})
		return p, nil
	}
}

func TestAClientIsToldAMinuteBeforeItsCredentialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.expires = 100 * time.Second
		start := time.Now()
		c := s.dial()
		hear(t, c)
		got := hear(t, c)
		if got["type"] != "expiring" || got["in_ms"] != 60000.0 || time.Since(start) != 40*time.Second {
			t.Errorf("got %v after %v, want expiring in 60000 ms after 40s", got, time.Since(start))
		}
		if code, _ := ended(t, c); code != 4200 || time.Since(start) != 100*time.Second {
			t.Errorf("got %d after %v, want 4200 after 1m40s, and nothing said twice", code, time.Since(start))
		}
	})
}

func TestAShortCredentialIsAnnouncedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.expires = 20 * time.Second
		c := s.dial()
		if got := hear(t, c); got["type"] != "welcome" {
			t.Errorf("got %v, want the welcome first", got)
		}
		if got := hear(t, c); got["type"] != "expiring" || got["in_ms"] != 20000.0 {
			t.Errorf("got %v, want expiring in 20000 ms", got)
		}
	})
}

func TestARefreshedCredentialLivesToItsOwnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.expires = 100 * time.Second
		s.prolong(5*time.Minute, "room:**")
		start := time.Now()
		c := s.dial()
		hear(t, c)
		if got := hear(t, c); got["type"] != "expiring" {
			t.Fatalf("got %v, want expiring", got)
		}
		want := time.Now().Add(5 * time.Minute)
		say(t, c, `{"type":"refresh","id":1,"token":"good"}`)
		if got := hear(t, c); got["type"] != "ok" || got["id"] != 1.0 || got["expires"] != float64(want.UnixMilli()) {
			t.Errorf("got %v, want ok with expires %d", got, want.UnixMilli())
		}
		if got := hear(t, c); got["type"] != "expiring" || time.Since(start) != 280*time.Second {
			t.Errorf("got %v after %v, want expiring after 4m40s", got, time.Since(start))
		}
		if code, _ := ended(t, c); code != 4200 || time.Since(start) != 340*time.Second {
			t.Errorf("got %d after %v, want 4200 after 5m40s", code, time.Since(start))
		}
		if got := s.renewed.Load(); got != 1 {
			t.Errorf("the roster heard of %d new principals, want 1", got)
		}
	})
}

func TestARefusedRefreshChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.expires = 100 * time.Second
		s.prolong(5*time.Minute, "room:**")
		start := time.Now()
		c := s.dial()
		hear(t, c)
		say(t, c, `{"type":"refresh","id":1,"token":"bad"}`)
		if got := hear(t, c); got["code"] != "unauthorized" {
			t.Errorf("got %v, want unauthorized", got)
		}
		if code, _ := ended(t, c); code != 4200 || time.Since(start) != 100*time.Second {
			t.Errorf("got %d after %v, want 4200 after 1m40s", code, time.Since(start))
		}
		if got := s.renewed.Load(); got != 0 {
			t.Errorf("the roster heard of %d new principals, want none", got)
		}
	})
}

// What a user may hear is decided by the newest token, for the channels that it hears already too.
func TestARefreshTakesAwayWhatItDoesNotAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.prolong(time.Hour, "room:kept")
		c := s.dial()
		hear(t, c)
		for _, channel := range []string{"room:kept", "room:lost"} {
			say(t, c, `{"type":"subscribe","id":1,"channel":"`+channel+`"}`)
			hear(t, c)
		}
		say(t, c, `{"type":"refresh","id":2,"token":"good"}`)
		if got := hear(t, c); got["type"] != "ok" {
			t.Errorf("got %v, want ok", got)
		}
		if got := hear(t, c); got["type"] != "unsubscribed" || got["channel"] != "room:lost" || got["code"] != "forbidden" || got["message"] == nil {
			t.Errorf("got %v, want unsubscribed from room:lost", got)
		}
		for _, channel := range []string{"room:lost", "room:kept"} {
			say(t, c, `{"type":"publish","channel":"`+channel+`","data":1}`)
		}
		if got := hear(t, c); got["code"] != "forbidden" || got["channel"] != "room:lost" {
			t.Errorf("got %v, want publish on room:lost to be forbidden", got)
		}
		if got := hear(t, c); got["type"] != "message" || got["channel"] != "room:kept" {
			t.Errorf("got %v, want the message on room:kept alone", got)
		}
		say(t, c, `{"type":"unsubscribe","id":3,"channel":"room:lost"}`)
		if got := hear(t, c); got["code"] != "not_subscribed" {
			t.Errorf("got %v, want not_subscribed", got)
		}
	})
}

func TestAConnectionIsSentAwayAtItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.expires, s.age = 48*time.Hour, 10*time.Hour
		start := time.Now()
		c := s.dial()
		hear(t, c)
		code, reason := ended(t, c)
		if took := time.Since(start); code != 4001 || took < 9*time.Hour || took > 11*time.Hour {
			t.Errorf("got %d %s after %v, want 4001 after 10 h, give or take one", code, reason, took)
		}
		if got := s.report(); got.Reason != "rebalance" {
			t.Errorf("got %+v, want a rebalance", got)
		}
	})
}

// Between the decision and the close frame of a client that is revoked nothing goes out to it any more.
func TestNothingIsDeliveredToARevokedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := s.dial()
		live := <-s.sessions
		hear(t, c)
		say(t, c, `{"type":"subscribe","id":1,"channel":"room:1"}`)
		hear(t, c)
		live.End(wire.CredentialRevoked, 0)
		say(t, c, `{"type":"publish","channel":"room:1","data":"too late"}`)
		for {
			_, b, err := c.Read(t.Context())
			if err != nil {
				break
			}
			t.Errorf("got %s behind the end of its right", b)
		}
		if got := s.report(); got.Code != 4201 || got.Delivered != 0 {
			t.Errorf("got %+v, want 4201 and nothing delivered", got)
		}
	})
}

// Whoever is being sent away hears what was on its way; but not once its right has ended.
func TestARevocationOfAClientThatIsBeingSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := s.dial()
		live := <-s.sessions
		hear(t, c)
		live.End(wire.Rebalance, time.Second)
		live.End(wire.CredentialRevoked, 0)
		if got := live.Deliver(&wire.Parcel{Frames: []byte{0x81, 1, 'x'}, Messages: 1}, nil); got != hub.Lost {
			t.Errorf("what is said after the revocation is %v, want lost", got)
		}
		if got := s.report(); got.Code != 4001 || got.Delivered != 0 {
			t.Errorf("got %+v, want 4001 and nothing delivered", got)
		}
	})
}
