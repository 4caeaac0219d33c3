package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// errTooLarge is why a file is not read to its end.
var errTooLarge = fmt.Errorf("it has more than %v; a configuration file has at most that, split the tenants into tenants_dir", Size(maxFile))

// specialError is why something in a folder of files is not read.
type specialError struct{ mode fs.FileMode }

func (e specialError) Error() string {
	return fmt.Sprintf("is no file but %v; take it out of the folder of the tenants", e.mode)
}

// read returns a file of at most maxFile bytes.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errTooLarge
	}
	return data, err
}

// readOf is read for one of many files in a folder, with half the calls of the system. It refuses what is no file: a pipe to which nobody writes would hold up everybody who
// reloads, for ever. That is why it is opened without waiting.
func readOf(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() { // reading says what is wrong with a folder
		return nil, specialError{mode.Type()}
	}
	data := make([]byte, min(info.Size(), maxFile)+1) // one more, to see whether the file grew
	n, err := io.ReadFull(f, data)
	switch {
	case err == nil:
		return read(path) // too large, or written to just now
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return data[:n], nil
	}
	return nil, err
}

// unreadable is the problem of a file of which nothing can be used.
func unreadable(name string, err error) Problem {
	if e, ok := errors.AsType[*syntaxError](err); ok {
		return Problem{File: name, Line: e.line, Column: e.column, Message: e.message}
	}
	if e, ok := errors.AsType[specialError](err); ok {
		return Problem{File: name, Line: 1, Column: 1, Message: e.Error()}
	}
	return Problem{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("cannot be read: %v", reason(err))}
}

// reason is err without the path, which the problem names already.
func reason(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
