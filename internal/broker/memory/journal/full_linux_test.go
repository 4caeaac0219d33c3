package journal_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/broker/memory/journal"
)

// fill makes every later write to a file that is open in this process find the disk full.
func fill(t *testing.T, path string) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, entry := range fds {
		var fd int
		for _, digit := range entry.Name() {
			fd = 10*fd + int(digit-'0')
		}
		if to, _ := os.Readlink("/proc/self/fd/" + entry.Name()); to == path {
			if err := syscall.Dup3(int(full.Fd()), fd, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s is not open", path)
}

// On a full disk nothing is claimed, and when there is room again the journal goes on, with everything that was acknowledged.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "state")
	j, _ := open(t, folder)
	kept := map[string]journal.Change{"a": lasts("a", "1")}
	appended(t, j, kept["a"])
	fill(t, file(folder))
	for range 3 {
		if err := j.Append([]journal.Change{lasts("b", "2")}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("got %v, want that there is no space", err)
		}
	}
	now := noon.Add(time.Hour)
	if !j.Due(now) {
		t.Fatal("it is not tried again")
	}
	if err := os.Rename(folder, folder+".away"); err != nil { // nothing can be written at all
		t.Fatal(err)
	}
	if err := j.Rewrite(maps.Values(kept), now); err == nil {
		t.Fatal("written into a folder that is away")
	}
	if j.Due(now.Add(time.Second-1)) || !j.Due(now.Add(time.Second)) {
		t.Error("it must be tried again after a second, and not before")
	}
	if err := j.Append([]journal.Change{lasts("b", "2")}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want that there was no space", err)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	if err := j.Rewrite(maps.Values(kept), noon); err != nil {
		t.Fatal(err)
	}
	appended(t, j, lasts("c", "3"))
	j.Close()
	_, found := open(t, folder)
	want(t, found, map[string]string{"a": "1", "c": "3"})
}

// A disk without room for a second copy does not keep a gateway from starting with what it knows.
func TestAStartWithoutRoomToWriteAnew(t *testing.T) {
	folder := t.TempDir()
	data, begins := written(t, folder)
	if err := os.WriteFile(file(folder), data[:begins[2]+5], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file(folder)+".new", 0o700); err != nil { // where the copy would be
		t.Fatal(err)
	}
	if err := os.WriteFile(file(folder)+".new/x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j, found := open(t, folder)
	if len(found.Live) != 2 {
		t.Fatalf("got %v, want a and b", values(found))
	}
	appended(t, j, lasts("d", "4"))
	j.Close()
	if _, found = open(t, folder); len(found.Live) != 3 || found.Torn != 0 {
		t.Errorf("got %v, %d torn; want a, b and d", values(found), found.Torn)
	}
}
