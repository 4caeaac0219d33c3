//go:build !unix

package dev

import (
	"io/fs"
	"os"
)

// openOwn opens a file for reading.
func openOwn(path string) (*os.File, error) { return os.Open(path) }

// private relies on the user's cache folder, which the system keeps from others: modes say nothing here.
func private(fs.FileInfo) bool { return true }

// alive reports whether there is a process of this number.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
