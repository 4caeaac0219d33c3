package dev

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAStateIsFound(t *testing.T) {
	for _, tt := range []struct{ name, home string }{{"in the user's cache", "home"}, {"without a home", ""}} {
		t.Run(tt.name, func(t *testing.T) {
			temp := alone(t)
			if tt.home == "" {
				t.Setenv("HOME", "")
			}
			if _, err := LoadState(); !errors.Is(err, ErrNotRunning) {
				t.Errorf("before: got %v, want that none is running", err)
			}
			want := State{URL: "wss://127.0.0.1:1/v1/ws", PlainURL: "ws://127.0.0.1:2/v1/ws", KeyFile: "k.pem", PID: os.Getpid()}
			leave, err := want.save()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := LoadState(); err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
			if info, err := os.Stat(statePaths()[0]); err != nil || info.Mode() != 0o600 {
				t.Errorf("got %v, %v; want mode 0600", info, err)
			}
			if err := leave(); err != nil {
				t.Error(err)
			}
			if _, err := LoadState(); !errors.Is(err, ErrNotRunning) {
				t.Errorf("after: got %v, want that none is running", err)
			}
			left(t, temp)
		})
	}
}

func TestTheStateOfACrashedGatewayIsStale(t *testing.T) {
	alone(t)
	pid := gone(t)
	if _, err := (State{PlainURL: "ws://127.0.0.1:1", PID: pid}).save(); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadState(); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("got %v, want that its process is gone", err)
	}
	if err := refuseSecond(); err != nil {
		t.Errorf("got %v, want that another may run", err)
	}
	leave, err := State{URL: "wss://later", PID: os.Getpid()}.save()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := LoadState(); err != nil || got.URL != "wss://later" {
		t.Errorf("got %+v, %v; want the later one", got, err)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
}

// A gateway that ends leaves alone what another one has written since.
func TestTheStateOfALaterGatewayStays(t *testing.T) {
	alone(t)
	leave, err := State{PID: gone(t)}.save()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (State{PID: os.Getpid()}).save(); err != nil {
		t.Fatal(err)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
	if _, err := LoadState(); err != nil {
		t.Errorf("got %v, want the later state", err)
	}
}

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
