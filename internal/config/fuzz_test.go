package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portcullis/internal/config"
)

// Property: whatever the files hold, Load ends soon and without a panic. It gives a configuration that can be served, or at least one error;
// every problem has a file, a place and a message on one line; what is served has a tenant, and every tenant an id and a way in; and reading
// the same files again tells the same.
func FuzzLoad(f *testing.F) {
	main, err := os.ReadFile(filepath.Join(repository, "deploy", "portcullis.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	tenant, err := os.ReadFile(filepath.Join(repository, "deploy", "tenants", "acme.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(main, tenant)
	f.Add([]byte(listen+acme), []byte(""))
	f.Add([]byte(listen+"tenants_dir: tenants\n"), []byte("id: acme\nissuers: [{issuer: i, audience: a, jwks_file: k}]\n"))
	f.Add([]byte(strings.ReplaceAll(string(main), "\n", "\r\n")), []byte("\ufeffid: [acme\n"))
	f.Add([]byte("a: &a [*a]\n<<: *a\n"), []byte("? [a]\n: !!map {}\n"))
	f.Add([]byte("listen: {tls: [], tls: ~}\n--- \n"), []byte("rules:\n- name: >\n    x\n  for:\n    claims: {\"a]\\\"\": 1}\n"))
	f.Add([]byte(strings.Repeat("[{a: ", 40)), []byte(strings.Repeat("- ", 40)))
	f.Fuzz(func(t *testing.T, main, tenant []byte) {
		dir := folder(t, map[string]string{"portcullis.yaml": string(main), "tenants/acme.yaml": string(tenant)})
		started := time.Now()
		path := filepath.Join(dir, "portcullis.yaml")
		c, problems := config.Load(path)
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		for _, p := range problems {
			if p.File == "" || p.Line < 1 || p.Column < 1 || p.Message == "" || strings.ContainsAny(p.Message, "\n\r\x00\x1b") {
				t.Errorf("a problem without a place or a readable message: %#v", p)
			}
		}
		if _, again := config.Load(path); len(again) != len(problems) {
			t.Errorf("%d problems at first and %d the second time", len(problems), len(again))
		}
		if config.Failed(problems) {
			return
		}
		if c == nil || len(c.Tenants) == 0 {
			t.Fatal("no error and nothing to serve")
		}
		for _, tenant := range c.Tenants {
			if tenant.ID == "" || len(tenant.Issuers) == 0 && tenant.Certificates == nil {
				t.Errorf("a tenant without an id or a way in: %+v", tenant)
			}
		}
	})
}
