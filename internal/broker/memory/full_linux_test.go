package memory_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/broker"
)

// swap makes later writes to the journal of a folder, which this process has open, go to another file.
func swap(t *testing.T, folder string, to *os.File) {
	t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(folder, "state.journal"))
	must(t, err)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, entry := range fds {
		if at, _ := os.Readlink("/proc/self/fd/" + entry.Name()); at == path {
			fd, err := strconv.Atoi(entry.Name())
			must(t, err)
			must(t, syscall.Dup3(int(to.Fd()), fd, syscall.O_CLOEXEC))
			return
		}
	}
	t.Fatalf("%s is not open", path)
}

// Whoever is told an error has changed nothing, on a disk that is full and on one that takes writes and loses them; and it goes on when the disk does.
func TestABadDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	defer full.Close()
	drain, pipe, err := os.Pipe() // takes writes, and refuses fsync
	must(t, err)
	defer drain.Close()
	defer pipe.Close()
	for _, tt := range []struct {
		name string
		disk *os.File
		want error
	}{{"full", full, syscall.ENOSPC}, {"fsync fails", pipe, syscall.EINVAL}} {
		t.Run(tt.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "state")
			life(t, folder, func(ctx context.Context, s broker.State) {
				must(t, s.Put(ctx, "there", []byte("1"), 0))
				swap(t, folder, tt.disk)
				must(t, os.Rename(folder, folder+".away")) // and cannot be written anew
				for range 3 {
					refused(ctx, t, s, tt.want)
				}
				must(t, s.Put(ctx, "ticket", []byte("2"), time.Second)) // which needs no disk
				if _, ok, err := s.Take(ctx, "ticket"); !ok || err != nil {
					t.Errorf("a ticket: got %v, %v", ok, err)
				}
				must(t, os.Rename(folder+".away", folder))
				for begin := time.Now(); s.Put(ctx, "after", []byte("3"), 0) != nil; time.Sleep(10 * time.Millisecond) {
					if time.Since(begin) > 5*time.Second {
						t.Fatal("it does not go on")
					}
				}
				want(t, s, map[string]string{"there": "1", "after": "3"})
			})
			life(t, folder, func(_ context.Context, s broker.State) { want(t, s, map[string]string{"there": "1", "after": "3"}) })
		})
	}
}

// refused tries every change, and wants it not to have happened.
func refused(ctx context.Context, t *testing.T, s broker.State, because error) {
	t.Helper()
	if err := s.Put(ctx, "new", nil, 0); !errors.Is(err, because) {
		t.Errorf("put: got %v, want %v", err, because)
	}
	if err := s.Put(ctx, "there", []byte("changed"), 0); !errors.Is(err, because) {
		t.Errorf("put once more: got %v, want %v", err, because)
	}
	if err := s.Put(ctx, "there", nil, -1); !errors.Is(err, because) {
		t.Errorf("remove: got %v, want %v", err, because)
	}
	if added, err := s.Add(ctx, "added", nil, time.Hour); added || !errors.Is(err, because) {
		t.Errorf("add: got %v, %v; want %v", added, err, because)
	}
	if value, ok, err := s.Take(ctx, "there"); value != nil || ok || !errors.Is(err, because) {
		t.Errorf("take: got %q, %v, %v; want %v", value, ok, err, because)
	}
	want(t, s, map[string]string{"there": "1"})
}
