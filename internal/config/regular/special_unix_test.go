//go:build unix

package regular_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/config/regular"
)

// Whoever can put a pipe or a device in a file's place neither stops who reads it nor fills the memory, behind a link neither.
func TestWhatHasNoEndIsNotRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := syscall.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, "/dev/zero"} {
		ended := make(chan error, 1)
		go func() {
			_, _, err := regular.Read(path, 1<<20)
			ended <- err
		}()
		select {
		case err := <-ended:
			_, placed := errors.AsType[*fs.PathError](err)
			if _, special := errors.AsType[regular.Special](err); !placed || !special {
				t.Errorf("%s: got %v, want that it is no regular file", path, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: somebody still reads it", path)
		}
	}
}
