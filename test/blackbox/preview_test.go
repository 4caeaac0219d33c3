package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// previewed is what acl diff --live says about one tenant.
type previewed struct {
	Tenant            string
	Connections       int
	LostSubscriptions int     `json:"lost_subscriptions"`
	Lost              []entry `json:"lost"`
	Rights            []entry `json:"rights"`
}

// run runs a command of the program against a gateway, and returns what it printed and its exit code.
func (g *gateway) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Env = append(os.Environ(), "PORTCULLIS_ADMIN=http://"+g.admin)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Before rules are applied the operator sees who would lose what, and nobody who is connected notices that somebody asked.
func TestAnOperatorSeesWhoWouldLoseWhat(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("bob", roles("member", "operator")))
	theirs := g.dial(t, globex.token("ana", roles("member")))
	for _, c := range []*conn{ana, bob, theirs} {
		c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	}
	// The same configuration, but only operators are in rooms, and ana has a room of her own.
	folder := t.TempDir()
	main := options{}.write(t, folder)
	file := filepath.Join(folder, "tenants", "acme.yaml")
	text := string(must(os.ReadFile(file)))
	text = strings.Replace(text, `channels: ["room:**"], for: { roles: [member] } }`, `channels: ["room:**"], for: { roles: [operator] } }`+"\n  - { name: ana writes news, allow: [publish], channels: [\"news:{user}\"], for: { users: [ana] } }", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := g.run(t, "acl", "diff", "--live", "--config", main, "--json")
	var all []previewed
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 1 || len(all) != 2 {
		t.Fatalf("exit code %d, %v: %s\n%s", code, err, out, errs)
	}
	of, other := all[0], all[1]
	if of.Tenant != "acme" || of.Connections != 2 || of.LostSubscriptions != 1 || len(of.Lost) != 1 ||
		!of.Lost[0].has(entry{"connection": ana.id(), "user": "ana", "channel": "room:1", "rule_now": "members talk in rooms"}) {
		t.Errorf("got %+v, want ana's subscription to room:1 lost", of)
	}
	want := map[string]bool{"ana publish room:1 false": true, "ana subscribe room:1 false": true, "ana publish news:ana true": true}
	for _, r := range of.Rights {
		if r["user"] != "ana" {
			t.Errorf("somebody else is concerned: %v", r)
		}
		delete(want, strings.Join([]string{r["user"].(string), r["action"].(string), r["channel"].(string), mustJSON(r["gained"])}, " "))
	}
	if len(want) != 0 {
		t.Errorf("of the rights these are missing: %v in %v", want, of.Rights)
	}
	if other.Tenant != "globex" || other.Connections != 1 || other.LostSubscriptions != 0 || len(other.Rights) != 0 {
		t.Errorf("globex, whose rules are the same: got %+v", other)
	}
	out, _, code = g.run(t, "acl", "diff", "--live", "--config", main, "--tenant", "acme")
	if code != 1 || !strings.Contains(out, `-  acme: ana (`+ana.id()+`) loses its subscription to room:1: rule "members talk in rooms" allows it now, no rule allows it then`) ||
		!strings.Contains(out, `+  acme: ana may publish news:ana: no rule allows it now, rule "ana writes news" allows it then`) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if out, errs, code = g.run(t, "acl", "diff", "--live", "--config", main, "--tenant", "globex"); code != 0 {
		t.Errorf("nothing would change, and the exit code is %d:\n%s%s", code, out, errs)
	}
	for _, args := range [][]string{{"--live"}, {"--live", "--config", main, main}, {"--config", main, main, main}, {"--live", "--config", main, "--tenant", "initech"}, {"--live", "--config", file + "x"}} {
		if out, errs, code = g.run(t, append([]string{"acl", "diff"}, args...)...); code != 2 || out != "" {
			t.Errorf("%v: exit code %d:\n%s%s", args, code, out, errs)
		}
	}
	if out, _, code = g.run(t, "acl", "diff", "--live", "--config", file); code != 1 || !strings.Contains(out, "1 would be lost") {
		t.Errorf("one tenant's file: exit code %d:\n%s", code, out)
	}
	// A tenant that is to come hides nothing of the others.
	soon := strings.NewReplacer("id: globex", "id: initech", "audience: portcullis", "audience: initech").Replace(string(must(os.ReadFile(filepath.Join(folder, "tenants", "globex.yaml")))))
	if err := os.WriteFile(filepath.Join(folder, "tenants", "initech.yaml"), []byte(soon), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code = g.run(t, "acl", "diff", "--live", "--config", main); code != 1 ||
		!strings.Contains(out, "initech: this node does not have it yet") || !strings.Contains(out, "1 would be lost") {
		t.Errorf("with a new tenant: exit code %d:\n%s%s", code, out, errs)
	}
	// Nothing has changed.
	ana.does(`{"type":"publish","id":2,"channel":"room:1","data":1}`)
	ana.mayNot("forbidden", `{"type":"publish","id":3,"channel":"news:ana","data":1}`)
	ana.lives(t)
	if m := bob.hear(); m["type"] != "message" || m["channel"] != "room:1" {
		t.Errorf("bob hears %v, want ana's message", m)
	}
}

// What a comparison says is lost because nobody chooses it any more is what a reload then takes.
func TestAnOperatorSeesWhatIsNotChosenAnyMore(t *testing.T) {
	t.Parallel()
	const chosen = "subscribe: [{ channels: [\"room:today\"] }]\nrules:\n"
	g := start(t, options{})
	usual := filepath.Join(t.TempDir(), "acme.yaml")
	must(0, os.WriteFile(usual, must(os.ReadFile(filepath.Join(g.folder, "tenants/acme.yaml"))), 0o600))
	ana := g.dial(t, acme.token("ana", roles("member")))
	g.edit(t, "tenants/acme.yaml", "rules:\n", chosen)
	out, errs, code := g.run(t, "acl", "diff", "--live", "--config", filepath.Join(g.folder, "tenants/acme.yaml"))
	if code != 1 || !strings.Contains(out, "+  acme: ana ("+ana.id()+") is subscribed to room:today") || !strings.Contains(out, "1 subscription would begin") {
		t.Errorf("with a choice more: exit code %d\n%s%s", code, out, errs)
	}
	if out, _, code = g.run(t, "acl", "diff", usual, filepath.Join(g.folder, "tenants/acme.yaml")); code != 1 || !strings.Contains(out, "+ anybody: is subscribed to room:today") {
		t.Errorf("of the two files: exit code %d\n%s", code, out)
	}
	g.reload(t, "applied")
	if got := ana.hear(); !got.has(entry{"type": "subscribed", "channel": "room:today"}) {
		t.Fatalf("got %v, want what is chosen", got)
	}
	if out, errs, code = g.run(t, "acl", "diff", "--live", "--config", filepath.Join(g.folder, "tenants/acme.yaml")); code != 0 {
		t.Errorf("of what counts: exit code %d\n%s%s", code, out, errs)
	}
	if out, errs, code = g.run(t, "acl", "diff", "--live", "--config", usual); code != 1 ||
		!strings.Contains(out, "-  acme: ana ("+ana.id()+") loses its subscription to room:today: the tenant does not choose it any more") || !strings.Contains(out, " 1 would be lost") {
		t.Errorf("without it: exit code %d\n%s%s", code, out, errs)
	}
	g.edit(t, "tenants/acme.yaml", chosen, "rules:\n")
	if got := g.reload(t, "applied"); !got.has(entry{"subscriptions_lost": 1}) {
		t.Errorf("got %v, want the one that was told of lost", got)
	}
}

// A full node is compared in a fraction of the ten seconds after which an administrator's request ends; docs/benchmarks.md has the figure.
func TestAFullNodeIsCompared(t *testing.T) {
	size, most := 100, 5*time.Second
	if full() { // with the race detector nobody's time is what it is
		size = 10_000
	} else {
		t.Parallel()
	}
	o := options{acme: tenantOptions{limits: "connections: unlimited\nconnections_per_second: unlimited\nchannels: unlimited"}}
	g := start(t, o)
	const each = 11
	for i := range size {
		user := fmt.Sprintf("user%05d", i)
		c := g.dial(t, acme.token(user, roles("member")))
		frames := []frame{text(`{"type":"subscribe","id":1,"channel":"room:all"}`)}
		for k := range each - 1 {
			frames = append(frames, text(fmt.Sprintf(`{"type":"subscribe","id":%d,"channel":"user:%s:%d"}`, 2+k, user, k)))
		}
		if err := c.put(frames...); err != nil {
			t.Fatal(err)
		}
		for range each {
			if e := c.hear(); e["type"] != "ok" {
				t.Fatalf("got %v, want ok", e)
			}
		}
	}
	o.acme.rules = `- { name: inboxes are closed, deny: [subscribe], channels: ["user:**"] }`
	main := o.write(t, t.TempDir())
	began := time.Now()
	out, errs, _ := g.run(t, "acl", "diff", "--live", "--config", main, "--tenant", "acme", "--json")
	took := time.Since(began)
	var all []previewed
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 || all[0].Connections != size || all[0].LostSubscriptions != size*(each-1) {
		t.Fatalf("%v: %.400s\n%s", err, out, errs)
	}
	t.Logf("%d connections with %d subscriptions each: %v", size, each, took)
	if took > most {
		t.Errorf("it took %v, want at most %v", took, most)
	}
}

// Comparing is an administrator's, and what is no rules is refused before anybody is asked about them.
func TestWhatCannotBeCompared(t *testing.T) {
	t.Parallel()
	g := start(t, options{adminToken: secret("the-fifth-password-of-the-administrators")})
	body := `{"rules":[]}`
	if a := g.administer(t, http.MethodPost, "/admin/v1/tenants/acme/diff", body); a.status != http.StatusUnauthorized {
		t.Errorf("without the token: got %d %s, want 401", a.status, a.body)
	}
	if a := g.asks(t, g.post("/admin/v1/tenants/acme/diff", "application/json", body, bearer(acme.token("ana")))); a.status != http.StatusNotFound {
		t.Errorf("on the clients' listener: got %d, want 404", a.status)
	}
	open := start(t, options{})
	for _, b := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"acme", `{"rules":[]}`, 200, ""}, {"initech", `{"rules":[]}`, 404, "not_found"}, {"acme", `{}`, 400, "bad_request"}, {"acme", `{"rules":[],"tests":[]}`, 400, "bad_request"},
		{"acme", `{"rules":[{"name":"x","allow":["publish"],"channels":["a:**:b"]}]}`, 400, "bad_request"}, {"acme", `{"rules":[{"name":"x","alow":["publish"]}]}`, 400, "bad_request"},
		{"acme", `{"rules":[]}}`, 400, "bad_request"}, {"acme", `{"rules":[]}]`, 400, "bad_request"}, {"acme", `{"rules":[]}{}`, 400, "bad_request"}, {"acme", "{\"rules\":[]}\n ", 200, ""},
		{"acme", `{"RULES":[]}`, 400, "bad_request"}, {"acme", `{"rules":[],"rules":[]}`, 400, "bad_request"}, {"acme", `{"rules":null}`, 400, "bad_request"},
		{"acme", `{"rules":[{"NAME":"x","allow":["publish"],"channels":["a"]}]}`, 400, "bad_request"}, {"acme", `{"rules":[{"name":"x","name":"y","allow":["publish"],"channels":["a"]}]}`, 400, "bad_request"},
		{"acme", `{"rules":[{"name":"x","allow":["publish"],"channels":["a"],"for":{"Roles":["r"]}}]}`, 400, "bad_request"},
		{"acme", `{"rules":[{"name":"x","allow":["publish"],"channels":["a"],"for":{"claims":{"Org":"a","Org":"b"}}}]}`, 400, "bad_request"},
		{"acme", `{"rules":[{"name":"x","allow":["publish"],"channels":["a"],"for":{"claims":{"https://Org":"a"}}}]}`, 200, ""},
		{"acme", `{"rules":[],"subscribe":[{"channels":["news:today"],"for":{"roles":["r"]}}]}`, 200, ""}, {"acme", `{"rules":[],"subscribe":[{"channels":["news:*"]}]}`, 400, "bad_request"},
		{"acme", `{"rules":[],"subscribe":[{"channels":["a"],"Unless":{"roles":["r"]}}]}`, 400, "bad_request"}, {"acme", `{"rules":[],"subscribe":{}}`, 400, "bad_request"},
		{"acme", `{"rules":[` + strings.Repeat(" ", 1<<20) + `]}`, 413, "too_large"},
	} {
		a := open.administer(t, http.MethodPost, "/admin/v1/tenants/"+b.path+"/diff", b.body)
		if p, _ := a.problem(); a.status != b.status || p.Code != b.code {
			t.Errorf("%.60s: got %d %s, want %d %s", b.body, a.status, a.body, b.status, b.code)
		}
	}
}

// An operator's hand reaches every tenant, one at a time, by the same words as a backend's.
func TestAnOperatorListsAndEndsConnections(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	ana, again, other := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, acme.token("ana")), g.dial(t, globex.token("ana"))
	ana.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	out, _, code := g.run(t, "connections", "list", "acme", "--user", "ana")
	if code != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(out, ana.id()) || !strings.Contains(out, again.id()) {
		t.Errorf("list: %d\n%s", code, out)
	}
	if out, _, code = g.run(t, "connections", "show", "acme", ana.id()); code != 0 || !strings.HasSuffix(out, "1 subscription\n  room:1\n") {
		t.Errorf("show: %d\n%s", code, out)
	}
	if _, errs, code := g.run(t, "connections", "show", "globex", ana.id()); code != 1 || !strings.Contains(errs, "404 not_found") {
		t.Errorf("show in another tenant: %d %s", code, errs)
	}
	if out, _, code = g.run(t, "connections", "kick", "acme", again.id()); code != 0 || out != "ended 1 connection\n" {
		t.Errorf("kick: %d %s", code, out)
	}
	again.ends(t, 4505, `{"code":"disconnected"}`)
	if out, _, code = g.run(t, "connections", "kick", "acme", "--user", "ana"); code != 0 || out != "ended 1 connection\n" {
		t.Errorf("kick --user: %d %s", code, out)
	}
	ana.ends(t, 4505, `{"code":"disconnected"}`)
	for _, args := range [][]string{{"kick", "acme"}, {"kick"}, {"kick", "acme", "c_1", "--user", "ana"}, {"kick", "acme", "c_1", "c_2"}} {
		if _, _, code := g.run(t, append([]string{"connections"}, args...)...); code != 2 {
			t.Errorf("%v: exit code %d, want 2", args, code)
		}
	}
	other.lives(t)
}
