//go:build unix && (!linux || race)

package socket

import "syscall"

// write is write(2). The race detector sees what it reads.
func write(fd uintptr, buf []byte) (int, error) { return syscall.Write(int(fd), buf) }
