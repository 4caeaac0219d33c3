// Package regular reads regular files, those that a configuration names: nothing else has an end. A pipe to which nobody writes would hold up everybody who reloads,
// for ever, and a device would fill the memory.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Special is why what is no regular file is not read: what it is instead.
type Special fs.FileMode

func (s Special) Error() string {
	what := "something else" // a socket cannot even be opened
	switch mode := fs.FileMode(s); {
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return "it is " + what + " and no regular file"
}

// TooLarge is why a file is not read to its end: how many bytes it may have.
type TooLarge int64

func (t TooLarge) Error() string { return fmt.Sprintf("it has more than %d bytes", int64(t)) }

// Open opens a regular file for reading, without waiting for anybody. Whatever it is, the error is an [fs.PathError]; one of what is neither a file nor a folder holds a [Special].
func Open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		err = &fs.PathError{Op: "read", Path: path, Err: Special(info.Mode())}
	default:
		return f, info, nil
	}
	_ = f.Close()
	return nil, nil, err
}

// Read returns what a regular file of at most most bytes holds, and which file it is. It asks the system no more than that takes, for there may be thousands of files. The error is an
// [fs.PathError] as that of [Open] is; one of what is too large holds a [TooLarge].
func Read(path string, most int64) ([]byte, fs.FileInfo, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	text := make([]byte, min(info.Size(), most)+1) // one more, to see whether it grew
	n, err := io.ReadFull(f, text)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return text[:n], info, nil
	}
	if err != nil {
		return nil, nil, err
	}
	rest, err := io.ReadAll(io.LimitReader(f, most+1-int64(n))) // too large, or written to just now
	if err != nil {
		return nil, nil, err
	}
	if text = append(text, rest...); int64(len(text)) > most {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: TooLarge(most)}
	}
	return text, info, nil
}
