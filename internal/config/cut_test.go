package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/config"
)

func TestAFileThatIsTheBeginningOfTheLastOneIsHalfWritten(t *testing.T) {
	const main, tenant = "listen: {plaintext: true}\ntenants_dir: tenants\n", "id: acme\ncertificates: {authorities_file: ca.pem}\nrules:\n  - {name: all, allow: [publish], channels: [\"**\"]}\n"
	const deny = "  - {name: not here, deny: [publish], channels: [\"board\"]}\n"
	tests := []struct{ name, main, was, is, want string }{
		{"the same", main, tenant, tenant, ""},
		{"a rule more", main, tenant, tenant + deny, ""},
		{"without its last rule", main, tenant + deny, tenant, "acme.yaml"},
		{"cut within a line", main, tenant + "origins: [\"https://a.example\"] # pages\n", tenant + "origins: [\"https://a.example\"]", ""},
		{"without its last comment and space", main, tenant + "\n# the end\n\n", tenant, ""},
		{"without its last rule, and with another word before", main, tenant + deny, strings.Replace(tenant, "all", "most", 1), ""},
		{"the main file without its last key", main + "reload: {watch: true}\n", tenant, tenant, "portcullis.yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			write := func(name, text string) {
				path := filepath.Join(folder, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("portcullis.yaml", tt.main)
			write("tenants/acme.yaml", tt.was)
			last, problems := config.Load(filepath.Join(folder, "portcullis.yaml"))
			if last == nil || len(last.Tenants) != 1 {
				t.Fatal(problems)
			}
			write("portcullis.yaml", main)
			write("tenants/acme.yaml", tt.is)
			next, problems := last.Again(filepath.Join(folder, "portcullis.yaml"))
			if next == nil {
				t.Fatal(problems)
			}
			got := last.Cut(next)
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || filepath.Base(got[0].File) != tt.want || got[0].Severity != config.Error) {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}
