//go:build unix

package socket

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempt is one non-blocking write. They are pooled with their bound method, since a closure for each write would be an
// allocation for each delivery.
type attempt struct {
	buf []byte
	n   int
	err error
	try func(fd uintptr) bool
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.try = a.write
	return a
}}

// write always returns true: the runtime must not wait until the socket has room.
func (a *attempt) write(fd uintptr) bool {
	a.n, a.err = write(fd, a.buf)
	return true
}

// writeNow writes as much of buf as the socket takes without waiting. It returns 0 and nil when that is nothing.
func writeNow(raw syscall.RawConn, buf []byte) (int, error) {
	a := attempts.Get().(*attempt)
	a.buf = buf
	err := raw.Write(a.try)
	n := a.n
	if err == nil {
		err = a.err
	}
	a.buf, a.n, a.err = nil, 0, nil
	attempts.Put(a)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return 0, nil
	}
	return max(n, 0), err
}

// writable reports whether the kernel would take more for the peer now, below TLS and the PROXY protocol. Of a connection without one it says no.
func writable(c net.Conn) (yes bool) {
	for {
		switch layer := c.(type) {
		case syscall.Conn:
			raw, err := layer.SyscallConn()
			if err != nil {
				return false
			}
			_ = raw.Control(func(fd uintptr) {
				fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
				n, err := unix.Poll(fds, 0)
				yes = err == nil && n > 0 && fds[0].Revents == unix.POLLOUT
			})
			return yes
		case interface{ NetConn() net.Conn }:
			c = layer.NetConn()
		case interface{ Raw() net.Conn }:
			c = layer.Raw()
		default:
			return false
		}
	}
}
