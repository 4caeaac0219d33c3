package blackbox_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	unknownTicket = unbelieved("ticket_unknown")
	stolenTicket  = unbelieved("ticket_stolen")
)

// mint returns a ticket for whoever a token speaks for.
func (g *gateway) mint(t *testing.T, token string, headers ...string) string {
	t.Helper()
	return minted(t, g.asks(t, g.post("/v1/tickets", "", "", append([]string{bearer(token)}, headers...)...)))
}

// minted reads the ticket out of an answer.
func minted(t *testing.T, a *answer) string {
	t.Helper()
	var made struct {
		Ticket  string
		Expires int64
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusCreated || len(made.Ticket) != 43 {
		t.Fatalf("got %d %s, %v, want 201 and a ticket", a.status, a.body, err)
	}
	if left := time.Until(time.UnixMilli(made.Expires)); left > 30*time.Second {
		t.Errorf("the ticket ends in %v, want at most 30s", left)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q with a ticket, want no-store", got)
	}
	return secret(made.Ticket)
}

// redeem asks for an upgrade with a ticket.
func (g *gateway) redeem(t *testing.T, ticket string, headers ...string) *answer {
	t.Helper()
	return g.asks(t, g.withTicket(ticket, headers...))
}

func (g *gateway) withTicket(ticket string, headers ...string) string {
	return g.get("/v1/ws?ticket="+ticket, append(upgradeHeaders(), headers...)...)
}

// A ticket stands in a URL, and URLs stand in logs: whoever finds it there comes too late.
func TestAReplayedTicket(t *testing.T) {
	g := identities(t)
	ticket := g.mint(t, acme.token("ana"))
	c := g.admits(t, func() *answer { return g.redeem(t, ticket) })
	if c.welcome["user"] != "ana" || c.welcome["tenant"] != "acme" {
		t.Errorf("got %v, want ana of acme", c.welcome)
	}
	for range 2 {
		g.refuses(t, unknownTicket, func() *answer { return g.redeem(t, ticket) })
	}
	c.lives(t)
	c.Close()
	g.refuses(t, unknownTicket, func() *answer { return g.redeem(t, ticket) })
}

// A ticket is for the page that asked for it. Whoever shows it elsewhere has used it up, so that a theft is noticed.
func TestAStolenTicket(t *testing.T) {
	g := identities(t)
	own, none := "Origin: "+acme.origin, ""
	for _, a := range []struct{ name, mintedBy, shownBy string }{
		{"by another site", own, "Origin: https://evil.example"},
		{"by another tenant's page", own, "Origin: " + globex.origin},
		{"by a sandbox", own, "Origin: null"},
		{"by an empty origin", own, "Origin:"},
		{"by the page's host without its scheme", own, "Origin: app.acme.example"},
		{"by a program", own, none},
		{"of a program, by a page", none, own},
		{"of a program, by an empty origin", none, "Origin:"},
		{"by two origins", own, own + "\r\n" + own},
	} {
		t.Run(a.name, func(t *testing.T) {
			ticket := g.mint(t, acme.token("ana"), lines(a.mintedBy)...)
			g.refuses(t, stolenTicket, func() *answer { return g.redeem(t, ticket, lines(a.shownBy)...) })
			g.refuses(t, unknownTicket, func() *answer { return g.redeem(t, ticket, lines(a.mintedBy)...) })
		})
	}
	for _, by := range []string{own, none} {
		g.admits(t, func() *answer { return g.redeem(t, g.mint(t, acme.token("ana"), lines(by)...), lines(by)...) })
	}
}

// lines are header lines, none for an empty text.
func lines(header string) []string {
	if header == "" {
		return nil
	}
	return []string{header}
}

// A ticket that was made over a certificate is nobody's without it.
func TestATicketOverAnotherCertificate(t *testing.T) {
	g := identitiesTLS(t)
	own, other := trust(acme.certificate(t, "sensor/1")), trust(acme.certificate(t, "sensor/2"))
	token := acme.token("ana", boundTo(own.Certificates[0]))
	mint := func(headers ...string) string {
		return minted(t, g.tell(t, g.connect(t, own), g.post("/v1/tickets", "", "", headers...)))
	}
	for name, headers := range map[string][]string{"of a certificate": nil, "of a bound token": {bearer(token)}} {
		t.Run(name, func(t *testing.T) {
			ticket := mint(headers...)
			g.refuses(t, stolenTicket, func() *answer { return g.tell(t, g.connect(t, other), g.withTicket(ticket)) })
			ticket = mint(headers...)
			g.refuses(t, stolenTicket, func() *answer { return g.redeem(t, ticket) })
			ticket = mint(headers...)
			g.admits(t, func() *answer { return g.tell(t, g.connect(t, own), g.withTicket(ticket)) })
		})
	}
}

func TestOneTicketFiftyTimesAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t, options{}) // its log has much to tell at once: see [gateway.pace]
	for range 3 {
		ticket := g.mint(t, acme.token("ana"))
		var in, out atomic.Int32
		var ready, done sync.WaitGroup
		var lines [50]*line
		ready.Add(1)
		errs := make([]error, len(lines))
		for i := range lines {
			lines[i] = g.connect(t)
			done.Go(func() {
				ready.Wait()
				a, err := lines[i].request(g.withTicket(ticket))
				switch {
				case err != nil:
					errs[i] = err
				case a.status == http.StatusSwitchingProtocols:
					in.Add(1)
				case a.status == http.StatusUnauthorized:
					out.Add(1)
				}
			})
		}
		ready.Done()
		done.Wait()
		if in.Load() != 1 || out.Load() != 49 {
			t.Errorf("%d were let in and %d refused, want 1 and 49: %v", in.Load(), out.Load(), errors.Join(errs...))
		}
	}
}

func TestAGuessedTicket(t *testing.T) {
	g := identities(t)
	good := g.mint(t, acme.token("ana"))
	random := make([]byte, 32)
	rand.Read(random)
	inURL := badHandshake("credential_in_url")
	for _, a := range []struct {
		name, ticket string
		want         refusal
	}{
		{"an empty one", "", unknownTicket},
		{"one that was never made", secret(base64.RawURLEncoding.EncodeToString(random)), unknownTicket},
		{"all zeros", strings.Repeat("A", 43), unknownTicket},
		{"the beginning of a good one", good[:42], unknownTicket},
		{"one character more", good + "A", unknownTicket},
		{"a good one, spelt otherwise", respelt(good), unknownTicket},
		{"a good one in lower case", strings.ToLower(good), unknownTicket},
		{"with its padding", good + "=", inURL},
		{"percent-encoded", "%" + "41" + good[1:], inURL},
		{"with a line break", good + "%0a", inURL},
		{"a path", "../../etc/passwd", inURL},
		{"16 KiB of it", strings.Repeat("A", 10<<10), unknownTicket},
	} {
		t.Run(a.name, func(t *testing.T) { g.refuses(t, a.want, func() *answer { return g.redeem(t, a.ticket) }) })
	}
	// None of that used the good one up.
	g.admits(t, func() *answer { return g.redeem(t, good) })
}

// respelt decodes to the same bytes by a reader that does not look closely: its last character has two bits that mean nothing.
func respelt(ticket string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, ticket[42])
	return ticket[:42] + alphabet[last^1:last^1+1]
}

// Whoever may come in may not fill the engine's memory with tickets: each costs a message of the user.
func TestAHoarderOfTickets(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_user: 1"}})
	token := acme.token("ana")
	var a *answer
	for range 50 { // the burst is two, and on a slow machine some come back meanwhile
		if a = g.asks(t, g.post("/v1/tickets", "", "", bearer(token))); a.status != http.StatusCreated {
			break
		}
	}
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "messages_per_second_per_user is reached") {
		t.Errorf("got %d %v %s, want 429, Retry-After and the limit's name", a.status, a.header, a.body)
	}
	g.mint(t, acme.token("bob")) // nobody else's
}
