package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"portcullis/internal/config/regular"
)

// read returns a file of at most maxFile bytes, and which one it is.
func read(path string) ([]byte, fs.FileInfo, error) { return regular.Read(path, maxFile) }

// readAny is read for one who waits at a terminal and whom nobody waits for: a shell's <(git show HEAD:acme.yaml) is a pipe.
func readAny(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = regular.TooLarge(maxFile)
	}
	return data, err
}

// unreadable is the problem of a file of which nothing can be used.
func unreadable(name string, err error) Problem {
	if e, ok := errors.AsType[*syntaxError](err); ok {
		return Problem{File: name, Line: e.line, Column: e.column, Message: e.message}
	}
	p := Problem{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("cannot be read: %v", reason(err))}
	if _, ok := errors.AsType[regular.Special](err); ok {
		p.Message += "; put a file in its place, or take it out"
	}
	return p
}

// noMain is unreadable for the file that a command names.
func noMain(name string, err error) Problem {
	p := unreadable(name, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Message += "; name the main file of a configuration, such as config init writes"
	case errors.Is(err, syscall.EISDIR):
		p.Message += "; name the main file in it, portcullis.yaml where config init wrote it"
	}
	return p
}

// reason is err without the path, which the problem names already.
func reason(err error) error {
	if _, ok := errors.AsType[regular.TooLarge](err); ok {
		return fmt.Errorf("it has more than %v; a configuration file has at most that, split the tenants into tenants_dir", Size(maxFile))
	}
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
