package blackbox_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"
)

const (
	logoutEvent      = "http://schemas.openid.net/event/backchannel-logout"
	sessionRevoked   = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	credentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
)

// logoutToken is what the tenant's identity service sends when somebody has logged out; claims say who.
func (p *party) logoutToken(more ...claims) string {
	return p.report(claims{"typ": "logout+jwt"}, append([]claims{{
		"aud": "client-" + p.id, "exp": now() + 120, "events": claims{logoutEvent: claims{}},
	}}, more...)...)
}

// securityEvent is what it sends when it has found out something about a subject (RFC 8417).
func (p *party) securityEvent(event string, subject claims, more ...claims) string {
	return p.report(claims{"typ": "secevent+jwt"}, append([]claims{{
		"aud": "events-" + p.id, "sub_id": subject, "events": claims{event: claims{"event_timestamp": now()}},
	}}, more...)...)
}

// report is a token of the tenant's issuer that reports something.
func (p *party) report(header claims, more ...claims) string {
	all := claims{"iss": p.issuer.URL, "iat": now(), "jti": someone("report")}
	for _, c := range more {
		for k, v := range c {
			all[k] = v
		}
	}
	return secret(p.issuer.Sign(header, all))
}

// issSub and aSession are subjects (RFC 9493).
func (p *party) issSub(user string) claims {
	return claims{"format": "iss_sub", "iss": p.issuer.URL, "sub": user}
}

func aSession(sid string) claims {
	return claims{"format": "complex", "session": claims{"format": "opaque", "id": sid}}
}

// logout sends a logout token as OpenID Connect Back-Channel Logout 1.0, section 2.5, says; event a security event as RFC 8935, section 2.1, does.
func (g *gateway) logout(token string) string {
	return g.post("/v1/logout", "application/x-www-form-urlencoded", url.Values{"logout_token": {token}}.Encode())
}

func (g *gateway) event(token string) string {
	return g.post("/v1/security-events", "application/secevent+jwt", token, "Accept: application/json")
}

// takes wants a message to be taken: the protocol's status, no body, and nothing to cache.
func (g *gateway) takes(t *testing.T, source, raw string) {
	t.Helper()
	counted := g.mark(t, "portcullis_identity_notices_total", "source", source, "result", "taken")
	a := g.asks(t, raw)
	if want := map[string]int{"logout": 200, "security_event": 202}[source]; a.status != want || a.body != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %q with Cache-Control %q, want %d, no body and no-store", a.status, a.body, a.header.Get("Cache-Control"), want)
	}
	counted.moved(t, 1)
}

// badNotice is a message that must not be taken: why, and the error code of RFC 8935, section 2.4, where it is a security event.
type badNotice struct{ name, reason, err, raw string }

// withstandsNotices wants every message refused in the words of its protocol, counted, and written down with its reason.
func (g *gateway) withstandsNotices(t *testing.T, source string, attacks []badNotice) {
	t.Helper()
	revokes := g.mark(t, "portcullis_revocations_total")
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			g.pace()
			counted := g.mark(t, "portcullis_identity_notices_total", "source", source, "result", "refused")
			reason := g.mark(t, "portcullis_api_requests_total", "purpose", "notice", "result", "rejected", "reason", a.reason)
			got := g.asks(t, a.raw)
			var said map[string]string
			if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.status != http.StatusBadRequest {
				t.Fatalf("got %d %s, %v, want 400 and JSON", got.status, got.body, err)
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("got %v, want no-store and application/json", got.header)
			}
			switch source {
			case "logout":
				if said["error"] != "invalid_request" || said["error_description"] == "" || len(said) != 2 {
					t.Errorf("got %v, want invalid_request and why", said)
				}
			default:
				if said["err"] != a.err || said["description"] == "" || len(said) != 2 || got.header.Get("Content-Language") != "en" {
					t.Errorf("got %v in %q, want %s and why, in en", said, got.header.Get("Content-Language"), a.err)
				}
			}
			counted.moved(t, 1)
			reason.moved(t, 1)
			g.logged(t, entry{"event": "notice.refused", "reason": a.reason})
		})
	}
	revokes.moved(t, 0)
}

// A session that its identity service ended is over here, within a second, and so is what was issued in it.
func TestALogoutEndsASession(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	user, sid := someone("ana"), someone("sid")
	token := acme.token(user, claims{"sid": sid})
	gone := g.dial(t, token)
	stays := []*conn{g.dial(t, acme.token(user, claims{"sid": sid + "-2"})), g.dial(t, globex.token(user, claims{"sid": sid})), g.dial(t, acme.token(someone("bob")))}
	began := time.Now()
	g.takes(t, "logout", g.logout(acme.logoutToken(claims{"sid": sid})))
	gone.ends(t, 4201, revokedReason)
	if took := time.Since(began); took > withinASecond {
		t.Errorf("it was in for %v, want at most a second", took)
	}
	g.shut(t, token)
	// A logout of the user ends all of its sessions, until it signs in again.
	g.takes(t, "logout", g.logout(acme.logoutToken(claims{"sub": user})))
	stays[0].ends(t, 4201, revokedReason)
	nextSecond()
	g.dial(t, acme.token(user)).lives(t)
	for _, c := range stays[1:] {
		c.lives(t)
	}
}

// The broker serves both tenants; whom it means is said by the audience, and its users are its own.
func TestALogoutByAnIssuerOfTwoTenants(t *testing.T) {
	g := identities(t)
	user := someone("ana")
	ours, theirs, namesake := g.dial(t, acme.tokenOf(broker, user)), g.dial(t, globex.tokenOf(broker, user)), g.dial(t, acme.token(user))
	said := claims{"iss": broker.URL, "jti": someone("jti"), "iat": now(), "exp": now() + 60, "aud": "client-acme", "sub": user, "events": claims{logoutEvent: claims{}}}
	g.takes(t, "logout", g.logout(secret(broker.Sign(claims{"typ": "logout+jwt"}, said))))
	ours.ends(t, 4201, revokedReason)
	theirs.lives(t)
	namesake.lives(t)
	for name, aud := range map[string]any{"both": []string{"client-acme", "client-globex"}, "neither": "client"} {
		said["aud"], said["jti"] = aud, someone("jti")
		g.withstandsNotices(t, "logout", []badNotice{{name, "bad_audience", "", g.logout(secret(broker.Sign(claims{"typ": "logout+jwt"}, said)))}})
	}
	theirs.lives(t)
}

func TestASecurityEventEndsASession(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	user, sid := someone("ana"), someone("sid")
	phone, laptop := acme.token(user, claims{"sid": sid}), acme.token(user, claims{"sid": sid + "-2"})
	gone, next := g.dial(t, phone), g.dial(t, laptop)
	stays := []*conn{g.dial(t, globex.token(user, claims{"sid": sid})), g.dial(t, acme.token(someone("bob")))}
	// What is no end of anything is acknowledged, and ends nothing.
	g.takes(t, "security_event", g.event(acme.securityEvent("https://schemas.openid.net/secevent/caep/event-type/device-compliance-change", acme.issSub(user))))
	g.takes(t, "security_event", g.event(acme.securityEvent("https://schemas.openid.net/secevent/ssf/event-type/verification", claims{"format": "opaque", "id": "stream"})))
	gone.lives(t)
	g.takes(t, "security_event", g.event(acme.securityEvent(sessionRevoked, aSession(sid))))
	gone.ends(t, 4201, revokedReason)
	next.lives(t)
	g.shut(t, phone)
	g.takes(t, "security_event", g.event(acme.securityEvent(credentialChange, acme.issSub(user))))
	next.ends(t, 4201, revokedReason)
	g.shut(t, laptop)
	for _, c := range stays {
		c.lives(t)
	}
	nextSecond()
	g.dial(t, acme.token(user))
}
