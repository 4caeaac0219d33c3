package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"portcullis/internal/channel"
)

// A welcome that does not list what the client relies on to hear would be a silent loss: the client is sent away without one, and comes back.
func TestNoWelcomeWhereTheEngineDoesNotSayWhereItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.chosen = []string{"room:1"}
		s.engine.silent.Store(true)
		c := s.dial()
		<-s.sessions
		_, text, err := c.Read(t.Context())
		if err == nil {
			t.Fatalf("got %s, want no frame", text)
		}
		if code := websocket.CloseStatus(err); code != 4100 {
			t.Errorf("closed with %d, want 4100", code)
		}
		s.engine.silent.Store(false)
		welcome := hear(t, s.dial())
		<-s.sessions
		if list, _ := welcome["subscriptions"].([]any); welcome["type"] != "welcome" || len(list) != 1 {
			t.Errorf("then got %v, want a welcome with one subscription", welcome)
		}
	})
}

// What a changed tenant chooses is told by a frame, or, where the engine does not say where it begins, by the end of the connection.
func TestWhatAChangeChoosesIsToldOrTheConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := s.dial()
		hear(t, c)
		live := <-s.sessions
		apply := func(chosen ...string) {
			s.realm.Store(s.choosing(s.realm.Load(), chosen...))
			change := live.Follow()
			live.Tell(change)
			live.Gain(context.Background(), change)
		}
		apply("room:1")
		if e := hear(t, c); e["type"] != "subscribed" || e["channel"] != "room:1" || e["epoch"] == nil {
			t.Errorf("got %v, want subscribed with a position", e)
		}
		apply("room:1", "room:2", "ops:1")
		if e := hear(t, c); e["type"] != "subscribed" || e["channel"] != "room:2" {
			t.Errorf("got %v, want subscribed", e)
		}
		at, fault := live.Give(t.Context(), channel.MustParse("room:3"))
		if e := hear(t, c); fault != nil || e["type"] != "subscribed" || e["epoch"] != at.Epoch {
			t.Errorf("got %v and %v, %v, want subscribed", e, at, fault)
		}
		s.engine.silent.Store(true)
		apply("room:1", "room:2", "room:4")
		start := time.Now()
		if code, _ := ended(t, c); code != 4100 || time.Since(start) > time.Second {
			t.Errorf("closed with %d after %v, want 4100", code, time.Since(start))
		}
	})
}
