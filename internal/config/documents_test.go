package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// Whatever a page tells an operator to write loads as it stands: each block of YAML is a whole main file, or the whole file of a tenant.
func TestEveryConfigurationInThePagesLoads(t *testing.T) {
	const (
		mainFile = "listen: {tls: {certificate_file: tls.crt, key_file: tls.key}, client_certificates: request}\ntenants_dir: tenants/\n"
		tenant   = "id: acme\nissuers: [{issuer: i, audience: a, jwks_file: k}]\nrules: [{name: r, allow: [echo], channels: [\"lab:*\"]}]\n"
	)
	for page, least := range map[string]int{"docs/identity.md": 14, "docs/policy.md": 7, "README.md": 1} {
		blocks := yamlBlocks(t, filepath.Join(repository, page))
		if len(blocks) < least {
			t.Errorf("%s has %d blocks of YAML, want %d: are they marked as such?", page, len(blocks), least)
		}
		for line, text := range blocks {
			t.Run(fmt.Sprintf("%s:%d", page, line), func(t *testing.T) {
				files := map[string]string{"portcullis.yaml": text, "tenants/acme.yaml": tenant}
				if strings.HasPrefix(text, "id:") {
					files = map[string]string{"portcullis.yaml": mainFile, "tenants/acme.yaml": text}
				}
				c, problems := config.Load(filepath.Join(folder(t, files), "portcullis.yaml"))
				wantProblems(t, problems)
				if c == nil || len(c.Tenants) != 1 {
					t.Errorf("got no configuration with one tenant from\n%s", text)
				}
			})
		}
	}
}

// yamlBlocks returns the fenced blocks of a page that say that they are YAML, by their lines.
func yamlBlocks(t *testing.T, path string) map[int]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks, begin := make(map[int]string), 0
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "```yaml"):
			begin = i + 2
			blocks[begin] = ""
		case strings.HasPrefix(line, "```"):
			begin = 0
		case begin > 0:
			blocks[begin] += line + "\n"
		}
	}
	return blocks
}
