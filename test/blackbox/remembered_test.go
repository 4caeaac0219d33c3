package blackbox_test

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
)

// A deploy, or a crash, lets nobody in again who was thrown out: neither by what they hold nor by whose they are.
func TestARestartAfterEverythingWasRevoked(t *testing.T) {
	t.Parallel()
	o := managed
	o.tls, o.listen, o.engine = true, "client_certificates: request", "state_dir: state"
	folder := t.TempDir()
	again := func() *gateway {
		g := launch(t, folder, o)
		t.Cleanup(func() { g.cmd.Process.Kill() })
		return g
	}
	stolen, lost := acme.certificate(t, "sensor/1"), acme.certificate(t, "sensor/2")
	session := acme.token("ana", claims{"sid": "s-1"})
	loggedOut := acme.token("dora", claims{"iat": now() - 1}) // before the logout, however long that takes
	g := again()
	g.revoke(t, `{"kind":"session","value":"s-1"}`)
	g.revoke(t, fmt.Sprintf(`{"kind":"certificate","value":%q}`, fingerprint(stolen)))
	g.revoke(t, fmt.Sprintf(`{"kind":"key","value":%q}`, acme.partner.KeyID))
	g.takes(t, "logout", g.logout(acme.logoutToken(claims{"sub": "dora"})))
	replayed := acme.logoutToken(claims{"sub": "erik"})
	g.takes(t, "logout", g.logout(replayed))
	g.suspend(t, globex)
	for _, end := range []func(){
		func() { // as a deploy does
			g.signal(t, syscall.SIGTERM)
			if code := g.wait(t, patience); code != 0 {
				t.Errorf("it ended with %d, want 0", code)
			}
		},
		func() { g.kill(t) },
	} {
		end()
		g = again()
		g.shut(t, session, loggedOut, acme.tokenOf(acme.partner, "bob"))
		g.withstandsCertificates(t, []certified{{"alone", revoked, stolen, nil}})
		g.refuses(t, refusal{http.StatusForbidden, "tenant_suspended", "tenant_suspended"}, func() *answer { return g.handshake(t, bearer(globex.token("ana"))) })
		// A logout token that was taken before the restart counts no second time after it.
		if a := g.asks(t, g.logout(replayed)); a.status != http.StatusBadRequest {
			t.Errorf("a logout token from before the restart got %d %s, want 400", a.status, a.body)
		}
		g.dial(t, acme.token("ana")).Close()
		g.dialOver(t, trust(lost), "").Close()
	}
	// What was lifted stays lifted, too.
	g.resume(t, globex)
	g.kill(t)
	g = again()
	g.dial(t, globex.token("ana")).Close()
	if err := g.stop(); err != nil {
		t.Error(err)
	}
}

// What is taken back can be given back, by an administrator alone, by the id that the answer named.
func TestARevocationThatSomebodyElseLifts(t *testing.T) {
	g := identities(t)
	id := someone("jti")
	token := acme.token("ana", claims{"jti": id})
	g.revoke(t, fmt.Sprintf(`{"kind":"token","value":%q}`, id))
	name := g.revocationID(t, id)
	backend := acme.token("billing", roles("backend"))
	for _, method := range []string{"DELETE", "GET"} {
		raw := fmt.Sprintf("%s /v1/revocations/%s HTTP/1.1\r\n%s", method, name, head("Host: "+g.address, bearer(backend)))
		if a := g.asks(t, raw); a.status != http.StatusNotFound {
			t.Errorf("%s on the clients' listener: got %d, want 404", method, a.status)
		}
	}
	for path, status := range map[string]int{
		"/admin/v1/tenants/globex/revocations/" + name: 404, "/admin/v1/tenants/acme/revocations/" + name[:31] + "x": 404, "/admin/v1/tenants/nobody/revocations/" + name: 404,
	} {
		if a := g.administer(t, http.MethodDelete, path, ""); a.status != status {
			t.Errorf("%s: got %d, want %d", path, a.status, status)
		}
	}
	g.shut(t, token)
	if a := g.administer(t, http.MethodDelete, "/admin/v1/tenants/acme/revocations/"+name, ""); a.status != http.StatusNoContent {
		t.Errorf("lift: got %d %s, want 204", a.status, a.body)
	}
	g.dial(t, token)
}

// revocationID revokes a token's id once more, which changes nothing, and returns what the gateway calls that.
func (g *gateway) revocationID(t *testing.T, id string) string {
	t.Helper()
	a := g.asks(t, g.revocation(acme.token("billing", roles("backend")), fmt.Sprintf(`{"kind":"token","value":%q}`, id)))
	var made struct{ ID string }
	if err := a.into(&made); err != nil || len(made.ID) != 32 {
		t.Fatalf("got %d %s, %v, want an id", a.status, a.body, err)
	}
	return made.ID
}
