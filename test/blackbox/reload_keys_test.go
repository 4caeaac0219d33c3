package blackbox_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever hosts an identity service does not pay for the edits of somebody else's rules: its keys are fetched when it is new or stands elsewhere, and at no other reload.
func TestKeysThatStayAreNotFetchedAgain(t *testing.T) {
	t.Parallel()
	s := publish(t, "keys|")
	g := keyed(t, s)
	usual := g.options.acme
	asked := s.asked.Load()
	if asked != 1 {
		t.Errorf("the start asked for the keys %d times, want once", asked)
	}
	same := func(what string) {
		t.Helper()
		g.reloadNow(t)
		accepted(t, g.handshake(t, bearer(s.token(s.Issuer)))).Close()
		if n := s.asked.Load(); n != asked {
			t.Errorf("%s: the service was asked %d times more, want none", what, n-asked)
			asked = n
		}
	}
	same("nothing changed")
	g.edit(t, "tenants/acme.yaml", "rules:\n", newRule)
	same("a rule")
	g.edit(t, "tenants/acme.yaml", s.prefix, "other|")
	same("the issuer's prefix")
	g.edit(t, "tenants/globex.yaml", "prefix: \"partner|\" }\n", fmt.Sprintf("prefix: \"partner|\" }\n  - { issuer: %q, audience: globex-too, jwks_uri: %q, prefix: \"keys|\" }\n", s.URL, s.URL+"/keys"))
	same("another tenant of the same service")
	g.remove(t, "tenants/globex.yaml")
	same("and without it")
	g.put(t, "tenants/acme.yaml", "no tenant")
	if r, err := g.askReload(); err != nil || r.Applied {
		t.Errorf("got %+v, %v; want it refused", r, err)
	}
	usual.issuers = acme.managed().issuers + "\n" + s.entry(s.URL+"/elsewhere")
	g.put(t, "tenants/acme.yaml", acme.file(usual))
	asked++
	same("another place")
}

// An identity service that was added and does not answer keeps nobody else's change waiting: what is taken is lost, and who is out is out. When it answers, its users come in.
func TestANewIdentityServiceThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := publish(t, "slow|")
	mended := make(chan struct{})
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-mended:
			s.Issuer.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
	g := start(t, options{})
	ana, bob := g.dial(t, globex.token("ana", roles("member"))), g.dial(t, globex.tokenOf(globex.partner, "bob"))
	ana.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{issuers: s.entry(s.URL + "/keys")}))
	g.put(t, "tenants/globex.yaml", globex.file(tenantOptions{rules: closedRoom}))
	g.edit(t, "tenants/globex.yaml", "prefix: \"partner|\" }\n", "prefix: \"other|\" }\n")
	began := time.Now()
	g.reloadNow(t)
	took := time.Since(began)
	if got := ana.hear(); got["type"] != "unsubscribed" {
		t.Errorf("got %v, want that room:1 is lost", got)
	}
	bob.ends(t, 4202, `{"code":"credential_refused"}`)
	if limit := 1500 * time.Millisecond; took > limit {
		t.Errorf("the reload took %v beside a service that hangs, want at most %v", took, limit)
	}
	if s.asked.Load() == 0 {
		t.Error("the service was not asked: the test proves nothing")
	}
	close(mended)
	g.tries(t, s.token(s.Issuer), http.StatusSwitchingProtocols, patience)
}

// What a reload takes away leaves nothing behind: no issuer, key or list in the metrics, and no goroutine that looks after them.
func TestWhatIsTakenAwayLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := publish(t, "keys|")
	lists := "authorities_file: listed-ca.pem\nidentity: uri"
	o := options{
		tls: true, listen: "client_certificates: request", acme: tenantOptions{certificates: lists},
		files: map[string][]byte{"listed-ca.pem": acme.authority.PEM(), "acme.crl": revocations(t, 1, time.Now().Add(time.Hour))},
	}
	g := start(t, o)
	const list = "portcullis_crl_next_update_timestamp_seconds"
	counted := func() (issuers, keys float64, listed int) {
		all := g.scrape(t)
		issuers, _ = all.sum("portcullis_jwks_issuers")
		keys, _ = all.sum("portcullis_jwks_keys")
		_, listed = all.sum(list)
		return issuers, keys, listed
	}
	issuers, keys, listed := counted()
	if listed != 0 {
		t.Errorf("got %s with no list", list)
	}
	goroutines := g.metric(t, "go_goroutines")
	const more = 40
	for i := range more {
		text := fmt.Sprintf("id: more-%d\nissuers: [{ issuer: \"https://id.more-%[1]d.example\", audience: a, jwks_file: acme-jwks.json }]\nrules:\n  - { name: all, allow: [echo], channels: [\"**\"] }\n", i)
		g.put(t, fmt.Sprintf("tenants/more-%d.yaml", i), text)
	}
	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{certificates: lists + "\nrevocation_lists: [acme.crl]", issuers: s.entry(s.URL + "/keys")}))
	g.reloadNow(t)
	g.until(t, issuers+more+1, "portcullis_jwks_issuers")
	g.until(t, keys+more+1, "portcullis_jwks_keys")
	g.until(t, 1, "portcullis_crl_loads_total", "result", "ok")
	if _, _, listed = counted(); listed != 1 {
		t.Errorf("got %d %s, want one", listed, list)
	}
	got := g.metric(t, "go_goroutines")
	for end := time.Now().Add(patience); got < goroutines+more && time.Now().Before(end); got = g.metric(t, "go_goroutines") {
		time.Sleep(5 * time.Millisecond) // each begins a moment after its issuer is counted
	}
	if got < goroutines+more {
		t.Errorf("got %v goroutines, %v before: if nobody looks after the keys, the test proves nothing", got, goroutines)
	}

	for i := range more {
		g.remove(t, fmt.Sprintf("tenants/more-%d.yaml", i))
	}
	g.put(t, "tenants/acme.yaml", acme.file(o.acme))
	g.reloadNow(t)
	g.until(t, issuers, "portcullis_jwks_issuers")
	g.until(t, keys, "portcullis_jwks_keys")
	if _, _, listed = counted(); listed != 0 {
		t.Errorf("got %s, and there is no list any more", list)
	}
	got = g.metric(t, "go_goroutines")
	for end := time.Now().Add(patience); got > goroutines+5 && time.Now().Before(end); got = g.metric(t, "go_goroutines") { // 5 for scrapes
		time.Sleep(20 * time.Millisecond)
	}
	if got > goroutines+5 {
		t.Errorf("got %v goroutines, want the %v of before", got, goroutines)
	}
}

// A folder of tenants that vanishes, as a mount does that is made anew, is no order to remove everybody: the last good tenants stay, the log and the metrics say what is wrong, and
// when the folder is back its files count again.
func TestTheTenantsFolderGoesAndComesBack(t *testing.T) {
	t.Parallel()
	g := start(t, options{watch: true})
	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	folder := filepath.Join(g.folder, "tenants")
	for _, gone := range []struct {
		name string
		do   func()
		says string
	}{
		{"away", func() { must(0, os.Rename(folder, folder+".away")) }, "cannot be read"},
		{"empty", func() { must(0, os.Rename(folder, folder+".away")); must(0, os.Mkdir(folder, 0o700)) }, "holds no tenant"},
	} {
		refused := g.metric(t, "portcullis_config_reloads_total", "result", "refused")
		applied := g.metric(t, "portcullis_config_reloads_total", "result", "applied")
		gone.do()
		g.until(t, refused+1, "portcullis_config_reloads_total", "result", "refused")
		if v := g.metric(t, "portcullis_config_last_reload_successful"); v != 0 {
			t.Errorf("%s: got config_last_reload_successful %v, want 0", gone.name, v)
		}
		got := g.logged(t, entry{"event": "config.refused", "cause": "files", "path": "tenants_dir"})
		if text := fmt.Sprint(got["msg"]); !strings.Contains(text, "last good one") || !strings.Contains(text, gone.says) {
			t.Errorf("%s: got %v, want that the last good one counts and that the folder %s", gone.name, got, gone.says)
		}
		ana.does(`{"type":"publish","channel":"room:1","id":2,"data":"still here"}`)
		ana.hears(t, "room:1", "still here")
		g.dial(t, globex.token("bob")).lives(t)

		_ = os.Remove(folder)
		must(0, os.Rename(folder+".away", folder))
		g.until(t, applied+1, "portcullis_config_reloads_total", "result", "applied")
		if v := g.metric(t, "portcullis_config_last_reload_successful"); v != 1 {
			t.Errorf("%s: got config_last_reload_successful %v when it is back, want 1", gone.name, v)
		}
	}
	applied := g.metric(t, "portcullis_config_reloads_total", "result", "applied")
	g.edit(t, "tenants/acme.yaml", "rules:\n", newRule)
	g.until(t, applied+1, "portcullis_config_reloads_total", "result", "applied")
	ana.does(`{"type":"subscribe","id":3,"channel":"new:1"}`)
}
