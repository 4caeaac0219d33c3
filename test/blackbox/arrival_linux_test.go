package blackbox_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// arrivals reads from a connection and knows when that had come to the client's kernel. Where attacker and victim share a core, who of them is let read is nothing that a gateway decides.
type arrivals struct {
	raw  syscall.RawConn
	last time.Time
}

// stamped makes a line read by arrivals, from now on. Nothing may be under way.
func (l *line) stamped(t *testing.T) *arrivals {
	t.Helper()
	raw, err := l.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }); err != nil {
		t.Fatal(err)
	}
	a := &arrivals{raw: raw}
	l.r = bufio.NewReader(a)
	return a
}

func (a *arrivals) Read(b []byte) (n int, err error) {
	var control [64]byte
	var said int
	waited := a.raw.Read(func(fd uintptr) bool {
		n, said, _, _, err = unix.Recvmsg(int(fd), b, control[:], unix.MSG_DONTWAIT)
		return err != unix.EAGAIN
	})
	switch {
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(control[:said])
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			a.last = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return n, err
}
