package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"portcullis/internal/broker/memory/journal"
)

var noon = time.UnixMilli(1767268800000)

// open opens the journal of a folder at noon until the test ends.
func open(t *testing.T, folder string) (*journal.Journal, journal.Opened) {
	t.Helper()
	j, found, err := journal.Open(folder, noon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, found
}

func lasts(key, value string) journal.Change { return journal.Change{Key: key, Value: []byte(value)} }

func appended(t *testing.T, j *journal.Journal, changes ...journal.Change) {
	t.Helper()
	if err := j.Append(changes); err != nil {
		t.Fatal(err)
	}
}

func values(o journal.Opened) map[string]string {
	all := make(map[string]string)
	for _, c := range o.Live {
		all[c.Key] = string(c.Value)
	}
	return all
}

func want(t *testing.T, o journal.Opened, want map[string]string) {
	t.Helper()
	if got := values(o); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// file is the journal of a folder.
func file(folder string) string { return filepath.Join(folder, "state.journal") }

// written returns a journal's file of three records, and where each begins.
func written(t *testing.T, folder string) (data []byte, begins []int) {
	t.Helper()
	j, _ := open(t, folder)
	for _, key := range []string{"a", "b", "c"} {
		info, err := os.Stat(file(folder))
		if err != nil {
			t.Fatal(err)
		}
		begins = append(begins, int(info.Size()))
		appended(t, j, lasts(key, strings.Repeat(key, 30)))
	}
	j.Close()
	data, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}
	return data, begins
}

func TestARestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	j, found := open(t, folder)
	want(t, found, map[string]string{})
	appended(t, j, lasts("a", "1"), lasts("b", "2"), lasts("c", "3"))
	appended(t, j, journal.Change{Key: "b"}, lasts("c", "4"),
		journal.Change{Key: "soon", Value: []byte("5"), Expires: noon.Add(time.Millisecond)},
		journal.Change{Key: "now", Value: []byte("6"), Expires: noon})
	for range 3 {
		j.Close()
		j, found = open(t, folder)
		want(t, found, map[string]string{"a": "1", "c": "4", "soon": "5"})
	}
	for _, c := range found.Live {
		if at := map[bool]time.Time{true: noon.Add(time.Millisecond)}[c.Key == "soon"]; !c.Expires.Equal(at) {
			t.Errorf("%s expires at %v, want %v", c.Key, c.Expires, at)
		}
	}
}

// Nobody else may read whose right ended, or write it.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are none")
	}
	folder := filepath.Join(t.TempDir(), "state")
	open(t, folder)
	for path, want := range map[string]fs.FileMode{folder: 0o700, file(folder): 0o600, filepath.Join(folder, "lock"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

// A process that died while it wrote has told nobody that it had written: the rest of that record is cut off, and everything before it is there.
func TestATornRecordIsCutOff(t *testing.T) {
	data, begins := written(t, t.TempDir())
	for cut := begins[2] + 1; cut < len(data); cut++ {
		folder := t.TempDir()
		if err := os.WriteFile(file(folder), data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := journal.Check(folder); err != nil {
			t.Fatal(err)
		}
		j, found := open(t, folder)
		want(t, found, map[string]string{"a": strings.Repeat("a", 30), "b": strings.Repeat("b", 30)})
		if got := found.Torn; got != int64(cut-begins[2]) {
			t.Fatalf("cut at %d: got %d torn bytes, want %d", cut, got, cut-begins[2])
		}
		appended(t, j, lasts("d", "4"))
		j.Close()
		if _, found = open(t, folder); found.Torn != 0 || len(found.Live) != 3 || values(found)["d"] != "4" {
			t.Fatalf("cut at %d, then appended to: got %v, %d torn", cut, values(found), found.Torn)
		}
	}
}

// A file that grew when the power went, and was not filled.
func TestZerosAtTheEndAreCutOff(t *testing.T) {
	folder := t.TempDir()
	data, _ := written(t, folder)
	if err := os.WriteFile(file(folder), append(data, make([]byte, 4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found := open(t, folder); len(found.Live) != 3 || found.Torn != 4096 {
		t.Errorf("got %v, %d torn; want 3 and 4096", values(found), found.Torn)
	}
}

// A lost revocation lets somebody in: what was acknowledged and cannot be read keeps the gateway from starting, with the place and the remedy.
func TestDamageInTheMiddleIsRefused(t *testing.T) {
	data, begins := written(t, t.TempDir())
	zeroed := func(from, to int) []byte {
		damaged := append([]byte(nil), data...)
		clear(damaged[from:to])
		return damaged
	}
	tests := []struct {
		name   string
		data   []byte
		offset int
	}{
		{"a flipped bit in the first record", flipped(data, begins[0]+20), begins[0]},
		{"a flipped bit in the second record", flipped(data, begins[1]+20), begins[1]},
		{"a flipped bit in the last record", flipped(data, begins[2]+20), begins[2]},
		{"a length that leads beyond the end", flipped(data, begins[1]+3), begins[1]},
		{"a hole", zeroed(begins[1], begins[2]), begins[1]},
		{"another version", flipped(data, 17), 0},
		{"nothing in it", nil, 0},
		{"another file", []byte("listen: {}\n"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(file(folder), tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := journal.Open(folder, noon)
			corrupt, ok := errors.AsType[*journal.Corrupt](err)
			if !ok || corrupt.File != file(folder) || corrupt.Offset != int64(tt.offset) {
				t.Fatalf("got %v, want that %s is corrupt at byte %d", err, file(folder), tt.offset)
			}
			for _, piece := range []string{file(folder), fmt.Sprint("byte ", tt.offset), "put a copy of the file in its place", "revoke again"} {
				if !strings.Contains(err.Error(), piece) {
					t.Errorf("got %q, want %q in it", err, piece)
				}
			}
			if checked := journal.Check(folder); checked == nil || checked.Error() != err.Error() {
				t.Errorf("the check says %v, want the same", checked)
			}
			if now, _ := os.ReadFile(file(folder)); string(now) != string(tt.data) {
				t.Error("the file was changed")
			}
			// The remedy.
			if err := os.Remove(file(folder)); err != nil {
				t.Fatal(err)
			}
			if _, found := open(t, folder); len(found.Live) != 0 {
				t.Errorf("got %v of a journal that was taken away", values(found))
			}
		})
	}
}

func flipped(data []byte, at int) []byte {
	damaged := append([]byte(nil), data...)
	damaged[at] ^= 0x10
	return damaged
}

// Two gateways that write one journal would each forget what the other revoked.
func TestASecondProcessIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no lock")
	}
	folder := t.TempDir()
	j, _ := open(t, folder)
	appended(t, j, lasts("a", "1"))
	_, _, err := journal.Open(folder, noon)
	if err == nil || !strings.Contains(err.Error(), folder) || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("got %v, want that %s is in use by another process", err, folder)
	}
	if err := journal.Check(folder); err != nil {
		t.Errorf("the check, beside the one that runs: %v", err)
	}
	appended(t, j, lasts("b", "2"))
	j.Close()
	if err := j.Append([]journal.Change{lasts("c", "3")}); err == nil || j.Due(time.Now().Add(time.Hour)) {
		t.Errorf("a journal that was closed: got %v, due %v", err, j.Due(time.Now().Add(time.Hour)))
	}
	_, found := open(t, folder)
	want(t, found, map[string]string{"a": "1", "b": "2"})
}

func TestFoldersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(file(filepath.Join(dir, "odd")), 0o700); err != nil {
		t.Fatal(err)
	}
	for folder, says := range map[string]string{
		"absent/state": "nor does the folder around it",
		"file":         "is no folder",
		"file/state":   "",
		"odd":          "name a folder that the gateway may write to",
	} {
		path := filepath.Join(dir, folder)
		_, _, err := journal.Open(path, noon)
		if checked := journal.Check(path); err == nil || checked == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, and %v of the check; want %q with the path", folder, err, checked, says)
		}
	}
	if err := journal.Check(filepath.Join(dir, "new")); err != nil {
		t.Errorf("a folder that can be made: %v", err)
	}
}

// A key that changes for ever needs a bounded file.
func TestTheFileIsWrittenAnew(t *testing.T) {
	folder := t.TempDir()
	j, _ := open(t, folder)
	live := map[string]journal.Change{"stays": lasts("stays", "0")}
	appended(t, j, live["stays"])
	var rewritten int
	for i := range 3000 {
		c := lasts("changes", fmt.Sprint(i)+strings.Repeat(".", 2000))
		live[c.Key] = c
		appended(t, j, c)
		if j.Due(noon) {
			rewritten++
			if err := j.Rewrite(maps.Values(live), noon); err != nil {
				t.Fatal(err)
			}
		}
		if info, err := os.Stat(file(folder)); err != nil || info.Size() > 2<<20 {
			t.Fatalf("after %d changes the file has %v, %v; want at most 2 MiB", i+1, info, err)
		}
	}
	if rewritten < 3 || rewritten > 6 {
		t.Errorf("written anew %d times, want about 5", rewritten)
	}
	j.Close()
	j, found := open(t, folder)
	want(t, found, map[string]string{"stays": "0", "changes": "2999" + strings.Repeat(".", 2000)})
	if info, _ := os.Stat(file(folder)); info.Size() > 3000 {
		t.Errorf("after a start the file has %d bytes, want only what lives", info.Size())
	}
	appended(t, j, lasts("more", "1"))
}

// Many entries are written anew in many records.
func TestALargeMap(t *testing.T) {
	folder := t.TempDir()
	j, _ := open(t, folder)
	live := make(map[string]journal.Change)
	for i := range 20_000 {
		key := fmt.Sprint("ended/revocation/", i)
		live[key] = lasts(key, strings.Repeat("v", i%50))
	}
	if err := j.Rewrite(maps.Values(live), noon); err != nil {
		t.Fatal(err)
	}
	appended(t, j, journal.Change{Key: "ended/revocation/7"})
	j.Close()
	_, found := open(t, folder)
	if got := values(found); len(got) != 19_999 || got["ended/revocation/49"] != strings.Repeat("v", 49) {
		t.Errorf("got %d entries, want 19999", len(got))
	}
}
