package regular_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"portcullis/internal/config/regular"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name string
		text string
		most int64
		want error
	}{
		{"an empty file", "", 4, nil},
		{"less than the most", "abc", 4, nil},
		{"the most", "abcd", 4, nil},
		{"one byte more", "abcde", 4, regular.TooLarge(4)},
		{"twice as much", "abcdefgh", 4, regular.TooLarge(4)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.name)
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			text, info, err := regular.Read(path, tt.most)
			if !errors.Is(err, tt.want) || err == nil && (string(text) != tt.text || info.Size() != int64(len(tt.text))) {
				t.Errorf("got %q, %v; want %q, %v", text, err, tt.text, tt.want)
			}
		})
	}
	for path, want := range map[string]error{dir: syscall.EISDIR, filepath.Join(dir, "none"): fs.ErrNotExist} {
		_, _, err := regular.Read(path, 4)
		if _, ok := errors.AsType[*fs.PathError](err); !ok || !errors.Is(err, want) {
			t.Errorf("%s: got %v, want a path's error with %v", path, err, want)
		}
	}
}
