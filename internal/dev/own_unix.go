//go:build unix

package dev

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openOwn opens a file for reading; it follows no link at the end of the path and waits for nobody at a pipe.
func openOwn(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// private reports whether a file is this user's and nobody else's.
func private(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}

// alive reports whether there is a process of this number.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
