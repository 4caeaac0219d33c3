package dev

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"portcullis/internal/dev/house"
)

// alone gives a test a home and a folder for temporary files that nobody else has, and returns the second.
func alone(t *testing.T) (temp string) {
	t.Helper()
	temp = t.TempDir()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("TMPDIR", temp)
	return temp
}

// left fails when dev left something behind.
func left(t *testing.T, temp string) {
	t.Helper()
	for _, pattern := range []string{filepath.Join(temp, "*"), filepath.Join(temp, ".*dev*"), statePaths()[0]} {
		if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
			t.Errorf("left behind: %v, %v", found, err)
		}
	}
}

// edit replaces a text in a file of the house.
func edit(h *house.House, name, old, changed string) error {
	data, err := os.ReadFile(filepath.Join(h.Dir, name))
	if err != nil {
		return err
	}
	if !strings.Contains(string(data), old) {
		return errors.New(name + " does not have " + old)
	}
	_, err = h.Write(name, []byte(strings.Replace(string(data), old, changed, 1)))
	return err
}

// page is what a reader sees of a running dev.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// gone returns the number of a process that has ended.
func gone(t *testing.T) int {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}
