package blackbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// broken is a change to a good configuration, and what serve must say of it.
type broken struct {
	name          string
	options       options
	file, old, to string // in this file, the first of these texts becomes the other; without old the file becomes to
	place, says   string // FILE:LINE:COLUMN, the folder apart, and a part of the message
}

// A configuration that is not right is told with its place and its remedy, and nothing listens.
func TestServeRefusesABrokenConfiguration(t *testing.T) {
	t.Parallel()
	for _, b := range []broken{
		{"an unknown key", options{}, "portcullis.yaml", "drain:", "drian:", "portcullis.yaml:6:1", "drain"},
		{"an unknown key of a tenant", options{}, "tenants/acme.yaml", "origins:", "orgins:", "tenants/acme.yaml:2:1", "origins"},
		{"a flag that switches verification off", options{listen: "insecure_skip_verify: true"}, "", "", "", "portcullis.yaml:4:3", "insecure_skip_verify"},
		{"a key that stands twice", options{drain: "delay: 0s\ndelay: 1s"}, "", "", "", "portcullis.yaml:8:3", "delay"},
		{"no YAML", options{}, "tenants/acme.yaml", "", "id: [acme\nrules: }", "tenants/acme.yaml:2:1", "must be specified"},
		{"a value of another kind", options{drain: "delay: soon"}, "", "", "", "portcullis.yaml:7:10", "soon"},
		{"a grace that cannot hold the delay", options{drain: "delay: 30s\ngrace: 31s"}, "", "", "", "portcullis.yaml:8:10", "grace"},
		{"neither TLS nor plaintext", options{}, "portcullis.yaml", "  plaintext: true\n", "", "portcullis.yaml:1:1", "plaintext"},
		{"a symmetric algorithm", options{}, "tenants/acme.yaml", "leeway: 1s", "algorithms: [HS256]", "tenants/acme.yaml:4:109", "HS256"},
		{"no audience", options{}, "tenants/acme.yaml", "audience: portcullis-acme, ", "", "tenants/acme.yaml:4:5", "audience"},
		{"any origin", options{}, "tenants/acme.yaml", acme.origin, "*", "tenants/acme.yaml:2:11", "origin"},
		{"the null origin", options{}, "tenants/acme.yaml", acme.origin, "null", "tenants/acme.yaml:2:11", "null"},
		{"no prefix for the second issuer", options{}, "tenants/acme.yaml", `, prefix: "partner|"`, "", "tenants/acme.yaml:5:5", "prefix"},
		{"one prefix for two issuers", options{}, "tenants/acme.yaml", "broker|", "partner|", "tenants/acme.yaml:6:120", "partner|"},
		{"an issuer and audience of two tenants", options{}, "tenants/globex.yaml", "- { issuer: \"" + globex.issuer.URL + "\", audience: portcullis-globex, jwks_file: globex",
			"- { issuer: \"" + acme.issuer.URL + "\", audience: portcullis-acme, jwks_file: acme", "tenants/globex.yaml:4:5", "already chooses"},
		{"no file of authorities", options{}, "tenants/acme.yaml", "authorities_file: acme", "authorities_file: nobodys", "tenants/acme.yaml:8:21", "nobodys-ca.pem"},
		{"an empty file of authorities", options{}, "tenants/acme-ca.pem", "", "", "tenants/acme.yaml:8:21", "acme-ca.pem"},
		{"authorities that are none", options{}, "tenants/acme-ca.pem", "", "no PEM here", "tenants/acme.yaml:8:21", "acme-ca.pem"},
		{"an authority of two tenants", options{}, "tenants/globex-ca.pem", "", string(acme.authority.PEM()), "portcullis.yaml:1:1", "same authority"},
		{"a tenant's authority for proxies", proxied("rfc9440"), "tenants/balancers.pem", "", string(acme.authority.PEM()), "portcullis.yaml:22:21", "could pass for proxies"},
		{"keys that are none", options{}, "tenants/acme-jwks.json", "", `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, "tenants/acme.yaml:4:80", "symmetric"},
		{"an unknown action", options{acme: tenantOptions{rules: "- { name: x, allow: [pubish], channels: [a] }"}}, "", "", "", "tenants/acme.yaml:23:24", "publish"},
		{"a channel that cannot be", options{acme: tenantOptions{rules: "- { name: x, allow: [publish], channels: [\"a::b\"] }"}}, "", "", "", "tenants/acme.yaml:23:45", "a::b"},
		{"an admin listener for everybody", options{admin: "address: 0.0.0.0:0"}, "portcullis.yaml", "  address: 127.0.0.1:0\n  address", "  address", "portcullis.yaml:5:12", "token_file"},
		{"a key of another certificate", options{tls: true}, "tls.key", "", string(serverPair(t).Key), "portcullis.yaml:4:23", "tls.key"},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.refusedThere(t)
		})
	}
}

// refused starts serve with the change made, and wants it to end with 1 and to have served nobody.
func (b broken) refused(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	main := b.options.write(t, folder)
	if b.file != "" {
		path := filepath.Join(folder, b.file)
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := b.to
		if b.old != "" {
			if !strings.Contains(string(was), b.old) {
				t.Fatalf("%s has no %q:\n%s", b.file, b.old, was)
			}
			text = strings.Replace(string(was), b.old, b.to, 1)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := spawn(t, folder, b.options, "serve", "--config", main)
	t.Cleanup(func() { g.cmd.Process.Kill() })
	if code := g.wait(t, patience); code != 1 {
		t.Errorf("it ended with %d, want 1", code)
	}
	out := g.text()
	if strings.Contains(out, "node.serving") || strings.Contains(out, "panic") || strings.Contains(out, "PRIVATE KEY") {
		t.Errorf("got:\n%s", out)
	}
	return strings.ReplaceAll(out, folder+string(filepath.Separator), "")
}

// refusedThere is refused with one line that has the place, and says what is wrong.
func (b broken) refusedThere(t *testing.T) {
	t.Helper()
	out := b.refused(t)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, b.place+": ") && strings.Contains(line, b.says) {
			return
		}
	}
	t.Errorf("got:\n%s\nwant a line that begins with %s and has %q", out, b.place, b.says)
}

// The rules' own tests are asked before anybody is.
func TestServeRefusesRulesThatFailTheirTests(t *testing.T) {
	t.Parallel()
	for _, b := range []broken{
		{"what should be allowed is not", options{acme: tenantOptions{more: `tests:
  - as: { user: alice, roles: [member] }
    allow: ["publish room:1", "publish news:today"]`}}, "", "", "", "tenants/acme.yaml:25:31", "publish news:today"},
		{"what should be denied is not", options{acme: tenantOptions{more: `tests:
  - as: { user: alice }
    deny: ["subscribe user:bob:inbox", "subscribe user:alice:inbox"]`}}, "", "", "", "tenants/acme.yaml:25:40", "subscribe user:alice:inbox"},
		{"only the other tenant's", options{globex: tenantOptions{more: `tests:
  - as: { user: alice }
    allow: ["publish ops:deploy"]`}}, "", "", "", "tenants/globex.yaml:25:13", "publish ops:deploy"},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.refusedThere(t)
		})
	}
	start(t, options{acme: tenantOptions{more: `tests:
  - as: { user: alice, roles: [member] }
    allow: ["publish room:1", "subscribe user:alice:inbox"]
    deny: ["publish ops:deploy", "subscribe user:bob:inbox"]`}})
}

func TestServeOnAnAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out := broken{file: "portcullis.yaml", old: "address: 127.0.0.1:0", to: "address: " + l.Addr().String()}.refused(t)
	if !strings.Contains(out, l.Addr().String()) || !strings.Contains(out, "in use") {
		t.Errorf("got:\n%s\nwant the address and that it is in use", out)
	}
}

// An issuer whose keys cannot be had keeps the gateway from nothing but its own tokens, which nobody can verify: they are not believed.
func TestAnIssuerWhoseKeysCannotBeHad(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := l.Addr().String()
	l.Close()
	g := start(t, options{acme: tenantOptions{issuers: fmt.Sprintf(
		"- { issuer: %q, audience: portcullis-acme, jwks_uri: \"http://%s/jwks.json\", prefix: \"gone|\" }", stranger.URL, silent)}})
	time.Sleep(100 * time.Millisecond) // for the first fetch
	g.refuses(t, unavailable("keys_unavailable"), func() *answer { return g.handshake(t, bearer(acme.tokenOf(stranger, "ana"))) })
	g.dial(t, acme.token("ana"))
}
