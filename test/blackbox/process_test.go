package blackbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// proc reads what the kernel says of the gateway's process (proc(5)). Only Linux says it; elsewhere the test is skipped.
func (g *gateway) proc(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("what a process uses is read from /proc, which this system does not have")
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(g.cmd.Process.Pid), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cpu is the time that the gateway has computed so far.
func (g *gateway) cpu(t *testing.T) time.Duration {
	t.Helper()
	_, behindName, _ := cutLast(g.proc(t, "stat"), ") ")
	var ticks int
	for _, f := range strings.Fields(behindName)[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

// resident is the memory that the gateway holds now, in bytes.
func (g *gateway) resident(t *testing.T) int {
	t.Helper()
	var whole, resident int
	if _, err := fmt.Sscan(g.proc(t, "statm"), &whole, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// descriptors is how many files and sockets the gateway holds open.
func (g *gateway) descriptors(t *testing.T) int {
	t.Helper()
	g.proc(t, "stat")
	all, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(g.cmd.Process.Pid), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// memory is the most that a gateway held while it was watched.
type memory struct {
	g            *gateway
	before, most int
	stop         context.CancelFunc
	done         sync.WaitGroup
}

func (g *gateway) watchMemory(t *testing.T) *memory {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	m := &memory{g: g, before: g.resident(t), stop: cancel}
	t.Cleanup(func() { cancel(); m.done.Wait() })
	m.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(20 * time.Millisecond):
				m.most = max(m.most, g.resident(t))
			}
		}
	})
	return m
}

// stayed wants it to have grown by so much at most, beside the garbage that a small gateway lets pile up.
func (m *memory) stayed(t *testing.T, most int) {
	t.Helper()
	most += 16 << 20
	m.stop()
	m.done.Wait()
	if raced {
		most *= 8
	}
	t.Logf("the gateway held %d KiB before and at most %d KiB", m.before>>10, m.most>>10)
	if grown := m.most - m.before; grown > most {
		t.Errorf("the gateway's memory grew by %d KiB, want at most %d", grown>>10, most>>10)
	}
}
