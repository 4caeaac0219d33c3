package config_test

import (
	"errors"
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

// Another file in the place of the last one is whole, however much shorter it is: going back to what was before is such an edit.
func TestASwapIsWhole(t *testing.T) {
	const was, is = "id: acme\ncertificates: {authorities_file: ca.pem}\nrules:\n  - {name: all, allow: [publish], channels: [\"**\"]}\n  - {name: not here, deny: [publish], channels: [\"board\"]}\n",
		"id: acme\ncertificates: {authorities_file: ca.pem}\nrules:\n  - {name: all, allow: [publish], channels: [\"**\"]}\n"
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, to, path string) {
		t.Helper()
		if err := errors.Join(os.Symlink(to, path+"~"), os.Rename(path+"~", path)); err != nil {
			t.Fatal(err)
		}
	}
	const tenant = "tenants/acme.yaml"
	tests := []struct {
		name        string
		before, now func(t *testing.T, folder string)
		cut         bool
	}{
		{"written in its place", nil, func(t *testing.T, folder string) { write(t, filepath.Join(folder, tenant), is) }, true},
		{"renamed into its place", nil, func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, tenant+"~"), is)
			if err := os.Rename(filepath.Join(folder, tenant+"~"), filepath.Join(folder, tenant)); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"the folder behind a link of the file", func(t *testing.T, folder string) {
			link(t, "..1", filepath.Join(folder, "tenants/..data"))
			link(t, "..data/acme.yaml", filepath.Join(folder, tenant))
		}, func(t *testing.T, folder string) { link(t, "..2", filepath.Join(folder, "tenants/..data")) }, false},
		{"the same file behind another link", func(t *testing.T, folder string) { // as a number that the system gives again
			link(t, "..1", filepath.Join(folder, "tenants/..data"))
			link(t, "..data/acme.yaml", filepath.Join(folder, tenant))
		}, func(t *testing.T, folder string) {
			two := filepath.Join(folder, "tenants/..2/acme.yaml")
			if err := errors.Join(os.Remove(two), os.Rename(filepath.Join(folder, "tenants/..1/acme.yaml"), two)); err != nil {
				t.Fatal(err)
			}
			write(t, two, is)
			link(t, "..2", filepath.Join(folder, "tenants/..data"))
		}, false},
		{"written in its place, behind a link", func(t *testing.T, folder string) {
			link(t, "..1", filepath.Join(folder, "tenants/..data"))
			link(t, "..data/acme.yaml", filepath.Join(folder, tenant))
		}, func(t *testing.T, folder string) { write(t, filepath.Join(folder, "tenants/..1/acme.yaml"), is) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			for version, text := range map[string]string{"..1": was, "..2": is} {
				if err := os.MkdirAll(filepath.Join(folder, "tenants", version), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(folder, "tenants", version, "acme.yaml"), text)
			}
			main := filepath.Join(folder, "portcullis.yaml")
			write(t, main, "listen: {plaintext: true}\ntenants_dir: tenants\n")
			write(t, filepath.Join(folder, tenant), was)
			if tt.before != nil {
				tt.before(t, folder)
			}
			last, problems := config.Load(main)
			if last == nil || len(last.Tenants) != 1 {
				t.Fatal(problems)
			}
			// A look at the same files in between changes nothing of it.
			if last, problems = last.Again(main); last == nil {
				t.Fatal(problems)
			}
			tt.now(t, folder)
			next, problems := last.Again(main)
			if next == nil {
				t.Fatal(problems)
			}
			if got := last.Cut(next); (len(got) > 0) != tt.cut {
				t.Errorf("got %v, want that it is refused: %v", got, tt.cut)
			}
		})
	}
}

// The main file is swapped as those of tenants are.
func TestASwappedMainFileIsWhole(t *testing.T) {
	folder := t.TempDir()
	main := filepath.Join(folder, "portcullis.yaml")
	const text = "listen: {plaintext: true}\ntenants: [{id: acme, certificates: {authorities_file: ca.pem}}]\n"
	if err := os.WriteFile(main, []byte(text+"reload: {watch: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	last, _ := config.Load(main)
	if err := errors.Join(os.WriteFile(main+"~", []byte(text), 0o600), os.Rename(main+"~", main)); err != nil {
		t.Fatal(err)
	}
	if next, problems := last.Again(main); next == nil || len(last.Cut(next)) > 0 {
		t.Errorf("got %v, want that a shorter main file that was renamed into its place counts", problems)
	}
}
