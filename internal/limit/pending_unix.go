//go:build unix

package limit

import (
	"net"
	"syscall"
)

// pending reports whether the other side has sent what the gateway has not read yet: then it is the gateway that lets wait.
func pending(c net.Conn) (yes bool) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		yes = err == nil && n > 0
	})
	return yes
}
