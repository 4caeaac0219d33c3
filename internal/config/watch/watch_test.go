package watch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"portcullis/internal/config/watch"
)

// tree is a folder with a main file and a folder of tenants.
func tree(t *testing.T) (dir string, f watch.Files) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "main.yaml"), "a: 1")
	if err := os.Mkdir(filepath.Join(dir, "tenants"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tenants", "acme.yaml"), "a: 1")
	return dir, watch.Files{Single: []string{filepath.Join(dir, "main.yaml")}, Folder: filepath.Join(dir, "tenants")}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
}

// What counts is what a reload would read.
func TestWhatCountsAsAChange(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		want   bool
	}{
		{"nothing", func(*testing.T, string) {}, false},
		{"the main file is longer", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "main.yaml"), "a: 12") }, true},
		{"the main file is gone", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "main.yaml")) }, true},
		{"another file of the same size and time is in its place", func(t *testing.T, dir string) {
			file := filepath.Join(dir, "main.yaml")
			info, _ := os.Stat(file)
			write(t, file+".new", "a: 2")
			if err := os.Chtimes(file+".new", info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"a tenant comes", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tenants", "globex.yml"), "") }, true},
		{"a tenant leaves", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "tenants", "acme.yaml")) }, true},
		{"the folder is gone", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "tenants")) }, true},
		{"an editor's file comes", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tenants", ".acme.yaml.swp"), "") }, false},
		{"a hidden file comes", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tenants", ".globex.yaml"), "") }, false},
		{"a text comes", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tenants", "README.md"), "") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, f := tree(t)
			before := watch.Look(f)
			tt.change(t, dir)
			if got := !watch.Look(f).Same(before); got != tt.want {
				t.Errorf("it counts as a change: %v, want %v", got, tt.want)
			}
		})
	}
}

// poll is how often Run looks without a reason.
const poll = 5 * time.Second

// Run tells of each change once, and because the system told of it: each is made soon after a look without a reason and told long before the next one, so that looking alone would be too late. It does so in the folder behind a link too when the link is set to another one, as Kubernetes does, and of nothing while nothing changes.
func TestAChangeIsToldOnce(t *testing.T) {
	dir, _ := tree(t)
	link := filepath.Join(dir, "..data")
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "acme.yaml"), version)
	}
	swap := func(version string) {
		t.Helper()
		if err := os.Symlink(version, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	swap("v1")
	f := watch.Files{Single: []string{filepath.Join(dir, "main.yaml")}, Folder: link}
	changes, done := make(chan struct{}, 10), make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(done)
		watch.Run(t.Context(), func() watch.Files { return f }, watch.Look(f), func() { changes <- struct{}{} })
	}()
	t.Cleanup(func() { <-done })
	told := func(what string, change func()) {
		t.Helper()
		switch since := time.Since(begin) % poll; {
		case since < 300*time.Millisecond: // it watches
			time.Sleep(300*time.Millisecond - since)
		case since > time.Second: // the next look without a reason is too near
			time.Sleep(poll - since + 300*time.Millisecond)
		}
		change()
		select {
		case <-changes:
		case <-time.After(3 * time.Second):
			t.Fatalf("nothing was told within 3 s when %s: it was not heard of", what)
		}
	}
	told("the main file changed", func() { write(t, filepath.Join(dir, "main.yaml"), "a: 12") })
	told("the link was set to another folder", func() { swap("v2") })
	told("a file behind the link changed", func() { write(t, filepath.Join(dir, "v2", "acme.yaml"), "v2 and more") })
	write(t, filepath.Join(dir, "v1", "acme.yaml"), "nobody's any more")
	select {
	case <-changes:
		t.Error("something was told when nothing changed")
	case <-time.After(500 * time.Millisecond):
	}
}
