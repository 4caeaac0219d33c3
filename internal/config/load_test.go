package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/internal/config"
)

// A listener, and a tenant in the main file, of which nothing can be complained.
const (
	listen = "listen: {plaintext: true}\n"
	acme   = `tenants:
- id: acme
  issuers: [{issuer: i, audience: a, jwks_file: k}]
  rules: [{name: r, allow: [echo], channels: ["lab:*"]}]
`
)

// folder writes files, by their slash-separated names, and returns where they are.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// wantProblems compares problems with lines of "line:column path: a piece of the message".
func wantProblems(t *testing.T, got []config.Problem, want ...string) {
	t.Helper()
	for i, w := range want {
		if i >= len(got) {
			t.Errorf("no problem %q", w)
			continue
		}
		place, piece, _ := strings.Cut(w, ": ")
		p := got[i]
		if where := strings.TrimSpace(fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Path)); where != place {
			t.Errorf("problem %d stands at %q, want %q: %s", i, where, place, p)
		}
		if !strings.Contains(p.Message, piece) {
			t.Errorf("problem %d says %q, want %q in it", i, p.Message, piece)
		}
	}
	for _, p := range got[min(len(want), len(got)):] {
		t.Errorf("unexpected problem: %s", p)
	}
}

func TestDefaults(t *testing.T) {
	c, problems := config.Parse("portcullis.yaml", []byte(listen+acme))
	wantProblems(t, problems)
	check := func(name string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	check("listen.address", c.Listen.Address, ":8443")
	check("listen.client_certificates", c.Listen.ClientCertificates, "none")
	check("admission", c.Admission, config.Admission{Connections: 5000, ConnectionsPerAddress: 100, ConnectionsPerSecondPerAddress: 50, FailuresPerMinutePerAddress: 60})
	check("admin.address", c.Admin.Address, "127.0.0.1:8081")
	check("limits of the node", c.Limits, config.NodeLimits{OutboxPerNode: 256 << 20})
	check("broker.kind", c.Broker.Kind, "memory")
	check("drain.delay", time.Duration(c.Drain.Delay), 10*time.Second)
	check("drain.grace", time.Duration(c.Drain.Grace), 30*time.Second)
	check("log", c.Log, config.Log{Level: "info", Format: "auto"})
	tenant := c.Tenants[0]
	check("limits", tenant.Limits, config.Limits{Connections: 10000, ConnectionsPerUser: 20, ConnectionsPerSecond: 500, Subscriptions: 250_000, SubscriptionsPerConnection: 100, Channels: 50_000, MessageSize: 64 << 10,
		MessagesPerSecond: 2000, MessagesPerSecondPerUser: 200, MessagesPerSecondPerConnection: 50, BytesPerSecond: 16 << 20, BytesPerSecondPerConnection: 1 << 20, Outbox: 64 << 20, History: 64 << 20})
	issuer := tenant.Issuers[0]
	check("audience_claim", issuer.AudienceClaim, "aud")
	check("algorithms", issuer.Algorithms, []string{"ES256", "RS256", "PS256", "EdDSA"})
	check("types", issuer.Types, []string{"JWT", "at+jwt", "absent"})
	check("roles_claim", issuer.RolesClaim, "roles")
	check("max_lifetime", time.Duration(issuer.MaxLifetime), 24*time.Hour)
	check("leeway", time.Duration(issuer.Leeway), 30*time.Second)
}

func TestTLSDefaultsTo13(t *testing.T) {
	c, problems := config.Parse("portcullis.yaml", []byte("listen: {tls: {certificate_file: a, key_file: b}}\n"+acme))
	wantProblems(t, problems)
	if got := c.Listen.TLS.MinVersion; got != "1.3" {
		t.Errorf("got min_version %q, want 1.3", got)
	}
}

func TestTLS12IsAWarning(t *testing.T) {
	for _, version := range []string{`1.2`, `"1.2"`} {
		c, problems := config.Parse("portcullis.yaml", []byte("listen: {tls: {certificate_file: a, key_file: b, min_version: "+version+"}}\n"+acme))
		wantProblems(t, problems, "1:63 listen.tls.min_version: 1.2 is weaker")
		if config.Failed(problems) || c.Listen.TLS.MinVersion != "1.2" {
			t.Errorf("min_version %s: failed is %v and the version %q, want a warning and 1.2", version, config.Failed(problems), c.Listen.TLS.MinVersion)
		}
		if want := "portcullis.yaml:1:63: warning: listen.tls.min_version: 1.2"; !strings.HasPrefix(problems[0].String(), want) {
			t.Errorf("got %q, want it to begin %q", problems[0], want)
		}
	}
}

func TestWhatIsGivenReplacesTheDefault(t *testing.T) {
	c, problems := config.Parse("portcullis.yaml", []byte(`listen: {plaintext: true, address: "127.0.0.1:0"}
drain: {delay: 1m, grace: 1m30s}
log: {level: debug, format: json}
tenants:
- id: acme
  issuers: [{issuer: i, audience: a, jwks_uri: "https://i.example/k", algorithms: [ES384], types: [at+jwt], leeway: 1s}]
  limits: {connections: unlimited, message_size: 1KiB, bytes_per_second_per_connection: unlimited}
  rules: [{name: r, allow: [manage], for: {claims: {level: 3, "https://acme.example/staff": True, name: "a b"}, certificate: false}}]
`))
	wantProblems(t, problems)
	tenant := c.Tenants[0]
	if got := tenant.Limits; got.Connections != config.Unlimited || got.BytesPerSecondPerConnection != config.Unlimited || got.MessageSize != 1024 {
		t.Errorf("got limits %+v", got)
	}
	if got := tenant.Issuers[0]; fmt.Sprint(got.Algorithms, got.Types, got.Leeway) != "[ES384] [at+jwt] 1s" {
		t.Errorf("got issuer %+v", got)
	}
	match := tenant.Rules[0].For
	want := map[string]string{"level": "3", "https://acme.example/staff": "true", "name": "a b"}
	if fmt.Sprint(match.Claims) != fmt.Sprint(want) || match.Certificate == nil || *match.Certificate {
		t.Errorf("got claims %v and certificate %v, want %v and false", match.Claims, match.Certificate, want)
	}
	if c.Drain.Delay.String() != "1m" || c.Drain.Grace.String() != "1m30s" {
		t.Errorf("got drain %+v", c.Drain)
	}
}

func TestPathsAreRelativeToTheFileTheyStandIn(t *testing.T) {
	dir := folder(t, map[string]string{
		"portcullis.yaml": "listen: {tls: {certificate_file: tls/a.crt, key_file: /etc/b.key}}\ntenants_dir: customers\n",
		"customers/acme.yaml": "id: acme\nissuers: [{issuer: i, audience: a, jwks_file: ../keys.json}]\n" +
			"certificates: {authorities_file: ca.pem, revocation_lists: [lists/a.crl, /etc/b.crl]}\n" +
			"rules: [{name: r, deny: [manage]}]\n",
	})
	c, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
	wantProblems(t, problems, "3:15 certificates: no client will be asked for one")
	lists := c.Tenants[0].Certificates.RevocationLists
	for name, pair := range map[string][2]string{
		"revocation_lists[0]": {string(lists[0]), filepath.Join(dir, "customers/lists/a.crl")},
		"revocation_lists[1]": {string(lists[1]), "/etc/b.crl"},
		"certificate_file":    {string(c.Listen.TLS.CertificateFile), filepath.Join(dir, "tls/a.crt")},
		"key_file":            {string(c.Listen.TLS.KeyFile), "/etc/b.key"},
		"tenants_dir":         {string(c.TenantsDir), filepath.Join(dir, "customers")},
		"jwks_file":           {string(c.Tenants[0].Issuers[0].JWKSFile), filepath.Join(dir, "keys.json")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
		}
	}
}

func TestTheTenantsFolder(t *testing.T) {
	const rest = "issuers: [{issuer: i, audience: %s, jwks_file: k}]\nrules: [{name: r, deny: [manage]}]\n"
	tenant := func(id string) string { return "id: " + id + "\n" + fmt.Sprintf(rest, id) }
	dir := folder(t, map[string]string{
		"portcullis.yaml":    listen + "tenants_dir: tenants\n",
		"tenants/b.yaml":     tenant("b"),
		"tenants/a.yml":      tenant("a"),
		"tenants/wrong.yaml": tenant("other"),
		"tenants/bad.yaml":   "id: [\n",
		"tenants/README.md":  "not read",
		"tenants/.swp.yaml":  "not read",
		"tenants/.git/x":     "not read",
	})
	c, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
	wantProblems(t, problems, "1:5: sequence end token ']' not found", `1:5 id: "other" is not the name of its file; call the file other.yaml, or the tenant "wrong"`)
	for i, name := range []string{"bad.yaml", "wrong.yaml"} {
		if got, want := problems[i].File, filepath.Join(dir, "tenants", name); got != want {
			t.Errorf("problem %d is in %q, want %q", i, got, want)
		}
	}
	if len(c.Tenants) != 2 || c.Tenants[0].ID != "a" || c.Tenants[1].ID != "b" {
		t.Errorf("got %d tenants, want the sound ones, a and b", len(c.Tenants))
	}
}

func TestAFolderWithoutTenants(t *testing.T) {
	dir := folder(t, map[string]string{"portcullis.yaml": listen + "tenants_dir: tenants\n", "tenants/README.md": ""})
	_, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
	wantProblems(t, problems, "2:14 tenants_dir: holds no tenant; put a file like acme.yaml into it")
	_, problems = config.Parse(filepath.Join(dir, "nowhere", "portcullis.yaml"), []byte(listen+"tenants_dir: tenants\n"))
	wantProblems(t, problems, "2:14 tenants_dir: cannot be read: no such file or directory; name a folder with a file for each tenant")
}

func TestFilesThatAreNoConfiguration(t *testing.T) {
	dir := folder(t, map[string]string{"big.yaml": "#" + strings.Repeat("x", 1<<20)})
	for name, want := range map[string]string{
		"missing.yaml": "1:1: cannot be read: no such file or directory; name the main file of a configuration, such as config init writes",
		".":            "1:1: cannot be read: is a directory; name the main file in it",
		"big.yaml":     "1:1: cannot be read: it has more than 1MiB",
	} {
		c, problems := config.Load(filepath.Join(dir, name))
		wantProblems(t, problems, want)
		if c != nil {
			t.Errorf("%s: got a configuration", name)
		}
	}
}

// Who names a tenant's file where the main one is asked for has made one mistake, and not one with each key.
func TestATenantsFileInThePlaceOfTheMainOne(t *testing.T) {
	c, problems := config.Parse("acme.yaml", []byte("id: acme\nissuers: [{issuer: i, audience: a}]\nrules: []\n"))
	wantProblems(t, problems, "1:5 id: this is the file of a tenant; name the main file, whose tenants_dir is the folder of this one")
	if c != nil {
		t.Error("got a configuration")
	}
	// A key too many in a main file is what it was.
	_, problems = config.Parse("portcullis.yaml", []byte("id: acme\n"+listen+acme))
	wantProblems(t, problems, `1:1 id: unknown key "id"`)
}

// A tenant that cannot be beside another is left out, as one with an error of its own is.
func TestWhatIsWrongBetweenTenantsLeavesTheSecondOut(t *testing.T) {
	second := strings.TrimPrefix(acme, "tenants:\n")
	for name, file := range map[string]string{
		"one id":                  strings.Replace(second, "audience: a", "audience: b", 1),
		"one issuer and audience": strings.Replace(second, "id: acme", "id: globex", 1),
	} {
		t.Run(name, func(t *testing.T) {
			c, problems := config.Parse("portcullis.yaml", []byte(listen+acme+file))
			if len(problems) != 1 {
				t.Errorf("got %v, want one problem", problems)
			}
			if len(c.Tenants) != 1 || c.Tenants[0].ID != "acme" || c.Tenants[0].Issuers[0].Audience != "a" {
				t.Errorf("got %d tenants, want the first alone", len(c.Tenants))
			}
		})
	}
}

// One mistake in each corner: all are told at once, in the order of the file, and the tenant without one is still there.
func TestNoProblemHidesAnother(t *testing.T) {
	c, problems := config.Parse("portcullis.yaml", []byte(`listen:
  adress: ":8443"
  tls: {certificate_file: tls.crt, key_fil: x}
drain: {delay: 25}
nats: {}
tenants:
- id: broken
  origins: ["*"]
  limits: {connections: 0}
- id: sound
  issuers: [{issuer: i, audience: a, jwks_file: k}]
  rules: [{name: r, allow: [manage], for: {users: [ana]}}]
`))
	wantProblems(t, problems,
		`2:3 listen.adress: unknown key "adress"; did you mean "address"?`,
		`3:8 listen.tls.key_file: is missing`,
		`3:36 listen.tls.key_fil: did you mean "key_file"?`,
		`4:16 drain.delay: 25 has no unit`,
		`5:1 nats: unknown key "nats"; remove it, known here are listen, admission, proxy, admin,`,
		`7:3 tenants[0]: nobody can come in`,
		`7:3 tenants[0].rules: there are none`,
		`8:13 tenants[0].origins[0]: "*" would let every web page`,
		`9:25 tenants[0].limits.connections: "0" is no limit`,
	)
	if len(c.Tenants) != 1 || c.Tenants[0].ID != "sound" {
		t.Errorf("got %d tenants, want the sound one alone", len(c.Tenants))
	}
	p := c.Tenants[0].Problem("rules[0].allow[0]", "made up")
	if got, want := p.String(), "portcullis.yaml:12:29: tenants[1].rules[0].allow[0]: made up"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A large file that is nothing but one mistake must not keep the gateway from telling it: whatever took quadratic time took minutes.
func TestTheWorstFilesEndSoon(t *testing.T) {
	fill := func(begin, piece, end string) string {
		return begin + strings.Repeat(piece, (1<<17-len(begin)-len(end))/len(piece)) + end
	}
	var numbered strings.Builder
	for i := 0; numbered.Len() < 1<<17; i++ {
		fmt.Fprintf(&numbered, "- {name: n%d, allow: [echo], channels: [c%d]}\n", i, i)
	}
	for name, file := range map[string]string{
		"brackets":         fill("a: ", "[", ""),
		"braces":           fill("", "{a: ", ""),
		"dashes":           fill("", "- ", ""),
		"question marks":   fill("", "? ", ""),
		"colons":           fill("", ": ", ""),
		"keys":             fill("", "a: b\n", ""),
		"keys in a brace":  fill("{", "a: b, ", "}"),
		"items":            fill("tenants: [", "1,", "]"),
		"origins":          fill("tenants:\n- origins: [", "https://a,", "]"),
		"rules":            listen + "tenants:\n- id: a\n  rules:\n" + strings.ReplaceAll(numbered.String(), "- {", "  - {"),
		"tenants":          listen + "tenants:\n" + strings.ReplaceAll(numbered.String(), "name:", "id:"),
		"an unclosed text": fill("a: \"", "x\n", ""),
	} {
		started := time.Now()
		_, problems := config.Parse("portcullis.yaml", []byte(file))
		took := time.Since(started)
		if !config.Failed(problems) {
			t.Errorf("%s: no error", name)
		}
		t.Logf("%s: %d problems in %v", name, len(problems), took)
		if took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// Two files can name one tenant by their endings; the packages above get the first, and the operator one problem.
func TestATenantThatIsThereTwiceIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	tenant := "id: acme\nissuers: [{issuer: i, audience: %s, jwks_file: k}]\n"
	for name, text := range map[string]string{
		"portcullis.yaml":   "listen: {plaintext: true}\ntenants_dir: tenants\n",
		"tenants/acme.yaml": fmt.Sprintf(tenant, "a"),
		"tenants/acme.yml":  fmt.Sprintf(tenant, "b"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
	if c == nil || len(c.Tenants) != 1 || c.Tenants[0].Issuers[0].Audience != "a" {
		t.Fatalf("got %v, %v; want the first of the two", c, problems)
	}
	var told []string
	for _, p := range problems {
		if p.Path == "id" {
			told = append(told, p.File)
		}
	}
	if want := []string{filepath.Join(dir, "tenants", "acme.yml")}; !slices.Equal(told, want) {
		t.Errorf("got problems in %v, want them in %v", told, want)
	}
}
