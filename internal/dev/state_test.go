package dev

import (
	"errors"
	"os"
	"strings"
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
