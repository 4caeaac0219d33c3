package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAForgedSecurityEvent(t *testing.T) {
	g := identities(t)
	user := someone("victim")
	live := g.dial(t, acme.token(user, claims{"sid": user}))
	good := acme.securityEvent(sessionRevoked, acme.issSub(user))
	said := claims{"iss": acme.issuer.URL, "aud": "events-acme", "jti": someone("jti"), "iat": now(), "sub_id": acme.issSub(user), "events": claims{sessionRevoked: claims{}}}
	of := func(subject claims, more ...claims) string {
		return acme.securityEvent(sessionRevoked, subject, more...)
	}
	eventType := claims{"typ": "secevent+jwt"}
	bad := func(name, reason, err, token string) badNotice { return badNotice{name, reason, err, g.event(token)} }
	g.withstandsNotices(t, "security_event", []badNotice{
		bad("by another key of the same name", "bad_signature", "invalid_key", secret(impostor(acme.issuer).issuer.Sign(eventType, said))),
		bad("by an unknown key", "unknown_key", "invalid_key", secret(stranger.Sign(eventType, said))),
		bad("alg none", "alg_not_allowed", "invalid_key", acme.report(claims{"typ": "secevent+jwt", "alg": "none"}, said)),
		bad("with a key of its own", "embedded_key", "invalid_key", acme.report(claims{"typ": "secevent+jwt", "jwk": acme.issuer.JWK()}, said)),
		bad("of a stranger", "bad_issuer", "invalid_issuer", secret(stranger.Sign(eventType, claims{"iss": stranger.URL, "aud": "events-acme", "jti": "1", "iat": now(), "events": claims{sessionRevoked: claims{}}}))),
		bad("of another tenant's service, for this one", "bad_audience", "invalid_audience", globex.securityEvent(sessionRevoked, acme.issSub(user), claims{"aud": "events-acme"})),
		bad("for another audience", "bad_audience", "invalid_audience", of(acme.issSub(user), claims{"aud": "events"})),
		bad("for the audience of logouts", "bad_audience", "invalid_audience", of(acme.issSub(user), claims{"aud": "client-acme"})),
		bad("about another issuer's user", "bad_subject", "invalid_request", of(globex.issSub(user))),
		bad("about the partner's users", "bad_subject", "invalid_request", of(acme.issSub("partner|"+user))),
		bad("about a certificate's user", "bad_subject", "invalid_request", of(claims{"format": "opaque", "id": "cert|" + sensor})),
		bad("about an address of e-mail", "bad_subject", "invalid_request", of(claims{"format": "email", "email": user})),
		bad("about nobody", "bad_subject", "invalid_request", of(claims{})),
		bad("about somebody inside somebody", "bad_subject", "invalid_request", of(claims{"format": "complex", "user": claims{"format": "complex", "user": acme.issSub(user)}})),
		bad("of two days ago", "token_expired", "invalid_request", of(acme.issSub(user), claims{"iat": now() - 48*3600})),
		bad("that is to come", "token_not_yet_valid", "invalid_request", of(acme.issSub(user), claims{"iat": now() + 3600})),
		bad("with an end, like an access token", "token_type", "invalid_request", of(acme.issSub(user), claims{"exp": now() + 60})),
		bad("with a sub, like an access token", "token_type", "invalid_request", of(acme.issSub(user), claims{"sub": user})),
		bad("an access token", "token_malformed", "invalid_request", acme.token(user)),
		bad("a logout token", "token_type", "invalid_request", acme.logoutToken(claims{"sub": user, "aud": "events-acme"})),
		bad("without a type", "token_type", "invalid_request", acme.report(claims{"typ": absent}, said)),
		bad("two events", "token_malformed", "invalid_request", of(acme.issSub(user), claims{"events": claims{sessionRevoked: claims{}, credentialChange: claims{}}})),
		bad("without a jti", "token_malformed", "invalid_request", of(acme.issSub(user), claims{"jti": absent})),
	})
	live.lives(t)
	g.takes(t, "security_event", g.event(good))
	live.ends(t, 4201, revokedReason)
}

// A service that did not hear the answer sends its event again: it is acknowledged like the first, and changes nothing any more. (RFC 8935, section 2.2.)
func TestAReplayedSecurityEvent(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	user := someone("ana")
	token := acme.securityEvent(sessionRevoked, acme.issSub(user))
	g.takes(t, "security_event", g.event(token))
	nextSecond()
	back := g.dial(t, acme.token(user))
	for range 3 {
		g.takes(t, "security_event", g.event(token))
	}
	back.silent(200e6)
	back.lives(t)
	g.dial(t, acme.token(user))
}

func TestASecurityEventInAnotherEnvelope(t *testing.T) {
	g := identities(t)
	user := someone("victim")
	live := g.dial(t, acme.token(user))
	token := acme.securityEvent(sessionRevoked, acme.issSub(user))
	const path, media = "/v1/security-events", "application/secevent+jwt"
	bad := func(name, reason, raw string) badNotice { return badNotice{name, reason, "invalid_request", raw} }
	g.withstandsNotices(t, "security_event", []badNotice{
		bad("no body", "token_malformed", g.post(path, media, "")),
		bad("garbage", "token_malformed", g.post(path, media, "this is no token")),
		bad("as JSON", "token_malformed", g.post(path, "application/json", `{"set":"`+token+`"}`)),
		bad("as a form", "token_malformed", g.post(path, "application/x-www-form-urlencoded", "set="+token)),
		bad("as a JWT", "token_malformed", g.post(path, "application/jwt", token)),
		bad("without a type", "token_malformed", g.post(path, "", token)),
		bad("two of them", "token_malformed", g.post(path, media, token+"\n"+token)),
		bad("quoted", "token_malformed", g.post(path, media, `"`+token+`"`)),
		bad("a megabyte of it", "token_malformed", g.post(path, media, strings.Repeat("a", 1<<20))),
		bad("12 KiB of dots", "token_too_large", g.post(path, media, strings.Repeat(".", 12<<10))),
	})
	for _, method := range []string{"GET", "PUT", "OPTIONS"} {
		if a := g.asks(t, strings.Replace(g.event(token), "POST", method, 1)); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %d, want 405", method, a.status)
		}
	}
	live.lives(t)
}
