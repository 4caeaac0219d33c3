//go:build unix

package dev

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Whoever can write the state says to whom this user's commands show a token.
func TestAStateOfOthersIsNotBelieved(t *testing.T) {
	good := `{"url":"wss://evil.example","pid":1}`
	write := func(path string, mode os.FileMode) error {
		return errors.Join(os.WriteFile(path, []byte(good), mode), os.Chmod(path, mode))
	}
	tests := []struct {
		name, want string
		make       func(path string) error
	}{
		{"others may read it", "mode 0600", func(p string) error { return write(p, 0o644) }},
		{"the group may write it", "mode 0600", func(p string) error { return write(p, 0o660) }},
		{"it is somebody else's", "somebody else", func(p string) error { return errors.Join(write(p, 0o600), os.Chown(p, 12345, -1)) }},
		{"it is a link", "symbolic link", func(p string) error { return errors.Join(write(p+"0", 0o600), os.Symlink(p+"0", p)) }},
		{"it is a pipe", "is no state", func(p string) error { return syscall.Mkfifo(p, 0o600) }},
		{"it is a folder", "is no state", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"it is something else", "cannot be read", func(p string) error { return os.WriteFile(p, []byte("url: x"), 0o600) }},
		{"it is huge", "is no state", func(p string) error { return os.WriteFile(p, make([]byte, maxState+1), 0o600) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alone(t)
			path := statePaths()[0]
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := tt.make(path); errors.Is(err, os.ErrPermission) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			if got, err := LoadState(); err == nil || !strings.Contains(err.Error(), tt.want) || got != (State{}) {
				t.Errorf("got %+v, %v; want an error with %q", got, err, tt.want)
			}
		})
	}
}
