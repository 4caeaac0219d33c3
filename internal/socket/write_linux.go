//go:build linux && !race

package socket

import (
	"syscall"
	"unsafe"
)

// write is write(2) on a socket that never lets wait, which the runtime is not told of. Told of it, it takes the core from a goroutine whose write lasts for more than 20 us, as that of a large message does, and lets another thread
// go on with the rest: the two then wait for one another's time slice, and everybody for both. Untold the core is the writer's for as long as the kernel copies, and each write is cheaper.
func write(fd uintptr, buf []byte) (int, error) {
	if len(buf) == 0 {
		return 0, nil
	}
	n, _, fault := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf))) //nolint:gosec // the kernel reads as many bytes as there are, before this returns
	if fault != 0 {
		return 0, fault
	}
	return int(n), nil
}
