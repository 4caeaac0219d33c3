package session_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The ok to a publication says that the engine has it. It does not come before; where the engine does not take the message there is none, and nobody hears it.
func TestAnOkSaysThatTheEngineHasTheMessage(t *testing.T) {
	for name, chosen := range map[string][]string{"without history": nil, "with history": {"room:1"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.engine.takes, s.chosen = make(chan error), chosen
				t.Cleanup(func() { close(s.engine.takes) })
				c := s.dial()
				hear(t, c)
				if chosen == nil {
					say(t, c, `{"type":"subscribe","id":1,"channel":"room:1"}`)
					hear(t, c)
				}
				frames := make(chan map[string]any, 10)
				go func() { // ends with the connection
					for {
						_, text, err := c.Read(t.Context())
						if err != nil {
							return
						}
						var m map[string]any
						if json.Unmarshal(text, &m) != nil {
							m = map[string]any{"type": string(text)}
						}
						frames <- m
					}
				}()
				publish := func(takes error) {
					t.Helper()
					say(t, c, `{"type":"publish","id":2,"channel":"room:1","data":1}`)
					time.Sleep(5 * time.Second)
					if synctest.Wait(); len(frames) > 0 {
						t.Fatalf("while the engine takes its time the client hears %v, want nothing", <-frames)
					}
					s.engine.takes <- takes
					synctest.Wait()
				}
				publish(errors.New("cut"))
				time.Sleep(time.Second)
				if synctest.Wait(); len(frames) != 1 {
					t.Fatalf("got %d frames, want an error and nothing that was not published", len(frames))
				}
				if e := <-frames; e["type"] != "error" || e["id"] != 2.0 || e["code"] != "unavailable" || e["retry_ms"] == nil {
					t.Errorf("got %v, want unavailable, and when to try again", e)
				}
				publish(nil)
				if len(frames) != 2 {
					t.Fatalf("got %d frames, want the ok and the message", len(frames))
				}
				a, b := <-frames, <-frames
				if a["type"] == "message" { // their order is not defined
					a, b = b, a
				}
				if a["type"] != "ok" || b["type"] != "message" || a["offset"] != b["offset"] || (a["offset"] != nil) != (chosen != nil) {
					t.Errorf("got %v and %v, want the ok and the message, at the same place where there is one", a, b)
				}
			})
		})
	}
}
