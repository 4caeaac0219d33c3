//go:build unix

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"portcullis/internal/config"
)

// Whoever can put a pipe among the tenants does not stop the gateway from reading the others.
func TestAPipeAmongTheTenants(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "portcullis.yaml")
	if err := os.WriteFile(main, []byte("listen: { plaintext: true }\ntenants_dir: tenants/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "tenants"), 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "tenants", "acme.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems := config.Load(main)
	if !config.Failed(problems) {
		t.Fatalf("got %v, want an error", problems)
	}
	for _, p := range problems {
		if p.File == pipe && strings.Contains(p.Message, "take it out") {
			return
		}
	}
	t.Errorf("got %v, want a problem of %s", problems, pipe)
}
