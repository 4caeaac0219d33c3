//go:build !unix

package socket

import (
	"net"
	"syscall"
)

// writeNow takes nothing: everything goes by the outbox.
func writeNow(syscall.RawConn, []byte) (int, error) { return 0, nil }

// writable knows nothing of the kernel.
func writable(net.Conn) bool { return false }
