package blackbox_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// comesBack connects as somebody whose token is known, asks, and hears the ok and so many messages behind it. It may be used outside the test's goroutine. Whoever is told that the gateway is busy comes again.
func (g *gateway) comesBack(token, request string, replayed int) (*line, error) {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		l, err := g.open()
		if err != nil {
			return nil, err
		}
		a, err := l.request(g.upgrade(bearer(token)))
		if err != nil {
			l.Close()
			return nil, err
		}
		if a.status == http.StatusSwitchingProtocols {
			return l, l.continues(request, replayed)
		}
		l.Close()
		if a.status != http.StatusServiceUnavailable || time.Now().After(end) {
			return nil, fmt.Errorf("got %d %s", a.status, a.body)
		}
	}
}

func (l *line) continues(request string, replayed int) error {
	if err := l.put(text(request)); err != nil {
		return err
	}
	for i := range 2 + replayed {
		kind := "message"
		if i < 2 {
			kind = []string{"welcome", "ok"}[i]
		}
		f, err := l.message(patience)
		if err != nil || !bytes.HasPrefix(f.payload, []byte(`{"type":"`+kind+`"`)) {
			return fmt.Errorf("frame %d is %.200q, %w; want %s", i, f.payload, err, kind)
		}
	}
	return nil
}

// A thousand clients that come back at once and continue, each behind ten messages that it missed, cost the gateway at most twice what they cost where they come back plainly. Both are done in turns, by the same
// clients, in one run; what a machine does meanwhile meets both. Their tokens are known: of a lost connection most are.
func TestAThousandWhoContinueCostLittleMore(t *testing.T) {
	clients, most := 200, 3.0 // few clients are measured coarsely
	switch {
	case raced:
		most = 4 // the detector's times are not the gateway's
	case long():
		clients, most = 1000, 2.0
	}
	const turns, room, missed = 2, "room:kept:storm", 10
	g := start(t, options{acme: keepingRooms})
	ana := g.dial(t, acme.token("ana", roles("member")))
	since := at(ana.tells(t, room, 0)[0])
	for i := range missed {
		ana.tells(t, room, i+1)
	}
	tokens := make([]string, clients)
	for i := range tokens {
		tokens[i] = acme.token(fmt.Sprint("u", i), roles("guest"))
	}
	storm := func(request string, replayed int) time.Duration {
		lines := make([]*line, clients)
		before := g.cpu(t)
		var all sync.WaitGroup
		for i := range lines {
			all.Go(func() {
				var err error
				if lines[i], err = g.comesBack(tokens[i], request, replayed); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		took := g.cpu(t) - before
		for _, l := range lines {
			if l != nil {
				l.Close()
			}
		}
		if t.Failed() {
			t.FailNow()
		}
		g.until(t, 1, "portcullis_connections")
		return took
	}
	plain := fmt.Sprintf(`{"type":"subscribe","id":1,"channel":%q}`, room)
	behind := fmt.Sprintf(`{"type":"subscribe","id":1,"channel":%q,"since":%s}`, room, since)
	storm(plain, 0) // what is made once
	var plainly, continuing time.Duration
	for range turns {
		plainly += storm(plain, 0)
		continuing += storm(behind, missed)
	}
	n := time.Duration(turns * clients)
	ratio := float64(continuing) / float64(plainly)
	t.Logf("%d clients at once: %v each that comes back plainly, %v each that continues behind %d messages: %.2f times", clients, plainly/n, continuing/n, missed, ratio)
	if ratio > most {
		t.Errorf("to continue costs %.2f times what it costs to come back, want at most %.1f", ratio, most)
	}
}
