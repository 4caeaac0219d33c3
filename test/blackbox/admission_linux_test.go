package blackbox_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// On Linux all of 127.0.0.0/8 is this machine, and a client has as many addresses as it needs.

// from connects from an address of this machine. A connection that was reset at once is nil.
func (g *gateway) from(t *testing.T, address string) *line {
	t.Helper()
	l, err := g.openBy(&net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}})
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// admittedFrom wants a client at an address to be let in.
func (g *gateway) admittedFrom(t *testing.T, address string) {
	t.Helper()
	l := g.from(t, address)
	if l == nil {
		t.Errorf("a client at %s was turned away", address)
		return
	}
	accepted(t, g.tell(t, l, g.upgrade(bearer(acme.token("ana")))))
}

// turnedAway wants a connection to end without a word.
func (l *line) turnedAway(t *testing.T) {
	t.Helper()
	if l == nil {
		return
	}
	l.SetDeadline(time.Now().Add(patience))
	if n, err := l.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %d bytes, %v; want a reset", n, err)
	}
}

func TestHalfOpenConnectionsOfOneAddress(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[secure], func(t *testing.T) {
			g := start(t, options{tls: secure, admission: "connections_per_address: 20\nconnections_per_second_per_address: unlimited\n"})
			var half []*line
			for range 20 {
				half = append(half, g.from(t, "127.0.0.9"))
			}
			g.until(t, 20, "portcullis_connections_without_session")
			for range 5 {
				g.from(t, "127.0.0.9").turnedAway(t)
			}
			g.until(t, 5, "portcullis_connections_turned_away_total", "reason", "address_full")
			g.admittedFrom(t, "127.0.0.2")
			for _, l := range half[:10] {
				l.Close()
			}
			g.until(t, 10, "portcullis_connections_without_session")
			for range 20 { // those who got in hold no place
				g.admittedFrom(t, "127.0.0.9")
			}
			if got := g.metric(t, "portcullis_tls_handshake_errors_total", "reason", "other_tls_problems"); got != 0 {
				t.Errorf("%v connections that were turned away count as failures of TLS", got)
			}
		})
	}
}

// Half-open connections from many addresses hold every place there is.
func TestSlowlorisFromManyAddresses(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true, admission: "connections: 30\n"})
	for i := range 30 {
		g.from(t, "127.0.1."+string(rune('1'+i%9)))
	}
	g.until(t, 30, "portcullis_connections_without_session")
	time.Sleep(time.Second)
	for range 10 {
		g.admittedFrom(t, "127.0.0.2")
	}
	if got := g.metric(t, "portcullis_connections_turned_away_total", "reason", "displaced"); got < 1 {
		t.Errorf("%v connections made room, want at least one", got)
	}
	if got := g.metric(t, "portcullis_connections_turned_away_total", "reason", "full"); got != 0 {
		t.Errorf("%v honest clients were turned away, want none", got)
	}
}

// Whoever says that a body follows, and holds it back, is as silent as one that holds back its headers: a request is no licence to a place.
func TestABodyThatIsHeldBackOnEveryPlace(t *testing.T) {
	t.Parallel()
	g := start(t, options{admission: "connections: 30\n"})
	held := func(request string) string { return request + "Host: x\r\nContent-Length: 100\r\n" }
	begun := []string{
		held("POST /v1/logout HTTP/1.1\r\n") + "Content-Type: application/x-www-form-urlencoded\r\n\r\n",
		held("POST /v1/security-events HTTP/1.1\r\n") + "Content-Type: application/secevent+jwt\r\n\r\n{",
		held("OPTIONS /v1/tickets HTTP/1.1\r\n") + "\r\n",
		held("GET /healthz HTTP/1.1\r\n") + "\r\n",
		"POST /v1/logout HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
	}
	for i := range 30 {
		if l := g.from(t, "127.0.1."+string(rune('1'+i%9))); l != nil {
			io.WriteString(l, begun[i%len(begun)])
		}
	}
	g.until(t, 30, "portcullis_connections_without_session")
	time.Sleep(time.Second)
	for range 10 {
		g.admittedFrom(t, "127.0.0.2")
	}
	if got := g.metric(t, "portcullis_connections_turned_away_total", "reason", "full"); got != 0 {
		t.Errorf("%v honest clients were turned away, want none", got)
	}
}

func TestConnectionsFasterThanAnAddressMay(t *testing.T) {
	g := start(t, options{admission: "connections_per_second_per_address: 5\n"})
	for range 30 {
		if l := g.from(t, "127.0.0.9"); l != nil {
			l.Close()
		}
	}
	const turned = "portcullis_connections_turned_away_total"
	got := g.metric(t, turned, "reason", "address_rate")
	for end := time.Now().Add(patience); got < 10 && time.Now().Before(end); got = g.metric(t, turned, "reason", "address_rate") {
		time.Sleep(5 * time.Millisecond) // the kernel has them before the gateway does
	}
	g.until(t, 0, "portcullis_connections_without_session")
	if got = g.metric(t, turned, "reason", "address_rate"); got < 10 || got > 20 {
		t.Errorf("%v of 30 connections were turned away, want 20, less 5 for each second that they took", got)
	}
	g.admittedFrom(t, "127.0.0.2")
}

// A good token is no licence to try others, and neighbours are not punished.
func TestTokensAreGuessedFromOneAddress(t *testing.T) {
	t.Parallel()
	g := start(t, options{admission: "failures_per_minute_per_address: 10\n"})
	guess := acme.token("ana")
	guess = guess[:len(guess)-8] + strings.Repeat("A", 8)
	try := func(token string) (*answer, problem) {
		a := g.tell(t, g.from(t, "127.0.0.9"), g.upgrade(bearer(token)))
		if a.status == http.StatusSwitchingProtocols {
			return a, problem{}
		}
		p, err := a.problem()
		if err != nil {
			t.Fatal(err)
		}
		return a, p
	}
	for i := range 10 {
		if i == 5 {
			g.admittedFrom(t, "127.0.0.9")
		}
		if a, p := try(guess); a.status != http.StatusUnauthorized || p.Code != "unauthorized" {
			t.Fatalf("guess %d: got %d %s, want 401 unauthorized", i+1, a.status, p.Code)
		}
	}
	for _, token := range []string{guess, acme.token("ana")} {
		if a, p := try(token); a.status != http.StatusTooManyRequests || p.Code != "rate_limited" || a.header.Get("Retry-After") == "" {
			t.Errorf("after ten guesses: got %d %s, Retry-After %q; want 429 rate_limited and a time", a.status, p.Code, a.header.Get("Retry-After"))
		}
	}
	g.admittedFrom(t, "127.0.0.2")
	if got := g.metric(t, "portcullis_handshakes_total", "reason", "address_limited"); got != 2 {
		t.Errorf("%v handshakes were refused as address_limited, want 2", got)
	}
}
