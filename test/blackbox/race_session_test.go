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

// A tenant is suspended while its users come in. Whoever was a moment too early is out again.
func TestASuspensionRacesAHandshake(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	token := acme.token("ana")
	var ended tally
	for range max(10, rounds()/10) {
		var clients [6]*line
		for i := range clients {
			clients[i] = g.connect(t)
		}
		var coming sync.WaitGroup
		errs := make([]error, len(clients))
		for i, l := range clients {
			coming.Go(func() {
				time.Sleep(rand.N(3 * time.Millisecond))
				errs[i] = l.comesIn(g.upgrade(bearer(token)), &ended)
			})
		}
		time.Sleep(2 * time.Millisecond)
		g.suspend(t, acme)
		coming.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		g.resume(t, acme)
	}
	t.Logf("%v", ended.all)
	g.until(t, 0, "portcullis_connections")
}

// comesIn wants a handshake to be refused for a suspended tenant, or its session to end for it.
func (l *line) comesIn(raw string, ended *tally) error {
	a, err := l.request(raw)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusForbidden && strings.Contains(a.body, `"tenant_suspended"`):
		ended.note("refused")
		return nil
	case a.status != http.StatusSwitchingProtocols:
		return fmt.Errorf("got %d %s, want 101 or 403", a.status, a.body)
	}
	ended.note("let in and ended")
	if bye, err := l.end(withinASecond); err != nil || bye.code != 4502 {
		return fmt.Errorf("it ended with %v, %v, want 4502", bye, err)
	}
	return nil
}

// A session changes its token while one of the two is revoked. It lives on with one that counts, or not at all.
func TestARevocationRacesARefresh(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	for _, which := range []string{"old", "new"} {
		t.Run("of the "+which+" token", func(t *testing.T) {
			var ended tally
			g.races(t, func(name string, revoke func(string) error) error {
				how, err := g.refreshRace(name, which, revoke)
				ended.note(how)
				return err
			})
			t.Logf("%d rounds: %v", rounds(), ended.all)
		})
	}
}

func (g *gateway) refreshRace(name, which string, revoke func(string) error) (how string, err error) {
	token := func(age string) string { return acme.token("ana", claims{"jti": age + "-" + which + name}) }
	kill := func(age string) error {
		return revoke(fmt.Sprintf(`{"kind":"token","value":%q}`, age+"-"+which+name))
	}
	l, err := g.open()
	if err != nil {
		return "", err
	}
	defer l.Close()
	if a, err := l.request(g.upgrade(bearer(token("old")))); err != nil || a.status != http.StatusSwitchingProtocols {
		return "", fmt.Errorf("the handshake: %v, %v", a, err)
	}
	if err := l.hearsEach([]string{`{"type":"welcome"`}); err != nil {
		return "", err
	}
	err = atOnce(func() error {
		l.put(text(fmt.Sprintf(`{"type":"refresh","id":1,"token":%q}`, token("new")))) // it may be over already
		return nil
	}, func() error { return kill(which) })
	if err != nil {
		return "", err
	}
	f, err := l.message(withinASecond)
	answered := string(f.payload)
	switch bye, over := errors.AsType[closed](err); {
	case over && bye.code == 4201:
		return "ended before the answer", nil
	case err != nil:
		return "", err
	}
	granted := strings.HasPrefix(answered, `{"type":"ok","id":1`)
	switch {
	case granted && which == "new":
		return "granted and ended", l.gone()
	case granted: // it stands on the new token now
		if err := kill("new"); err != nil {
			return "", err
		}
		return "granted", l.gone()
	case which == "old":
		return "", fmt.Errorf("the refresh was answered %s", answered)
	}
	// It stands on the old token still.
	if err := kill("old"); err != nil {
		return "", err
	}
	return "refused", l.gone()
}
