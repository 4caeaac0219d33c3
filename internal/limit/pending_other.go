//go:build !unix

package limit

import "net"

// pending is not known here: on a node that is full and slow, who has waited longest may lose its place.
func pending(net.Conn) bool { return false }
