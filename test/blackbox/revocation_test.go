package blackbox_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

var revoked = unbelieved("revoked")

// within is how soon a revocation must have reached whoever is connected: a second, and ten times that on a machine with other work.
const withinASecond = 10 * time.Second

// endsBy revokes what it is given and wants every connection of those to end for it, soon.
func (g *gateway) endsBy(t *testing.T, what string, gone ...*conn) {
	t.Helper()
	g.revoke(t, what)
	began := time.Now()
	for _, c := range gone {
		c.ends(t, 4201, revokedReason)
	}
	if took := time.Since(began); took > withinASecond {
		t.Errorf("after %s they were in for %v, want at most a second", what, took)
	}
}

// shut wants tokens not to be believed any more, wherever they can be shown.
func (g *gateway) shut(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		g.refuses(t, revoked, func() *answer { return g.handshake(t, bearer(token)) })
		g.refuses(t, revoked, func() *answer { return g.handshake(t, inProtocol(token, dialectEntry)) })
		g.denies(t, "api", revoked, func() *answer { return g.asks(t, g.get("/v1/whoami", bearer(token))) })
	}
}

// nextSecond waits until what is issued now is younger than what was issued before: tokens know seconds.
func nextSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1010 * time.Millisecond)))
}

func TestAStolenTokenThatWasRevoked(t *testing.T) {
	g := identities(t)
	id, user := someone("stolen"), someone("ana")
	stolen, own := acme.token(user, claims{"jti": id}), acme.token(user, claims{"jti": id + "-2"})
	elsewhere := globex.token(user, claims{"jti": id})
	partners := acme.tokenOf(acme.partner, user, claims{"jti": id})
	thief, again := g.dial(t, stolen), g.dial(t, stolen, protocol+dialectEntry)
	stays := []*conn{g.dial(t, own), g.dial(t, elsewhere), g.dial(t, partners)}
	g.endsBy(t, fmt.Sprintf(`{"kind":"token","value":%q,"issuer":%q}`, id, acme.issuer.URL), thief, again)
	g.shut(t, stolen)
	g.refuses(t, badHandshake("ambiguous_credentials"), func() *answer { return g.handshake(t, bearer(stolen), bearer(own)) })
	for _, c := range stays {
		c.lives(t)
	}
	for _, token := range []string{own, elsewhere, partners} {
		g.dial(t, token)
	}
	stays[0].mayNot("unauthorized", `{"type":"refresh","id":1,"token":%q}`, stolen)
	// Without an issuer it is about everybody's tokens of this id, in the tenant.
	g.endsBy(t, fmt.Sprintf(`{"kind":"token","value":%q}`, id), stays[2])
	g.shut(t, partners)
	stays[1].lives(t)
}

func TestAUserWhoWasRevoked(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	user := someone("mallory")
	tokens := []string{acme.token(user), acme.token(user, claims{"iat": now() - 600}), acme.token(user, claims{"iat": absent})}
	var gone []*conn
	for _, token := range tokens {
		gone = append(gone, g.dial(t, token))
	}
	gone = append(gone, accepted(t, g.redeem(t, g.mint(t, tokens[0]))))
	stays := []*conn{g.dial(t, acme.token(user+"2")), g.dial(t, globex.token(user)), g.dial(t, acme.tokenOf(acme.partner, user)), g.dial(t, acme.tokenOf(broker, user))}
	g.endsBy(t, fmt.Sprintf(`{"kind":"user","value":%q,"reason":"left the company"}`, user), gone...)
	g.shut(t, tokens...)
	for _, c := range stays {
		c.lives(t)
	}
	// A user who signs in again is let in; what was signed before stays out.
	nextSecond()
	back := g.dial(t, acme.token(user))
	g.shut(t, tokens[0])
	back.lives(t)
	back.mayNot("forbidden", `{"type":"refresh","id":1,"token":%q}`, tokens[0])
	// The broker's user is another one, by the name that it has here.
	g.endsBy(t, fmt.Sprintf(`{"kind":"user","value":%q}`, "broker|"+user), stays[3])
	for _, c := range append(stays[:3:3], back) {
		c.lives(t)
	}
}

func TestAStolenSessionThatWasRevoked(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	sid, user := someone("sid"), someone("ana")
	phone, laptop := claims{"sid": sid}, claims{"sid": sid + "-laptop"}
	stolen := acme.token(user, phone)
	gone := []*conn{g.dial(t, stolen), g.dial(t, acme.token(user, phone, claims{"jti": "another"}))}
	stays := []*conn{g.dial(t, acme.token(user, laptop)), g.dial(t, acme.token(user)), g.dial(t, globex.token(user, phone))}
	g.endsBy(t, fmt.Sprintf(`{"kind":"session","value":%q}`, sid), gone...)
	// The session is over for good: also what is still issued in it.
	nextSecond()
	g.shut(t, stolen, acme.token(user, phone))
	for _, c := range stays {
		c.lives(t)
	}
	stays[0].mayNot("unauthorized", `{"type":"refresh","id":1,"token":%q}`, acme.token(user, phone))
	// With the user beside it, what names no session goes too: it may belong to this one.
	g.endsBy(t, fmt.Sprintf(`{"kind":"session","value":%q,"user":%q,"before":%d}`, sid, user, time.Now().UnixMilli()), stays[1])
	stays[0].lives(t)
	g.dial(t, acme.token(user, laptop))
}

// A key that got into wrong hands signs for everybody. It is taken out of the set, which stops newcomers, and revoked, which ends who is in.
func TestAStolenKeyThatWasRevoked(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	stolen := acme.tokenOf(acme.partner, "ana", roles("operator"))
	thief := g.dial(t, stolen)
	stays := []*conn{g.dial(t, acme.token("ana")), g.dial(t, globex.tokenOf(globex.partner, "ana"))}
	g.endsBy(t, fmt.Sprintf(`{"kind":"key","value":%q,"issuer":%q}`, acme.partner.KeyID, acme.partner.URL), thief)
	nextSecond()
	g.shut(t, stolen, acme.tokenOf(acme.partner, "bob"))
	for _, c := range stays {
		c.lives(t)
	}
	// Nobody gets past it by leaving the key's name out.
	g.refuses(t, revoked, func() *answer {
		return g.handshake(t, bearer(secret(acme.partner.Sign(claims{"kid": absent}, acme.claims(claims{"iss": acme.partner.URL})))))
	})
}

func TestAStolenCertificateThatWasRevoked(t *testing.T) {
	g := identitiesTLS(t)
	stolen, own := acme.certificate(t, someone("sensor")), acme.certificate(t, someone("sensor"))
	token := acme.token("ana", boundTo(stolen))
	gone := []*conn{g.dialOver(t, trust(stolen), ""), g.dialOver(t, trust(stolen), token), g.dialOver(t, trust(stolen), acme.token("ana"))}
	stays := []*conn{g.dialOver(t, trust(own), ""), g.dial(t, acme.token("ana"))}
	g.endsBy(t, fmt.Sprintf(`{"kind":"certificate","value":%q}`, fingerprint(stolen)), gone...)
	g.withstandsCertificates(t, []certified{
		{"alone", revoked, stolen, nil},
		{"beside its token", revoked, stolen, []string{bearer(token)}},
		{"beside another token", revoked, stolen, []string{bearer(acme.token("ana"))}},
	})
	for _, c := range stays {
		c.lives(t)
	}
	g.dialOver(t, trust(own), "")
}

// Whoever refreshes has another token: the old one is no longer what the connection stands on, and the new one is.
func TestATokenThatWasRevokedAfterARefresh(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	first, second := someone("first"), someone("second")
	c := g.dial(t, acme.token("ana", claims{"jti": first}))
	c.does(`{"type":"refresh","id":1,"token":%q}`, acme.token("ana", claims{"jti": second}))
	g.revoke(t, fmt.Sprintf(`{"kind":"token","value":%q}`, first))
	c.silent(300 * time.Millisecond)
	c.lives(t)
	g.endsBy(t, fmt.Sprintf(`{"kind":"token","value":%q}`, second), c)
}

// Revoked twice is revoked as widely as the wider of the two says, whichever comes last.
func TestARevocationThatASecondOneNarrows(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	user, id := someone("mallory"), someone("jti")
	token := acme.token(user, claims{"jti": id, "iat": now() - 30})
	g.revoke(t, fmt.Sprintf(`{"kind":"user","value":%q}`, user))
	g.revoke(t, fmt.Sprintf(`{"kind":"user","value":%q,"before":%d}`, user, time.Now().Add(-time.Hour).UnixMilli()))
	g.shut(t, token)
	other := acme.token(someone("ana"), claims{"jti": id, "iat": now() - 30})
	g.revoke(t, fmt.Sprintf(`{"kind":"token","value":%q}`, id))
	g.revoke(t, fmt.Sprintf(`{"kind":"token","value":%q,"until":%d}`, id, time.Now().Add(200*time.Millisecond).UnixMilli()))
	time.Sleep(300 * time.Millisecond)
	g.shut(t, other)
	if a := g.asks(t, g.revocation(acme.token("billing", roles("backend")), fmt.Sprintf(`{"kind":"token","value":%q}`, id))); a.status != http.StatusCreated {
		t.Errorf("a third time: got %d %s, want 201", a.status, a.body)
	}
	g.dial(t, acme.token("ana"))
}
