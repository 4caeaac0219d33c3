package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"portcullis/internal/config/regular"
)

const filePoll = 5 * time.Second

// file is a key set on disk.
type file struct {
	path string
	seen os.FileInfo // of the last good set
}

// File returns the keys in the file at path, which it reads. [Source.Run] reads it again when its inode, size or time of change is
// another, as it is after a rename and after Kubernetes swapped the folder behind a link.
func File(path string, options Options) (*Source, error) {
	f := &file{path: path}
	s := newSource(path, path, filePoll, options, f.load)
	return s, s.Fetch(context.Background())
}

func (f *file) load(context.Context) (*Set, error) {
	set, err := f.read()
	if fault, ok := errors.AsType[*os.PathError](err); ok { // it names the path once more
		return nil, fmt.Errorf("read keys from %s: %w; name a JWK Set file that the gateway may read", f.path, fault.Err)
	}
	if err != nil && !errors.Is(err, errUnchanged) {
		return nil, fmt.Errorf("read keys from %s: %w", f.path, err)
	}
	return set, err
}

func (f *file) read() (*Set, error) {
	now, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if f.seen != nil && os.SameFile(now, f.seen) && now.Size() == f.seen.Size() && now.ModTime().Equal(f.seen.ModTime()) {
		return nil, errUnchanged
	}
	text, err := readBounded(f.path)
	if err != nil {
		return nil, err
	}
	set, err := Parse(text)
	if err != nil {
		return nil, err
	}
	f.seen = now // taken before reading: a change while reading is seen the next time
	return set, nil
}

func readBounded(path string) ([]byte, error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}
