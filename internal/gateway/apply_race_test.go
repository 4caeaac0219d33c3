package gateway_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const raceRounds = 1000

// story is what one client was told of room:1, in order: "ok", "forbidden" or "unsubscribed".
func story(all []heard) (told []string) {
	for _, h := range all {
		switch {
		case h.Type == "unsubscribed":
			told = append(told, h.Type)
		case h.ID == 1 && h.Type == "ok":
			told = append(told, "ok")
		case h.ID == 1:
			told = append(told, h.Code)
		}
	}
	return told
}

// A policy is applied while somebody comes in, somebody subscribes, and somebody who is subscribed changes the token. Nobody slips through: whatever the moment
// was, what the client was told, what the gateway says and what the rules allow are one thing.
func TestAPolicyRacesWhoeverComesInSubscribesOrRefreshes(t *testing.T) {
	d := openAs(t, everything)
	open, shut := d.snapshot(everything), d.snapshot(allBut("room:1"))
	token := d.token("ana")
	inside, renewing := d.comes(t, token), d.comes(t, token)
	outcomes := make(map[string]int)
	for range raceRounds {
		d.apply(t, open)
		if err := renewing.tell(subscribe(1, "room:1"), "[ok]"); err != nil {
			t.Fatal(err)
		}
		conn, err := d.net.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var coming *line
		errs := make([]error, 3)
		later := func(f func() error) func() {
			wait := rand.N(400 * time.Microsecond)
			return func() {
				time.Sleep(wait)
				if err := f(); err != nil {
					t.Error(err)
				}
			}
		}
		all.Go(later(func() (err error) {
			if coming, errs[0] = d.enter(conn, token); errs[0] == nil {
				errs[0] = coming.say(subscribe(1, "room:1"))
			}
			return errs[0]
		}))
		all.Go(later(func() error { return inside.say(subscribe(1, "room:1")) }))
		all.Go(later(func() error { return renewing.say(`{"type":"refresh","id":2,"token":"` + token + `"}`) }))
		all.Go(later(func() error { d.apply(t, shut); return nil }))
		all.Wait()
		if t.Failed() {
			return
		}
		for name, l := range map[string]*line{"coming": coming, "inside": inside, "renewing": renewing} {
			l.say(ping)
			heard, _, err := l.until(99)
			got := fmt.Sprint(story(heard))
			want := []string{"[ok unsubscribed]", "[forbidden]"}
			if name == "renewing" {
				want = []string{"[unsubscribed]"}
			}
			if err != nil || got != want[0] && got != want[len(want)-1] {
				t.Fatalf("%s was told %s, %v; want one of %v", name, got, err, want)
			}
			if left := d.channels(l.id); len(left) != 0 {
				t.Fatalf("%s was told %s, and is subscribed to %v", name, got, left)
			}
			outcomes[name+" "+got]++
		}
		conn.Close()
	}
	t.Logf("%d rounds: %v", raceRounds, outcomes)
}

// tell says something and wants to be told this, up to the answer to a ping behind it.
func (l *line) tell(text, want string) error {
	if err := l.say(text, ping); err != nil {
		return err
	}
	all, _, err := l.until(99)
	if got := fmt.Sprint(story(all)); err == nil && got != want {
		err = errors.New("told " + got + ", want " + want)
	}
	return err
}
