package blackbox_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// refusal is how a handshake must end: with a status and a code for the client, and a reason for the operator.
type refusal struct {
	status       int
	code, reason string
}

// The refusals that many attacks end in.

// unbelieved is a credential that was not believed, whatever the client is told of it.
func unbelieved(reason string) refusal {
	return refusal{http.StatusUnauthorized, "unauthorized", reason}
}

func badHandshake(reason string) refusal {
	return refusal{http.StatusBadRequest, "bad_handshake", reason}
}

func unavailable(reason string) refusal {
	return refusal{http.StatusServiceUnavailable, "unavailable", reason}
}

var (
	noCredentials = unbelieved("missing_credentials")
	expired       = refusal{http.StatusUnauthorized, "token_expired", "token_expired"}
	notUpgraded   = refusal{http.StatusUpgradeRequired, "upgrade_required", "upgrade_required"}
	wrongOrigin   = refusal{http.StatusForbidden, "origin_refused", "origin_refused"}
)

// attack is one attempt to get in, with these header lines behind a good handshake's.
type attack struct {
	name    string
	want    refusal
	headers []string
}

// withstands tries every attack.
func (g *gateway) withstands(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			g.refuses(t, a.want, func() *answer { return g.handshake(t, a.headers...) })
		})
	}
}

// refuses tries a handshake and wants it refused: with this status and code, without a word too much, with one step of the one metric and one line
// in the log that tell the operator why.
func (g *gateway) refuses(t *testing.T, want refusal, try func() *answer) problem {
	t.Helper()
	g.pace()
	before := g.handshakes(t)
	a := try()
	p, err := a.problem()
	if err != nil {
		t.Fatal(err)
	}
	if a.status != want.status || p.Status != want.status || p.Code != want.code {
		t.Fatalf("got %d %s, want %d %s; the log says: %s", a.status, a.body, want.status, want.code, tail(g.text(), 600))
	}
	instance, ok := strings.CutPrefix(p.Instance, "urn:portcullis:handshake:")
	if !ok {
		t.Fatalf("got instance %q, want a handshake's", p.Instance)
	}
	said := g.logged(t, entry{"event": "handshake.refused", "handshake": instance})
	if !said.has(entry{"reason": want.reason, "status": want.status}) {
		t.Errorf("the log has %v, want the reason %s and the status %d", said, want.reason, want.status)
	}
	a.checkHeaders(t, want)
	a.checkSilence(t, p, said)
	a.checkClosed(t)
	checkCounted(t, before, g.handshakes(t), want.reason)
	return p
}

// pace keeps refusals as rare as the log can tell each of them: 50 a second, after a burst of 100 (internal/gateway/enter.go).
func (g *gateway) pace() {
	const each, burst = time.Second / 45, 80
	if now := time.Now(); g.pause.Before(now) {
		g.pause = now
	}
	g.pause = g.pause.Add(each)
	time.Sleep(time.Until(g.pause.Add(-burst * each)))
}

// challengeOf is what a 401 tells a client to do, by code, in the words of RFC 6750.
func challengeOf(want refusal) string {
	const realm = `Bearer realm="portcullis"`
	switch {
	case want.status != http.StatusUnauthorized:
		return ""
	case want == noCredentials:
		return realm
	case want.code == "token_expired":
		return realm + `, error="invalid_token", error_description="the token has expired"`
	}
	return realm + `, error="invalid_token"`
}

func (a *answer) checkHeaders(t *testing.T, want refusal) {
	t.Helper()
	for name, wanted := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Connection": "close", "WWW-Authenticate": challengeOf(want),
	} {
		if got := strings.Join(a.header.Values(name), "; "); got != wanted {
			t.Errorf("got %s %q, want %q", name, got, wanted)
		}
	}
	retry := a.header.Get("Retry-After")
	seconds, err := strconv.Atoi(retry)
	switch passes := want.status == http.StatusTooManyRequests || want.status == http.StatusServiceUnavailable; {
	case passes && (err != nil || seconds < 1 || seconds > 60):
		t.Errorf("got Retry-After %q, want a few seconds", retry)
	case !passes && retry != "":
		t.Errorf("got Retry-After %q for what does not pass", retry)
	}
	for _, name := range []string{"Access-Control-Allow-Origin", "Sec-WebSocket-Accept", "Set-Cookie", "Server"} {
		if got, there := a.header[name]; there {
			t.Errorf("got %s %q, want none", name, got)
		}
	}
	if want == notUpgraded && (a.header.Get("Upgrade") != "websocket" || a.header.Get("Sec-WebSocket-Version") != "13") {
		t.Errorf("got %v, want Upgrade: websocket and Sec-WebSocket-Version: 13 (RFC 9110, section 15.5.22)", a.header)
	}
}

// notBelieved is the one text of every credential that was not believed.
const notBelieved = "the credential was not believed; the operator finds the reason in the log, by this problem's instance"

// checkSilence wants an attacker to learn nothing from a credential that was not believed: every such answer is the same but for its instance.
func (a *answer) checkSilence(t *testing.T, p problem, said entry) {
	t.Helper()
	if detail := said["detail"].(string); p.Code == "unauthorized" && strings.Contains(a.body, detail) {
		t.Errorf("the client was told %q", detail)
	}
	if p.Code != "unauthorized" || said["reason"] == noCredentials.reason {
		return
	}
	const same = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":%q,"instance":%q,"code":"unauthorized"}`
	if want := fmt.Sprintf(same, notBelieved, p.Instance); strings.TrimSpace(a.body) != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
}

// checkClosed wants the connection to end: what refused bytes were followed by may have meant something else.
func (a *answer) checkClosed(t *testing.T) {
	t.Helper()
	a.line.SetReadDeadline(time.Now().Add(patience))
	if b, err := a.line.r.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("behind the answer there was %q, %v, want the end", b, err)
	}
}

// counts are the handshakes so far. Who was let in is counted by its session, which is done before the welcome goes out; the handshake's own
// counter comes a moment behind it.
type counts struct{ rejected, ofReason, letIn float64 }

// handshakes are the series that countsIn reads.
func (g *gateway) handshakes(t *testing.T) scrape {
	t.Helper()
	return g.scrape(t, "portcullis_handshakes_total", "portcullis_connections_opened_total")
}

func countsIn(s scrape, reason string) (c counts) {
	c.rejected, _ = s.sum("portcullis_handshakes_total", "result", "rejected")
	c.ofReason, _ = s.sum("portcullis_handshakes_total", "result", "rejected", "reason", reason)
	c.letIn, _ = s.sum("portcullis_connections_opened_total")
	return c
}

// checkCounted wants exactly one handshake to have been rejected, for this reason, and nobody to have been let in.
func checkCounted(t *testing.T, before, after scrape, reason string) {
	t.Helper()
	if _, series := after.sum("portcullis_handshakes_total", "result", "rejected", "reason", reason); series != 1 {
		t.Fatalf("%d series count handshakes rejected for %s, want 1", series, reason)
	}
	was, is := countsIn(before, reason), countsIn(after, reason)
	if moved := (counts{is.rejected - was.rejected, is.ofReason - was.ofReason, is.letIn - was.letIn}); moved != (counts{1, 1, 0}) {
		t.Errorf("the counters moved by %+v, want one rejected handshake, for %s", moved, reason)
	}
}

// uncounted wants what do does to be no handshake for the counters, and to let nobody in.
func (g *gateway) uncounted(t *testing.T, do func()) {
	t.Helper()
	before := countsIn(g.handshakes(t), "")
	do()
	if after := countsIn(g.handshakes(t), ""); after != before {
		t.Errorf("the counters were %+v and are %+v, want them to stand still", before, after)
	}
}

// admits tries a handshake and wants it accepted and counted.
func (g *gateway) admits(t *testing.T, try func() *answer) *conn {
	t.Helper()
	was := countsIn(g.handshakes(t), "")
	c := accepted(t, try())
	if is := countsIn(g.handshakes(t), ""); is.letIn != was.letIn+1 || is.rejected != was.rejected {
		t.Errorf("the counters were %+v and are %+v, want one more let in", was, is)
	}
	g.until(t, was.letIn+1, "portcullis_handshakes_total", "result", "accepted", "reason", "ok")
	return c
}
