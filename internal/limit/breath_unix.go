//go:build unix

package limit

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// Breath lets those who compute without end stand back until the runtime has asked the kernel who else has something to read. By itself it does so only when no goroutine is ready, and every
// 10 ms: on a machine whose cores are all busy, whoever has just sent something would wait for that.
//
// It is a pipe that reads what it has just written, but only once the kernel was asked about it. That costs some microseconds, and nothing else waits.
type Breath struct {
	// Guarded by mu, of which nobody waits. What fails once is not tried again.
	mu      sync.Mutex
	opened  bool
	r, w    *os.File
	raw     syscall.RawConn
	written bool
	try     func(fd uintptr) bool
}

// Take lets everybody else go first. Where somebody takes one already, those who are ready.
func (b *Breath) Take() {
	if !b.mu.TryLock() {
		runtime.Gosched()
		return
	}
	defer b.mu.Unlock()
	if b.open(); b.raw == nil {
		runtime.Gosched()
		return
	}
	b.written = false
	_ = b.raw.Read(b.try)
}

func (b *Breath) open() {
	if b.opened {
		return
	}
	b.opened = true
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	raw, err := r.SyscallConn()
	if err != nil {
		r.Close()
		w.Close()
		return
	}
	b.r, b.w, b.raw, b.try = r, w, raw, b.asked
}

// asked is called once, and again when there is something to read. Between the two the goroutine waits for the network.
func (b *Breath) asked(fd uintptr) bool {
	var one [1]byte
	if b.written {
		_, _ = syscall.Read(int(fd), one[:])
		return true
	}
	b.written = true
	_, err := b.w.Write(one[:])
	return err != nil
}

// Close gives back what it holds.
func (b *Breath) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = true
	if b.raw != nil {
		b.r.Close()
		b.w.Close()
		b.raw = nil
	}
}
