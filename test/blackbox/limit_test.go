package blackbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	userFull   = refusal{http.StatusTooManyRequests, "quota_exceeded", "connection_limit_user"}
	tenantFull = refusal{http.StatusTooManyRequests, "quota_exceeded", "connection_limit_tenant"}
)

func TestMoreConnectionsThanAUserMayHave(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "connections: 4\nconnections_per_user: 2"}})
	try := func(token string, headers ...string) func() *answer {
		return func() *answer { return g.handshake(t, append(headers, bearer(token))...) }
	}
	ana := acme.token("ana")
	one := accepted(t, try(ana)())
	accepted(t, try(acme.token("ana", claims{"jti": "another token"}))())
	g.refuses(t, userFull, try(ana))

	// A refusal takes no place, whatever it is for.
	bob := acme.token("bob")
	g.refuses(t, wrongOrigin, try(bob, "Origin: https://evil.example"))
	g.refuses(t, badHandshake("bad_subprotocol"), try(bob, protocol+"mqtt"))
	g.refuses(t, refusal{403, "forbidden", "echo_forbidden"}, try(bob, mirror))
	g.refuses(t, unbelieved("bad_signature"), try(forged(claims{"sub": "bob"})))
	accepted(t, try(bob)())

	// A user of another issuer, and one of another tenant, is another user.
	accepted(t, try(acme.tokenOf(acme.partner, "ana"))())
	g.refuses(t, tenantFull, try(acme.token("carol")))
	g.refuses(t, tenantFull, try(ana))
	for range 3 {
		accepted(t, try(globex.token("ana"))())
	}

	// Who leaves makes room, also without a word.
	one.Close()
	g.until(t, 6, "portcullis_connections")
	accepted(t, try(ana)())
	g.refuses(t, tenantFull, try(acme.token("carol")))
}

// The limit holds however many come at the same moment.
func TestManyConnectionsForTheLastPlaces(t *testing.T) {
	t.Parallel()
	const places, comers = 3, 40
	g := start(t, options{acme: tenantOptions{limits: "connections: 3"}})
	token := acme.token("ana")
	statuses := make(chan int, comers)
	var all sync.WaitGroup
	for range comers {
		all.Go(func() {
			l, err := g.open()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { l.Close() })
			a, err := l.request(g.upgrade(bearer(token)))
			if err != nil {
				t.Error(err)
				return
			}
			statuses <- a.status
		})
	}
	all.Wait()
	close(statuses)
	got := make(map[int]int)
	for s := range statuses {
		got[s]++
	}
	if got[http.StatusSwitchingProtocols] != places || got[http.StatusTooManyRequests] != comers-places {
		t.Errorf("got %v, want %d times 101 and otherwise 429", got, places)
	}
}

// A storm of bad handshakes is counted, every one, and does not fill the disk: the log says how many lines are missing.
func TestAStormOfBadHandshakes(t *testing.T) {
	t.Parallel()
	const storm = 600
	g := start(t, options{})
	began := time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range storm / 4 {
				l, err := g.open()
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := l.request(g.upgrade(bearer("no.token.this"))); err != nil || a.status != http.StatusUnauthorized {
					t.Errorf("got %v, %v, want 401", a, err)
				}
				l.Close()
			}
		})
	}
	all.Wait()
	g.until(t, storm, "portcullis_handshakes_total", "result", "rejected", "reason", "token_malformed")
	lines := strings.Count(g.text(), `"event":"handshake.refused"`)
	if most := 150 + int(60*time.Since(began).Seconds()); lines == 0 || lines > most {
		t.Errorf("%d lines were written, want at most %d", lines, most)
	}
	time.Sleep(100 * time.Millisecond) // for the next line's turn
	p, err := g.handshake(t, bearer("no.token.this")).problem()
	if err != nil {
		t.Fatal(err)
	}
	g.logged(t, entry{"handshake": strings.TrimPrefix(p.Instance, "urn:portcullis:handshake:")})
	told := 0
	for line := range strings.Lines(g.text()) {
		var e struct {
			Event      string
			Suppressed int
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == "handshake.refused" {
			told += 1 + e.Suppressed
		}
	}
	if told != storm+1 {
		t.Errorf("the lines and what they leave out are %d, want %d", told, storm+1)
	}
}
