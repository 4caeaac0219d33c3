package blackbox_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// rounds is how often a race is run.
func rounds() int {
	if long() {
		return 1000
	}
	return 120
}

// races runs rounds of a race, a few at once, each with a name of its own and somebody who revokes what it says.
func (g *gateway) races(t *testing.T, race func(name string, revoke func(what string) error) error) {
	t.Helper()
	const lanes = 4
	backend := acme.token("billing", roles("backend"))
	var revokers [lanes]*line
	for i := range revokers {
		revokers[i] = g.connect(t)
	}
	var busy [lanes]sync.Mutex
	err := parallel(rounds(), lanes, func(i int) error {
		lane := i % lanes // parallel gives each goroutine its own
		busy[lane].Lock()
		defer busy[lane].Unlock()
		return race(fmt.Sprint("race-", i), func(what string) error {
			a, err := revokers[lane].request(g.revocation(backend, what))
			if err == nil && a.status != http.StatusCreated {
				err = fmt.Errorf("revoke %s: %d %s", what, a.status, a.body)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
	g.until(t, 0, "portcullis_connections")
}

// atOnce runs two things at the same moment, give or take what a verification takes.
func atOnce(one, other func() error) error {
	var ready, done sync.WaitGroup
	var errs [2]error
	ready.Add(2)
	for i, f := range []func() error{one, other} {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			time.Sleep(rand.N(400 * time.Microsecond))
			errs[i] = f()
		})
	}
	done.Wait()
	return errors.Join(errs[:]...)
}

// tally counts how races ended: one that always ends in the same way shows nothing.
type tally struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *tally) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = make(map[string]int)
	}
	c.all[what]++
}

// gone wants whoever got in to be out again: told that its credential was revoked, and soon.
func (l *line) gone() error {
	began := time.Now()
	bye, err := l.end(withinASecond)
	switch {
	case err != nil:
		return fmt.Errorf("it is still in after %v: %w", time.Since(began), err)
	case bye.code != 4201:
		return fmt.Errorf("it ended with %v, want 4201", bye)
	}
	return nil
}

// lateRevocation tries to get in while what it gets in with is revoked. Whether it was a moment too early or too late, in the end it is out.
func (g *gateway) lateRevocation(t *testing.T, what string, handshake func(name string) (string, error)) {
	t.Helper()
	var ended tally
	g.races(t, func(name string, revoke func(string) error) error {
		raw, err := handshake(name)
		if err != nil {
			return err
		}
		l, err := g.open()
		if err != nil {
			return err
		}
		defer l.Close()
		var a *answer
		err = atOnce(func() (err error) {
			a, err = l.request(raw)
			return err
		}, func() error { return revoke(fmt.Sprintf(what, name)) })
		switch {
		case err != nil:
			return err
		case a.status == http.StatusSwitchingProtocols:
			ended.note("let in and ended")
			return l.gone()
		case a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"unauthorized"`):
			return fmt.Errorf("got %d %s, want 101 or 401", a.status, a.body)
		}
		ended.note("refused")
		return nil
	})
	t.Logf("%d rounds: %v", rounds(), ended.all)
}

func TestARevocationRacesAHandshake(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	for kind, token := range map[string]func(name string) string{
		"token":   func(name string) string { return acme.token("ana", claims{"jti": name}) },
		"user":    func(name string) string { return acme.token(name) },
		"session": func(name string) string { return acme.token("ana", claims{"sid": name}) },
	} {
		t.Run(kind, func(t *testing.T) {
			g.lateRevocation(t, `{"kind":"`+kind+`","value":%q}`, func(name string) (string, error) { return g.upgrade(bearer(token(name))), nil })
		})
	}
}

func TestARevocationRacesATicket(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	g.lateRevocation(t, `{"kind":"token","value":%q}`, func(name string) (string, error) {
		l, err := g.open()
		if err != nil {
			return "", err
		}
		defer l.Close()
		a, err := l.request(g.post("/v1/tickets", "", "", bearer(acme.token("ana", claims{"jti": name}))))
		if err != nil || a.status != http.StatusCreated {
			return "", fmt.Errorf("mint: %v, %v", a, err)
		}
		ticket, _, _ := strings.Cut(strings.TrimPrefix(a.body, `{"ticket":"`), `"`)
		return g.withTicket(secret(ticket)), nil
	})
}
