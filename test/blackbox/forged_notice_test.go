package blackbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Whoever can end a session without being its identity service has found a switch for other people's connections.
func TestAForgedLogoutToken(t *testing.T) {
	g := identities(t)
	user := someone("victim")
	live := g.dial(t, acme.token(user, claims{"sid": user}))
	who := claims{"sub": user, "sid": user}
	good := acme.logoutToken(who)
	said := claims{"iss": acme.issuer.URL, "aud": "client-acme", "jti": someone("jti"), "iat": now(), "exp": now() + 60, "sid": user, "events": claims{logoutEvent: claims{}}}
	logoutType := claims{"typ": "logout+jwt"}
	bad := func(name, reason, token string) badNotice { return badNotice{name, reason, "", g.logout(token)} }
	g.withstandsNotices(t, "logout", []badNotice{
		bad("by another key of the same name", "bad_signature", secret(impostor(acme.issuer).issuer.Sign(logoutType, said))),
		bad("by an unknown key", "unknown_key", secret(stranger.Sign(logoutType, said))),
		bad("without a signature", "bad_signature", secret(unsigned(good))),
		bad("alg none", "alg_not_allowed", acme.report(claims{"typ": "logout+jwt", "alg": "none"}, said)),
		bad("HS256", "alg_not_allowed", acme.report(claims{"typ": "logout+jwt", "alg": "HS256"}, said)),
		bad("with a key of its own", "embedded_key", acme.report(claims{"typ": "logout+jwt", "jwk": acme.issuer.JWK()}, said)),
		bad("with an unknown crit", "critical_header", acme.report(claims{"typ": "logout+jwt", "crit": []string{"x"}, "x": 1}, said)),
		bad("of a stranger", "bad_issuer", secret(stranger.Sign(logoutType, claims{"iss": stranger.URL, "aud": "client-acme", "jti": "1", "iat": now(), "exp": now() + 60, "sid": user, "events": claims{logoutEvent: claims{}}}))),
		bad("of another tenant's service, for this one", "bad_audience", globex.logoutToken(who, claims{"aud": "client-acme"})),
		bad("of a service that nobody asked to report", "bad_audience", secret(acme.partner.Sign(logoutType, claims{"iss": acme.partner.URL, "aud": "client-acme", "jti": "1", "iat": now(), "exp": now() + 60, "sub": user, "events": claims{logoutEvent: claims{}}}))),
		bad("for another audience", "bad_audience", acme.logoutToken(who, claims{"aud": "client-other"})),
		bad("for the audience of tokens", "bad_audience", acme.logoutToken(who, claims{"aud": acme.audience})),
		bad("for the audience of events", "bad_audience", acme.logoutToken(who, claims{"aud": "events-acme"})),
		bad("for nobody", "bad_audience", acme.logoutToken(who, claims{"aud": absent})),
		bad("of the partner's users", "bad_subject", acme.logoutToken(claims{"sub": "partner|" + user})),
		bad("of a certificate's user", "bad_subject", acme.logoutToken(claims{"sub": "cert|" + sensor})),
		bad("of nobody", "bad_subject", acme.logoutToken()),
		bad("an old one", "token_expired", acme.logoutToken(who, claims{"iat": now() - 600, "exp": now() - 300})),
		bad("one that never ends", "token_malformed", acme.logoutToken(who, claims{"exp": absent})),
		bad("one of two days ago that has not ended", "token_expired", acme.logoutToken(who, claims{"iat": now() - 48*3600, "exp": now() + 60})),
		bad("one that is to come", "token_not_yet_valid", acme.logoutToken(who, claims{"iat": now() + 3600, "exp": now() + 7200})),
		bad("without a jti", "token_malformed", acme.logoutToken(who, claims{"jti": absent})),
		bad("without an iat", "token_malformed", acme.logoutToken(who, claims{"iat": absent})),
		bad("two subs", "duplicate_member", secret(acme.issuer.SignText(mustJSON(claims{"alg": "ES256", "kid": acme.issuer.KeyID, "typ": "logout+jwt"}), `{"sub":"a","sub":"b"}`))),
	})
	live.lives(t)
	g.takes(t, "logout", g.logout(good))
	live.ends(t, 4201, revokedReason)
}

// Whoever signs in has an access token and an ID token. Neither logs anybody out, and what logs somebody out lets nobody in.
func TestAnAccessTokenAsALogoutToken(t *testing.T) {
	g := identities(t)
	user := someone("ana")
	live := g.dial(t, acme.token(user, claims{"sid": user}))
	bad := func(name, reason, token string) badNotice { return badNotice{name, reason, "", g.logout(token)} }
	event := claims{"events": claims{logoutEvent: claims{}}}
	base := claims{"aud": "client-acme", "sub": user, "exp": now() + 60}
	g.withstandsNotices(t, "logout", []badNotice{
		bad("an access token", "token_malformed", acme.token(user)),
		bad("an access token with a jti", "token_type", acme.token(user, claims{"jti": "1"})),
		bad("one typed at+jwt, with the event", "token_type", acme.report(claims{"typ": "at+jwt"}, base, event)),
		bad("an ID token", "token_type", acme.report(claims{"typ": "JWT"}, base, claims{"nonce": "n"})),
		bad("an ID token with the event", "token_type", acme.report(claims{"typ": "JWT"}, base, event, claims{"nonce": "n"})),
		bad("a security event", "token_type", acme.securityEvent(sessionRevoked, acme.issSub(user))),
		bad("another event", "token_type", acme.logoutToken(base, claims{"events": claims{sessionRevoked: claims{}}})),
		bad("two events", "token_malformed", acme.logoutToken(base, claims{"events": claims{logoutEvent: claims{}, "urn:other": claims{}}})),
		bad("no event", "token_type", acme.logoutToken(base, claims{"events": absent})),
		bad("an event that is true", "token_malformed", acme.logoutToken(base, claims{"events": claims{logoutEvent: true}})),
		bad("events as a list", "token_type", acme.logoutToken(base, claims{"events": []string{logoutEvent}})),
	})
	g.refuses(t, unbelieved("token_type"), func() *answer {
		return g.handshake(t, bearer(acme.logoutToken(claims{"sub": user, "aud": []string{"client-acme", acme.audience}})))
	})
	live.lives(t)
}

// A logout token counts once: recorded, it would end every later session of its user. (Section 2.6, step 8.)
func TestAReplayedLogoutToken(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	user := someone("ana")
	token := acme.logoutToken(claims{"sub": user})
	g.takes(t, "logout", g.logout(token))
	nextSecond()
	back := g.dial(t, acme.token(user))
	revokes := g.mark(t, "portcullis_revocations_total")
	replayed := []badNotice{
		{"as it was", "token_replayed", "", g.logout(token)},
		{"again", "token_replayed", "", g.logout(token)},
	}
	// What ended is ended: to say so again changes nothing, and is no news.
	for _, a := range replayed {
		g.pace()
		reason := g.mark(t, "portcullis_api_requests_total", "purpose", "notice", "reason", a.reason)
		if got := g.asks(t, a.raw); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"invalid_request"`) {
			t.Errorf("%s: got %d %s, want 400 invalid_request", a.name, got.status, got.body)
		}
		reason.moved(t, 1)
	}
	revokes.moved(t, 0)
	back.silent(200e6)
	back.lives(t)
	// The same jti of another service is another token.
	jti := someone("jti")
	g.takes(t, "logout", g.logout(acme.logoutToken(claims{"sub": user + "-2", "jti": jti})))
	g.takes(t, "logout", g.logout(globex.logoutToken(claims{"sub": user + "-2", "jti": jti})))
}

// Nor does it bring back what an operator has lifted.
func TestAReplayedLogoutTokenAfterALift(t *testing.T) {
	g := identities(t)
	user := someone("ana")
	token, good := acme.logoutToken(claims{"sub": user}), acme.token(user)
	g.takes(t, "logout", g.logout(token))
	g.shut(t, good)
	var all []struct{ ID, Value string }
	if err := g.administer(t, http.MethodGet, "/admin/v1/tenants/acme/revocations", "").into(&all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Value != user {
			continue
		}
		if a := g.administer(t, http.MethodDelete, "/admin/v1/tenants/acme/revocations/"+r.ID, ""); a.status != http.StatusNoContent {
			t.Fatalf("lift: got %d %s, want 204", a.status, a.body)
		}
	}
	live := g.dial(t, good)
	g.pace()
	if got := g.asks(t, g.logout(token)); got.status != http.StatusBadRequest {
		t.Errorf("the replay: got %d %s, want 400", got.status, got.body)
	}
	live.silent(200e6)
	live.lives(t)
	g.dial(t, good)
}

func TestALogoutTokenInAnotherEnvelope(t *testing.T) {
	g := identities(t)
	user := someone("victim")
	live := g.dial(t, acme.token(user))
	token := acme.logoutToken(claims{"sub": user})
	form := url.Values{"logout_token": {token}}.Encode()
	const media = "application/x-www-form-urlencoded"
	bad := func(name, raw string) badNotice { return badNotice{name, "token_malformed", "", raw} }
	g.withstandsNotices(t, "logout", []badNotice{
		bad("no body", g.post("/v1/logout", media, "")),
		bad("twice", g.post("/v1/logout", media, form+"&"+form)),
		bad("two of them", g.post("/v1/logout", media, form+"&logout_token="+acme.logoutToken(claims{"sub": user}))),
		bad("by another name", g.post("/v1/logout", media, "token="+token)),
		bad("as JSON", g.post("/v1/logout", "application/json", `{"logout_token":"`+token+`"}`)),
		bad("as text", g.post("/v1/logout", "text/plain", form)),
		bad("as itself", g.post("/v1/logout", "application/logout+jwt", token)),
		bad("as a multipart form", g.post("/v1/logout", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"logout_token\"\r\n\r\n"+token+"\r\n--x--")),
		bad("without a type", g.post("/v1/logout", "", form)),
		bad("a form that is none", g.post("/v1/logout", media, "logout_token=%zz")),
		bad("in a query", g.post("/v1/logout?"+form, media, "")),
		bad("in a header", g.post("/v1/logout", media, "", bearer(token))),
		bad("a megabyte of it", g.post("/v1/logout", media, "logout_token="+strings.Repeat("a", 1<<20))),
		bad("many parameters", g.post("/v1/logout", media, strings.Repeat("a=&", 5000))),
	})
	for _, method := range []string{"GET", "PUT", "OPTIONS"} {
		if a := g.asks(t, strings.Replace(g.logout(token), "POST", method, 1)); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %d, want 405", method, a.status)
		}
	}
	live.lives(t)
}
