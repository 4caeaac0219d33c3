package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whoever adds the lines that the page of identity marks as new to the tenant that config init wrote has a configuration that is taken, with its tests; and what the page
// shows beside them stands there.
func TestThePageOfIdentityBeginsWithWhatConfigInitWrote(t *testing.T) {
	page, err := os.ReadFile("../../docs/identity.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := writeStarter(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tenants", "acme.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tenant, at, added := strings.Split(string(text), "\n"), -1, 0
	of := slices.IndexFunc(fences(string(page)), func(f fence) bool { return f.info == "yaml" })
	for line := range strings.Lines(fences(string(page))[of].text) {
		line, _, isNew := strings.Cut(strings.TrimSuffix(line, "\n"), "# new")
		line = strings.TrimRight(line, " ")
		if isNew {
			at, added = at+1, added+1
			tenant = slices.Insert(tenant, at, line)
		} else if at = slices.Index(tenant, line); at < 0 {
			t.Errorf("the page shows %q, and config init writes no such line", line)
		}
	}
	if added < 5 {
		t.Errorf("the page adds %d lines, want 5", added)
	}
	if err := os.WriteFile(file, []byte(strings.Join(tenant, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var said, wrong strings.Builder
	args := []string{"config", "check", "--config", filepath.Join(dir, "portcullis.yaml")}
	if code := run(context.Background(), args, func(string) string { return "" }, strings.NewReader(""), &said, &wrong); code != succeeded || !strings.HasPrefix(said.String(), "ok: ") {
		t.Errorf("got exit code %d, %s%s, want what config check finds good", code, &said, &wrong)
	}
}
