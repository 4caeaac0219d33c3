package blackbox_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A ticket beside another credential is one of two, and nobody says which counts.
func TestATicketBesideAToken(t *testing.T) {
	g := identities(t)
	token := acme.token("ana")
	ticket, other := g.mint(t, token), g.mint(t, token)
	two, inURL := badHandshake("ambiguous_credentials"), badHandshake("credential_in_url")
	for _, a := range []struct {
		name, query string
		want        refusal
		headers     []string
	}{
		{"in the header", ticket, two, []string{bearer(token)}},
		{"as a subprotocol", ticket, two, []string{inProtocol(token, dialectEntry)}},
		{"beside an empty one", ticket, two, []string{"Authorization: Bearer"}},
		{"beside another scheme", ticket, unbelieved("token_malformed"), []string{"Authorization: Basic " + secret("YW5hOnRoZSB0aGlyZCBwYXNzd29yZA==")}},
		{"two tickets", ticket + "&ticket=" + other, inURL, nil},
		{"two tickets in one", ticket + "," + other, unknownTicket, nil},
		{"a ticket and another parameter", ticket + "&v=1", inURL, nil},
		{"a ticket and a token, both in the URL", ticket + "&access_token=" + token, inURL, nil},
	} {
		t.Run(a.name, func(t *testing.T) { g.refuses(t, a.want, func() *answer { return g.redeem(t, a.query, a.headers...) }) })
	}
	g.admits(t, func() *answer { return g.redeem(t, ticket) })
}

// A token is no ticket: in a URL it would be written into logs. And a ticket is no token.
func TestATokenAsATicket(t *testing.T) {
	g := identities(t)
	token := acme.token("ana")
	inURL := badHandshake("credential_in_url")
	g.refuses(t, inURL, func() *answer { return g.redeem(t, token) })
	g.refuses(t, inURL, func() *answer { return g.redeem(t, "bearer."+token) })
	ticket := g.mint(t, token)
	for _, header := range []string{bearer(ticket), inProtocol(ticket, dialectEntry)} {
		g.refuses(t, unbelieved("token_malformed"), func() *answer { return g.handshake(t, header) })
	}
	g.refuses(t, unbelieved("token_malformed"), func() *answer { return g.handshake(t, "Authorization: Ticket "+ticket) })
	g.refuses(t, noCredentials, func() *answer { return g.handshake(t, "Cookie: ticket="+ticket, "Ticket: "+ticket) })
	g.admits(t, func() *answer { return g.redeem(t, ticket) })
}

// A ticket opens a WebSocket and nothing else, least of all another ticket, with which it would live for ever.
func TestATicketAtAnotherPath(t *testing.T) {
	g := identities(t)
	token := acme.token("billing", roles("backend"))
	ticket := g.mint(t, token)
	inURL := badHandshake("credential_in_url")
	for _, a := range []struct{ name, purpose, raw string }{
		{"another ticket", "ticket", g.post("/v1/tickets?ticket="+ticket, "", "")},
		{"another ticket, with a token beside", "ticket", g.post("/v1/tickets?ticket="+ticket, "", "", bearer(token))},
		{"whoami", "api", g.get("/v1/whoami?ticket=" + ticket)},
		{"a revocation", "api", g.post("/v1/revocations?ticket="+ticket, "application/json", `{"kind":"token","value":"x"}`)},
	} {
		t.Run(a.name, func(t *testing.T) { g.denies(t, a.purpose, inURL, func() *answer { return g.asks(t, a.raw) }) })
	}
	for _, path := range []string{"/v1/ws/", "/v1/WS", "/v1//ws", "/v1/sse", "/"} {
		if a := g.asks(t, g.get(path+"?ticket="+ticket, upgradeHeaders()...)); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, a.status)
		}
	}
	g.admits(t, func() *answer { return g.redeem(t, ticket) })
}

// A ticket speaks for whoever asked for it, as long as that one could come in himself.
func TestATicketOfATokenThatWasRevoked(t *testing.T) {
	g := identities(t)
	for _, kind := range []string{"token", "session", "user"} {
		t.Run(kind, func(t *testing.T) {
			who := map[string]string{"token": someone("jti"), "session": someone("sid"), "user": someone("mallory")}
			token := acme.token(who["user"], claims{"jti": who["token"], "sid": who["session"]})
			ticket := g.mint(t, token)
			g.revoke(t, fmt.Sprintf(`{"kind":%q,"value":%q}`, kind, who[kind]))
			g.refuses(t, unbelieved("revoked"), func() *answer { return g.redeem(t, ticket) })
			g.denies(t, "ticket", unbelieved("revoked"), func() *answer { return g.asks(t, g.post("/v1/tickets", "", "", bearer(token))) })
		})
	}
}

// A ticket ends with its token, and a session with the ticket's token: not half a minute later.
func TestATicketThatOutlivesItsToken(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	end := now() + 2
	ask := func() *answer {
		return g.asks(t, g.post("/v1/tickets", "", "", bearer(acme.token("ana", claims{"exp": end}))))
	}
	late := minted(t, ask())
	in := accepted(t, g.redeem(t, minted(t, ask())))
	in.hear() // expiring
	in.ends(t, 4200, expiredReason)
	if early := time.Until(time.Unix(end+1, 0)); early > 0 {
		t.Errorf("it ended %v too early", early)
	}
	g.refuses(t, unknownTicket, func() *answer { return g.redeem(t, late) })
}

// A ticket is found in a log, half a minute later.
func TestALateTicket(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	g := start(t, managed)
	late, inTime := g.mint(t, acme.token("ana")), g.mint(t, acme.token("ana"))
	time.Sleep(27 * time.Second)
	g.admits(t, func() *answer { return g.redeem(t, inTime) })
	time.Sleep(4 * time.Second)
	g.refuses(t, unknownTicket, func() *answer { return g.redeem(t, late) })
}
