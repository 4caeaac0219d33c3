package blackbox_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// hashed is somebody or something as the security log names it: who knows the name finds the lines.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// audited wants a line of the security log that has all of want, and the metric that counts it to have moved since.
func (m mark) audited(t *testing.T, severity string, want entry) entry {
	t.Helper()
	want["severity"], want["appid"] = severity, "portcullis"
	said := m.g.logged(t, want)
	if _, err := time.Parse("2006-01-02T15:04:05.000Z07:00", fmt.Sprint(said["datetime"])); err != nil {
		t.Errorf("the line has datetime %v: %v", said["datetime"], err)
	}
	if now := m.g.metric(t, m.name, m.labels...); now <= m.before {
		t.Errorf("%s%q did not move", m.name, m.labels)
	}
	return said
}

func (g *gateway) securityEvents(t *testing.T, event string) mark {
	t.Helper()
	return g.mark(t, "portcullis_security_events_total", "event", event)
}

// Whoever looks afterwards finds what was tried: one event for each, with who, from where and why, and how bad it is.
func TestWhatASecurityReviewerAsksForAfterwards(t *testing.T) {
	t.Parallel()
	o := managed
	o.tls, o.listen = true, "client_certificates: request"
	o.admission = usualAdmission[:strings.LastIndex(usualAdmission, "\n")] + "\nfailures_per_minute_per_address: 8"
	o.acme.limits = "connections_per_user: 2"
	g := start(t, o)
	member := roles("member")
	try := func(headers ...string) func() { return func() { g.handshake(t, headers...) } }
	api := func(raw string) func() { return func() { g.asks(t, raw) } }
	var live *conn
	mallory := claims{"jti": "t-mallory", "sid": "s-mallory"}
	stolen := acme.token("mallory", member, mallory)
	used := acme.logoutToken(claims{"sub": "gone"})
	for _, step := range []struct {
		name, event, severity string
		do                    func()
		want                  entry
	}{
		{"somebody comes in", "authn_login_success", "INFO", func() { live = g.dial(t, stolen) }, entry{
			"tenant": "acme", "user_hash": hashed("mallory"), "token_hash": hashed("t-mallory"), "session_hash": hashed("s-mallory"), "auth_method": "bearer", "issuer": acme.issuer.URL,
			"source_ip": "127.0.0.1", "via_proxy": false, "outcome": "allow", "purpose": "handshake",
		}},
		{"a forged token", "authn_login_fail", "WARN", try(bearer(forged())), entry{"reason": "bad_signature", "tenant": "unknown", "outcome": "deny", "source_ip": "127.0.0.1"}},
		{"a token with a key of its own", "malicious_extraneous", "CRITICAL", try(bearer(acme.signed(claims{"jwk": acme.issuer.JWK()}))), entry{"reason": "embedded_key"}},
		{"a forwarded certificate", "malicious_extraneous", "CRITICAL", try(bearer(stolen), "Client-Cert: :AA==:"), entry{"reason": "forwarded_identity"}},
		{"a token in a URL", "malicious_extraneous", "CRITICAL", api(g.get("/v1/ws?access_token="+stolen, upgradeHeaders()...)), entry{"reason": "credential_in_url"}},
		{"a page of another site", "malicious_cors", "CRITICAL", try(bearer(stolen), "Origin: https://evil.example"), entry{"reason": "origin_refused", "origin": "https://evil.example", "user_hash": hashed("mallory")}},
		{"a bound token, stolen", "authn_token_reuse", "CRITICAL", try(bearer(acme.token("ana", boundTo(acme.certificate(t, "x"))))), entry{"reason": "token_bound"}},
		{"another tenant's certificate", "malicious_direct_reference", "CRITICAL", func() {
			g.handshakeOver(t, trust(globex.certificate(t, "x")), bearer(stolen))
		}, entry{"reason": "certificate_tenant"}},
		{"a token of another user, in a refresh", "authn_token_reuse", "CRITICAL", func() {
			live.mayNot("forbidden", `{"type":"refresh","id":1,"token":%q}`, acme.token("ana"))
		}, entry{"reason": "other_user", "purpose": "refresh", "user_hash": hashed("mallory"), "source_ip": "127.0.0.1"}},
		{"a refresh", "session_renewed", "INFO", func() { live.does(`{"type":"refresh","id":2,"token":%q}`, acme.token("mallory", member, mallory)) }, entry{"user_hash": hashed("mallory")}},
		{"a channel of somebody else", "authz_fail", "CRITICAL", func() { live.mayNot("forbidden", `{"type":"subscribe","id":3,"channel":"user:ana:inbox"}`) }, entry{
			"action": "subscribe", "channel_hash": hashed("user:ana:inbox"), "basis": "no_match", "user_hash": hashed("mallory"),
		}},
		{"a ticket", "authn_token_created", "INFO", func() { g.mint(t, stolen, "Origin: "+acme.origin) }, entry{"kind": "ticket", "origin": acme.origin, "user_hash": hashed("mallory")}},
		{"a ticket, stolen", "authn_token_reuse", "CRITICAL", func() { g.redeem(t, g.mint(t, stolen), "Origin: "+acme.origin) }, entry{"reason": "ticket_stolen"}},
		{"more connections than a user may have", "excess_sessions_exceeded", "WARN", func() { g.dial(t, stolen); g.handshake(t, bearer(stolen)) }, entry{"reason": "connection_limit_user"}},
		{"a revocation without the right", "authz_fail", "CRITICAL", api(g.revocation(stolen, `{"kind":"user","value":"ana"}`)), entry{"reason": "manage_forbidden", "purpose": "api"}},
		{"a logout", "session_logout", "INFO", api(g.logout(used)), entry{"kind": "user", "value_hash": hashed("gone"), "source": "logout"}},
		{"the same logout", "authn_token_reuse", "CRITICAL", api(g.logout(used)), entry{"reason": "token_replayed", "purpose": "notice"}},
		{"a revocation", "authn_token_revoked", "INFO", func() { g.revoke(t, `{"kind":"session","value":"s-mallory","reason":"stolen \"laptop\"\u2028"}`) }, entry{
			"tenant": "acme", "kind": "session", "value_hash": hashed("s-mallory"), "source": "backend", "reason": "stolen \"laptop\"\ufffd",
		}},
		{"the end of it", "session_expired", "INFO", func() { live.ended() }, entry{"reason": "credential_revoked", "close_code": 4201, "user_hash": hashed("mallory")}},
		{"a token that was revoked", "authn_token_reuse", "CRITICAL", try(bearer(stolen)), entry{"reason": "revoked"}},
		{"a tenant is suspended", "authz_admin", "WARN", func() { g.suspend(t, globex) }, entry{"operation": "tenant.suspend", "target": "globex"}},
		{"success after failures", "authn_login_successafterfail", "INFO", func() { g.dial(t, acme.token("ana")) }, entry{"user_hash": hashed("ana")}},
		{"guesses without end", "authn_login_fail_max", "WARN", func() {
			for range 9 {
				g.handshake(t, bearer(forged()))
			}
		}, entry{"source_ip": "127.0.0.1"}},
		{"and one more", "excess_rate_limit_exceeded", "WARN", try(bearer(acme.token("ana"))), entry{"reason": "address_limited"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			m := g.securityEvents(t, step.event)
			step.do()
			step.want["event"] = step.event
			m.audited(t, step.severity, step.want)
		})
	}
}

// A tenant whose pages come from everywhere, without end, hides nothing that happens to another: neither in the security log nor in the log.
func TestTheStormOfOneTenantHidesNoLineOfAnother(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	evil, token := "Origin: https://evil.example", acme.token("ana")
	suppressed := g.mark(t, "portcullis_security_events_suppressed_total", "event", "malicious_cors")
	stop := make(chan struct{})
	var storm sync.WaitGroup
	for range 4 {
		storm.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					g.handshake(t, bearer(token), evil)
				}
			}
		})
	}
	defer storm.Wait()
	defer close(stop)
	for end := time.Now().Add(patience); g.metric(t, suppressed.name, suppressed.labels...) < suppressed.before+20; {
		if time.Now().After(end) {
			t.Fatal("there is no storm")
		}
	}
	for range 10 {
		p, err := g.handshake(t, bearer(globex.token("bob")), evil).problem()
		if err != nil {
			t.Fatal(err)
		}
		instance := strings.TrimPrefix(p.Instance, "urn:portcullis:handshake:")
		g.logged(t, entry{"event": "malicious_cors", "tenant": globex.id, "instance": instance})
		g.logged(t, entry{"event": "handshake.refused", "tenant": globex.id, "handshake": instance})
	}
}

// What strangers send cannot make a line of its own, nor a field, nor end one: each refusal is exactly one object, and says what was sent.
func TestALineBreakAndJSONInALog(t *testing.T) {
	g := identities(t)
	const fake = `{"event":"authn_login_success","user_hash":"admin","severity":"INFO"}`
	for name, evil := range map[string]string{
		"JSON": `x","event":"authn_login_success","user":"admin`, "a whole line": fake, "escapes": `\n` + fake + `\r\n`, "percent-encoded": "%0a" + fake + "%0d%0a",
		"other line breaks": "\u2028" + fake + "\u2029\u0085", "a terminal": "\u009b2J" + fake, "letters in another order": "\u202e" + fake, "no UTF-8": "\xff\xfe" + fake, "a tab": "\t" + fake, "HTML": "<script>alert(1)</script>", "long": strings.Repeat("x", 5000) + fake,
	} {
		t.Run(name, func(t *testing.T) {
			g.pace()
			before := len(strings.Split(g.text(), "\n"))
			a := g.handshake(t, "Origin: "+evil, "User-Agent: "+evil, bearer(acme.token("ana")))
			if a.status == http.StatusBadRequest {
				t.Fatalf("nobody read it: %s", a.body)
			}
			p, err := a.problem()
			if err != nil {
				t.Fatal(err)
			}
			instance := strings.TrimPrefix(p.Instance, "urn:portcullis:handshake:")
			said := g.logged(t, entry{"event": "malicious_cors", "instance": instance})
			g.logged(t, entry{"event": "handshake.refused", "handshake": instance})
			want := strings.NewReplacer("\u2028", "\ufffd", "\u2029", "\ufffd", "\u0085", "\ufffd", "\u009b", "\ufffd", "\u202e", "\ufffd", "\xff", "\ufffd", "\xfe", "\ufffd").Replace(strings.Trim(evil, "\t"))
			if got := said["useragent"]; got != want[:min(len(want), 128)] {
				t.Errorf("it says that %q came, want %q", got, want)
			}
			if said["user_hash"] != hashed("ana") {
				t.Errorf("the line is %v, want ana's", said)
			}
			g.onlyOwnLines(t, before)
		})
	}
	// In a token, or on a connection, they come no further than here.
	before := len(strings.Split(g.text(), "\n"))
	for _, sub := range []string{"ana\n" + fake, "ana\r" + fake, "ana\x00" + fake} {
		g.refuses(t, unbelieved("bad_subject"), func() *answer { return g.handshake(t, bearer(acme.token(sub))) })
	}
	c := g.dial(t, acme.token(`ana","event":"authn_login_success`))
	c.mayNot("forbidden", `{"type":"subscribe","id":1,"channel":"ops:event%%0A=authn_login_success"}`)
	c.Close()
	g.logged(t, entry{"event": "connection.closed", "user": `ana","event":"authn_login_success`})
	if a := g.administer(t, "POST", "/admin/v1/tenants/acme%0a"+"{}/suspend", ""); a.status != http.StatusNotFound {
		t.Errorf("a tenant with a line break: got %d, want 404", a.status)
	}
	g.onlyOwnLines(t, before)
}

// onlyOwnLines wants every line since one to be an object of the gateway's, with one event, and none that lets an admin in.
func (g *gateway) onlyOwnLines(t *testing.T, from int) {
	t.Helper()
	for _, line := range strings.Split(g.text(), "\n")[from:] {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e["user_hash"] == "admin" || strings.Count(line, `,"event":"`)+strings.Count(line, `{"event":"`) != 1 {
			t.Errorf("the log has the line %.300q, %v", line, err)
		}
		if strings.ContainsAny(line, "\x1b\r\x00\u2028\u2029\u0085\u009b\u202e") {
			t.Errorf("the log has a line with control characters: %q", line)
		}
	}
}
