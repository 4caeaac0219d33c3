package socket

import "syscall"

// deafen lets the kernel wake nobody for less than a gulp, but for the end of the connection.
func deafen(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, gulp)
}
