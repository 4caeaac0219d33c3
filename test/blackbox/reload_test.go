package blackbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edit replaces something in a file of the gateway's configuration.
func (g *gateway) edit(t *testing.T, name, old, now string) {
	t.Helper()
	path := filepath.Join(g.folder, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q:\n%s", name, old, text)
	}
	g.put(t, name, strings.Replace(string(text), old, now, 1))
}

// put writes a file of the gateway's configuration, as editors do: whole, beside it, and then in its place.
func (g *gateway) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(g.folder, name)
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// reload takes the configuration anew by a signal, and returns the line that says how it went.
func (g *gateway) reload(t *testing.T, result string) entry {
	t.Helper()
	event := map[string]string{"applied": "config.reloaded", "refused": "config.refused"}[result]
	told := func() int { return strings.Count(g.text(), `"event":"`+event+`"`) }
	before := told()
	n := g.metric(t, "portcullis_config_reloads_total", "result", result)
	g.signal(t, syscall.SIGHUP)
	g.until(t, n+1, "portcullis_config_reloads_total", "result", result)
	for end := time.Now().Add(patience); told() == before && time.Now().Before(end); { // it is counted first, and told a moment later
		time.Sleep(2 * time.Millisecond)
	}
	return g.logged(t, entry{"event": event})
}

// first is the beginning of a tenant's first issuer, as its file has it.
func first(p *party) string {
	return fmt.Sprintf("issuer: %q, audience: %s, jwks_file: %s-jwks.json", p.issuer.URL, p.audience, p.id)
}

const newRule = "rules:\n  - { name: new, allow: [subscribe, publish], channels: [\"new:*\"] }\n"

// Whoever is in gains and loses at once what an edited rule gives and takes, and whoever is not concerned notices nothing.
func TestAnEditedRuleCountsAfterASignal(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	ana, other := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("ana", roles("member")))
	other.does(`{"type":"subscribe","id":1,"channel":"room:stays"}`)
	ana.mayNot("forbidden", `{"type":"subscribe","id":1,"channel":"new:1"}`)
	g.edit(t, "tenants/acme.yaml", "rules:\n", newRule)
	if got := g.reload(t, "applied"); !got.has(entry{"cause": "signal", "tenants": 2, "added": 0, "changed": 1, "removed": 0, "connections": 2, "ended": 0}) {
		t.Errorf("got %v, want one changed tenant", got)
	}
	ana.does(`{"type":"subscribe","id":2,"channel":"new:1"}`)
	other.mayNot("forbidden", `{"type":"subscribe","id":2,"channel":"new:1"}`)

	g.edit(t, "tenants/acme.yaml", newRule, "rules:\n")
	if got := g.reload(t, "applied"); !got.has(entry{"changed": 1, "subscriptions_lost": 1}) {
		t.Errorf("got %v, want a lost subscription", got)
	}
	if got := ana.hear(); !got.has(entry{"type": "unsubscribed", "channel": "new:1", "code": "forbidden"}) {
		t.Errorf("got %v, want that the subscription is lost", got)
	}
	other.does(`{"type":"publish","id":3,"channel":"room:stays","data":"still here"}`)
}

// What cannot be taken changes nothing, is told with its place, and the metrics say so until something is taken again.
func TestABrokenConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	ana := g.dial(t, acme.token("ana", roles("member")))
	good := g.reload(t, "applied")
	if !good.has(entry{"added": 0, "changed": 0, "removed": 0}) {
		t.Errorf("got %v, want that nothing changed", good)
	}
	usual, err := os.ReadFile(filepath.Join(g.folder, "tenants/acme.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file, old, now string
		at, path, says       string
	}{
		{"a syntax error", "tenants/acme.yaml", "rules:\n", "rules: [\n", "tenants/acme.yaml", "", ""},
		{"an unknown key", "tenants/acme.yaml", "rules:\n", "rulez: []\nrules:\n", "tenants/acme.yaml", "rulez", "rules"},
		{"a test of the rules that fails", "tenants/acme.yaml", "rules:\n", "tests:\n  - { as: { user: eve }, allow: [\"publish new:1\"] }\nrules:\n", "tenants/acme.yaml", "tests[0].allow[0]", "publish new:1"},
		{"a key file that is missing", "tenants/acme.yaml", "acme-jwks.json", "gone-jwks.json", "tenants/acme.yaml", "issuers[0].jwks_file", "gone-jwks.json"},
		{"two tenants of one issuer and audience", "tenants/globex.yaml", first(globex), first(acme), "tenants/globex.yaml", "issuers[0]", "already chooses"},
		{"another address to listen on", "portcullis.yaml", "127.0.0.1:0", "127.0.0.1:9", "portcullis.yaml", "listen.address", "from 127.0.0.1:0 to 127.0.0.1:9"},
		{"another engine", "portcullis.yaml", "drain:\n", "broker: { state_dir: elsewhere }\ndrain:\n", "portcullis.yaml", "broker.state_dir", "restart"},
	}
	for _, tt := range tests {
		g.edit(t, tt.file, tt.old, tt.now)
		got := g.reload(t, "refused")
		if !strings.HasSuffix(fmt.Sprint(got["file"]), tt.at) || got["path"] != tt.path || got["line"].(float64) < 1 || !strings.Contains(fmt.Sprint(got["msg"]), tt.says) {
			t.Errorf("%s: got %v, want a problem in %s at %s that says %q", tt.name, got, tt.at, tt.path, tt.says)
		}
		if v := g.metric(t, "portcullis_config_last_reload_successful"); v != 0 {
			t.Errorf("%s: got config_last_reload_successful %v, want 0", tt.name, v)
		}
		ana.does(`{"type":"echo","id":1,"channel":"lab:1","data":1}`)
		g.edit(t, tt.file, tt.now, tt.old)
	}
	g.put(t, "tenants/acme.yaml", string(usual))
	g.reload(t, "applied")
	if v := g.metric(t, "portcullis_config_last_reload_successful"); v != 1 {
		t.Errorf("got config_last_reload_successful %v, want 1", v)
	}
}

// A file that is written counts by itself.
func TestAWrittenFileCounts(t *testing.T) {
	t.Parallel()
	g := start(t, options{watch: true})
	g.counts(t, func() { g.edit(t, "tenants/acme.yaml", "rules:\n", newRule) })
}

// Whoever writes a file in its place, and slowly, gives nobody what the rest of the file takes away.
func TestAFileThatIsCutBeforeItsDenyWidensNobody(t *testing.T) {
	t.Parallel()
	g := start(t, options{watch: true})
	path := filepath.Join(g.folder, "tenants/acme.yaml")
	usual := string(must(os.ReadFile(path)))
	denied := usual + "  - { name: nobody, deny: [publish], channels: [\"room:board\"] }\n"
	ana := g.dial(t, acme.token("ana", roles("member")))
	g.put(t, "tenants/acme.yaml", denied)
	g.logged(t, entry{"event": "config.reloaded"})
	ana.mayNot("forbidden", `{"type":"publish","id":1,"channel":"room:board","data":1}`)
	must(0, os.WriteFile(path, []byte(usual), 0o600)) // so far it has come
	if got := g.logged(t, entry{"event": "config.refused"}); !strings.Contains(fmt.Sprint(got["msg"]), "half written") || !strings.HasSuffix(fmt.Sprint(got["file"]), "tenants/acme.yaml") {
		t.Errorf("got %v, want that the file looks half written", got)
	}
	ana.mayNot("forbidden", `{"type":"publish","id":2,"channel":"room:board","data":1}`)
	must(0, os.WriteFile(path, []byte(denied+newRule[len("rules:\n"):]), 0o600))
	g.until(t, 2, "portcullis_config_reloads_total", "result", "applied")
	ana.does(`{"type":"subscribe","id":3,"channel":"new:1"}`)
	ana.mayNot("forbidden", `{"type":"publish","id":4,"channel":"room:board","data":1}`)
	// Who says that it is meant so is believed.
	must(0, os.WriteFile(path, []byte(usual), 0o600))
	for _, body := range []string{`{"dry_run":true}`, "not json", `{} {}`} {
		if a := g.administer(t, "POST", "/admin/v1/reload", body); a.status != 400 {
			t.Errorf("a reload with %s: %d %s", body, a.status, a.body)
		}
	}
	ana.mayNot("forbidden", `{"type":"publish","id":5,"channel":"room:board","data":1}`)
	if a := g.administer(t, "POST", "/admin/v1/reload", ""); a.status != 200 || !strings.Contains(a.body, `"applied":true`) {
		t.Errorf("a reload: %d %s", a.status, a.body)
	}
	ana.does(`{"type":"publish","id":6,"channel":"room:board","data":1}`)
}

// Kubernetes writes no file: it swaps the folder behind a link.
func TestASwappedFolderCounts(t *testing.T) {
	t.Parallel()
	g := start(t, options{watch: true, mounted: true})
	g.counts(t, func() {
		folder := filepath.Join(g.folder, "tenants")
		must(0, os.CopyFS(filepath.Join(folder, "..2"), os.DirFS(filepath.Join(folder, "..1"))))
		g.edit(t, "tenants/..2/acme.yaml", "rules:\n", newRule)
		must(0, os.Symlink("..2", filepath.Join(folder, "..data_tmp")))
		must(0, os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
		must(0, os.RemoveAll(filepath.Join(folder, "..1")))
	})
}

// Going back to what was before takes the end of a file away: a swap of the file, or of the folder behind a link, is whole and counts at once.
func TestASwapThatShortensCounts(t *testing.T) {
	t.Parallel()
	const more = "  - { name: nobody, deny: [publish], channels: [\"room:board\"] }\n"
	for _, mounted := range []bool{false, true} {
		g := start(t, options{watch: true, mounted: mounted})
		ana := g.dial(t, acme.token("ana", roles("member")))
		usual := string(must(os.ReadFile(filepath.Join(g.folder, "tenants/acme.yaml"))))
		for i, text := range []string{usual + more, usual} {
			if mounted {
				folder, next := filepath.Join(g.folder, "tenants"), fmt.Sprintf("..%d", i+2)
				must(0, os.CopyFS(filepath.Join(folder, next), os.DirFS(filepath.Join(folder, "..data"))))
				must(0, os.WriteFile(filepath.Join(folder, next, "acme.yaml"), []byte(text), 0o600))
				must(0, os.Symlink(next, filepath.Join(folder, "..data_tmp")))
				must(0, os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
			} else {
				g.put(t, "tenants/acme.yaml", text)
			}
			g.until(t, float64(i+1), "portcullis_config_reloads_total", "result", "applied")
		}
		ana.does(`{"type":"publish","id":1,"channel":"room:board","data":1}`)
	}
}

// mount lays a folder out as Kubernetes mounts it: the files are links into ..data, which is a link to the folder that has them.
func mount(t *testing.T, folder string) {
	t.Helper()
	must(0, os.Rename(folder, folder+".1"))
	must(0, os.Mkdir(folder, 0o700))
	must(0, os.Rename(folder+".1", filepath.Join(folder, "..1")))
	must(0, os.Symlink("..1", filepath.Join(folder, "..data")))
	for _, e := range must(os.ReadDir(filepath.Join(folder, "..1"))) {
		must(0, os.Symlink(filepath.Join("..data", e.Name()), filepath.Join(folder, e.Name())))
	}
}

// counts wants a new rule of acme to count, once it is written, for whoever is in.
func (g *gateway) counts(t *testing.T, write func()) {
	t.Helper()
	ana := g.dial(t, acme.token("ana", roles("member")))
	ana.mayNot("forbidden", `{"type":"subscribe","id":1,"channel":"new:1"}`)
	write()
	if got := g.logged(t, entry{"event": "config.reloaded"}); !got.has(entry{"cause": "files", "changed": 1}) {
		t.Errorf("got %v, want one changed tenant by its file", got)
	}
	ana.does(`{"type":"subscribe","id":2,"channel":"new:1"}`)
}

// A tenant that is taken away ends its connections and answers no handshake; one that comes back answers again. Those of other tenants lose nothing.
func TestTenantsComeAndGo(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	gone, stays := g.dial(t, globex.token("ana", roles("member"))), g.dial(t, acme.token("ana", roles("member")))
	stays.does(`{"type":"subscribe","id":1,"channel":"room:stays"}`)
	path := filepath.Join(g.folder, "tenants/globex.yaml")
	must(0, os.Rename(path, path+".away"))
	if got := g.reload(t, "applied"); !got.has(entry{"tenants": 1, "removed": 1, "ended": 1}) {
		t.Errorf("got %v, want one tenant removed and its connection ended", got)
	}
	if code, reason := gone.ended(); code != 4501 {
		t.Errorf("got %d %s, want 4501", code, reason)
	}
	if got := g.handshake(t, "Authorization: Bearer "+globex.token("ana")); got.status != 401 {
		t.Errorf("got %d, want 401", got.status)
	}
	must(0, os.Rename(path+".away", path))
	if got := g.reload(t, "applied"); !got.has(entry{"tenants": 2, "added": 1, "ended": 0}) {
		t.Errorf("got %v, want one tenant added", got)
	}
	g.dial(t, globex.token("ana")).lives(t)
	stays.does(`{"type":"publish","id":2,"channel":"room:stays","data":"here"}`)
	stays.hears(t, "room:stays", "here")
}
